//! A child process that is spoken to in lines: [`Program`]. Owns its pipes, its log and its end; what the lines mean is its user's business.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The bound on every wait of these tests. Far beyond what anything takes: it is there so that a test fails instead of hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How long between two looks at what it has said, which is no event that could be awaited.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A process that runs. It is killed when this is dropped; if that is because the test has failed, what it said is printed.
pub(crate) struct Program {
    name: String,
    process: Child,
    stdin: Option<ChildStdin>,
    stdout: Receiver<String>,
    said: Arc<Mutex<String>>,
}

impl Program {
    /// Starts it. `name` is for whoever reads a failure.
    pub(crate) fn start(name: impl Into<String>, command: Command) -> Self {
        Self::start_on(name, command, Stdio::piped())
    }

    /// The same, with this as its stdin.
    pub(crate) fn start_on(name: impl Into<String>, mut command: Command, stdin: Stdio) -> Self {
        let name = name.into();
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let spawned = command.spawn();
        let mut process = spawned.unwrap_or_else(|error| panic!("{name}: {command:?}: {error}"));
        let said = Arc::new(Mutex::new(String::new()));
        let (lines, stdout) = channel();
        let (out, err) = (process.stdout.take().unwrap(), process.stderr.take().unwrap());
        read(out, Arc::clone(&said), lines.clone(), true);
        read(err, Arc::clone(&said), lines, false);
        Self { name, stdin: process.stdin.take(), process, stdout, said }
    }

    /// The next line of its stdout.
    ///
    /// # Panics
    /// When there is none in time.
    pub(crate) fn line(&self) -> String {
        let line = self.stdout.recv_timeout(PATIENCE);
        line.unwrap_or_else(|error| panic!("{} says nothing: {error}", self.name))
    }

    /// The next line of its stdout, if it comes within `patience`.
    pub(crate) fn try_line(&self, patience: Duration) -> Option<String> {
        self.stdout.recv_timeout(patience).ok()
    }

    /// Writes a line to its stdin.
    pub(crate) fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("its stdin is open");
        writeln!(stdin, "{line}").unwrap_or_else(|error| panic!("{} does not listen: {error}", self.name));
    }

    /// Ends its stdin.
    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal by its name, as `kill` knows it: TERM, INT, KILL.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.process.id(), name);
    }

    /// Waits until it has ended: how, and what lines it said that were not taken.
    ///
    /// # Panics
    /// When it does not end in time.
    pub(crate) fn ended(&mut self) -> (ExitStatus, Vec<String>) {
        let deadline = Instant::now() + PATIENCE;
        let mut rest = Vec::new();
        loop {
            match self.stdout.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => rest.push(line),
                // All its pipes are at their end, which it does by ending.
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("{} does not end", self.name),
            }
        }
        (self.process.wait().expect("a child can be waited for"), rest)
    }

    /// All it has said so far, stdout and stderr.
    pub(crate) fn said(&self) -> String {
        self.said.lock().expect("no thread panics while it holds this").clone()
    }

    /// Waits until it has said something, on stdout or stderr: the line.
    ///
    /// # Panics
    /// When it does not say so in time.
    pub(crate) fn has_said(&self, something: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.said().lines().find(|line| line.contains(something)) {
                return line.to_owned();
            }
            assert!(Instant::now() < deadline, "{} does not say {something:?}", self.name);
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Waits until it has said this.
    ///
    /// # Panics
    /// When it does not in time.
    pub(crate) fn await_words(&self, words: &str) {
        self.await_times(words, 1);
    }

    /// Waits until it has said this so many times.
    ///
    /// # Panics
    /// When it does not in time.
    pub(crate) fn await_times(&self, words: &str, times: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.said().matches(words).count() < times {
            assert!(Instant::now() < deadline, "{} does not say {words:?} {times} times", self.name);
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it at once, as `kill -9` does, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            println!("--- {} said:\n{}---", self.name, self.said());
        }
    }
}

/// Sends a signal to any process.
pub(crate) fn signal(pid: u32, name: &str) {
    // The shell has it built in; not every system has a program of the name.
    let kill = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status();
    assert!(kill.expect("a shell can be started").success());
}

/// Reads to the end, so that a full pipe never blocks the process. The channel is held until then, too, though only the lines of stdout go there: so
/// its end says that everything was read.
fn read(from: impl Read + Send + 'static, said: Arc<Mutex<String>>, lines: Sender<String>, is_stdout: bool) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut bytes = Vec::new();
        while from.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
            let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            said.lock().expect("no thread panics while it holds this").extend([&line, "\n"]);
            if is_stdout {
                // With the test gone nobody wants it.
                let _ = lines.send(line);
            }
            bytes.clear();
        }
    });
}
