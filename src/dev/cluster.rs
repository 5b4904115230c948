//! Three servers as one: [`Cluster`]. Owns the order of starting (logic, state, gateway) and of stopping (the reverse), and the bounds on
//! both; leaves the processes to `child`.

use std::ffi::OsString;
use std::io;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::child::{Child, Event};
use crate::failure::Failure;

/// From the start of a server to its ready line. Generous: a busy machine may take seconds to open the store.
const START_DEADLINE: Duration = Duration::from_secs(30);
/// From asking a server to stop to killing it.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// The servers that run.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// In the order in which they were started.
    children: Vec<Child>,
    events: Receiver<Event>,
    sender: Sender<Event>,
}

impl Cluster {
    /// Nothing runs yet.
    pub(crate) fn new() -> Self {
        let (sender, events) = channel();
        Self { children: Vec::new(), events, sender }
    }

    /// Through this others tell it to stop.
    pub(crate) fn sender(&self) -> Sender<Event> {
        self.sender.clone()
    }

    /// Starts a server and waits until it is ready: what its ready line says, with its pid. `None` when it is time to stop instead.
    pub(crate) fn start(
        &mut self,
        part: &'static str,
        arguments: &[OsString],
    ) -> Result<Option<Map<String, Value>>, Failure> {
        let child =
            Child::start(part, arguments, &self.sender).map_err(|error| Failure::runtime(part, error))?;
        let pid = child.pid();
        self.children.push(child);
        let line = match self.events.recv_timeout(START_DEADLINE) {
            Ok(Event::Ready(line)) => line,
            Ok(Event::Stop) => return Ok(None),
            Ok(Event::Ended(ended)) => return Err(self.unexpected_end(ended)),
            Err(_) => return Err(Failure::runtime(part, "is not ready in time")),
        };
        let mut ready: Map<String, Value> = serde_json::from_str(&line)
            .map_err(|error| Failure::runtime(part, format_args!("ready line {line:?}: {error}")))?;
        ready.remove("ready");
        ready.insert("pid".into(), pid.into());
        Ok(Some(ready))
    }

    /// Blocks until it is time to stop, or until a server ends that should not.
    pub(crate) fn wait(&mut self) -> Result<(), Failure> {
        loop {
            match self.events.recv() {
                Ok(Event::Ready(..)) => {}
                Ok(Event::Stop) | Err(_) => return Ok(()),
                Ok(Event::Ended(ended)) => return Err(self.unexpected_end(ended)),
            }
        }
    }

    /// Stops every server, the last started first, and waits for each.
    pub(crate) fn stop(&mut self) {
        while let Some(child) = self.children.last_mut() {
            child.ask_to_stop();
            let part = child.part;
            let deadline = Instant::now() + STOP_DEADLINE;
            while self.children.last().is_some_and(|child| child.part == part) {
                self.await_an_end(part, deadline);
            }
        }
    }

    /// Waits for the next server to end, whichever it is; kills `part` when its time is over.
    fn await_an_end(&mut self, part: &'static str, deadline: Instant) {
        match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Event::Ended(ended)) => drop(self.reap(ended)),
            Ok(Event::Ready(..) | Event::Stop) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                tracing::warn!(part, "does not stop in time and is killed");
                self.children.iter_mut().filter(|child| child.part == part).for_each(Child::kill);
                drop(self.reap(part));
            }
        }
    }

    fn unexpected_end(&mut self, part: &str) -> Failure {
        match self.reap(part) {
            Some(Ok(status)) => Failure::runtime(part, format_args!("has ended unexpectedly ({status})")),
            Some(Err(error)) => Failure::runtime(part, error),
            None => Failure::runtime(part, "has ended unexpectedly"),
        }
    }

    /// Takes a server that has ended off the list: how it ended.
    fn reap(&mut self, part: &str) -> Option<io::Result<ExitStatus>> {
        let index = self.children.iter().position(|child| child.part == part)?;
        Some(self.children.remove(index).ended())
    }
}
