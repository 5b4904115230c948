//! One server as a child process: [`Child`]. Owns its pipes: stdin, whose end stops it; stdout, whose first line tells it is ready; stderr, which
//! is passed on with a prefix. Leaves what follows from its [`Event`]s to the cluster.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread;

/// What happens to the cluster.
#[derive(Debug)]
pub(crate) enum Event {
    /// The server that was started last has printed its first line.
    Ready(String),
    /// A server has closed its stdout, which it does by ending.
    Ended(&'static str),
    /// It is time to stop.
    Stop,
}

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Child {
    /// Which one.
    pub(crate) part: &'static str,
    process: std::process::Child,
    /// Held open for as long as the server shall run. When this process dies, however it does, the system closes it.
    stdin: Option<ChildStdin>,
}

impl Child {
    /// Starts `holdfast PART` in a process group of its own: a Ctrl-C on the terminal is for the parent, which stops the parts in order.
    pub(crate) fn start(
        part: &'static str,
        arguments: &[OsString],
        events: &Sender<Event>,
    ) -> io::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(part)
            .args(["--json", "--stop-on-stdin-eof", "--log-format", "text"])
            .args(arguments)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(stdout) = process.stdout.take() {
            let events = events.clone();
            thread::spawn(move || watch(part, stdout, &events));
        }
        if let Some(stderr) = process.stderr.take() {
            thread::spawn(move || pass_on(part, stderr));
        }
        Ok(Self { part, stdin: process.stdin.take(), process })
    }

    /// The process's number.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to stop.
    pub(crate) fn ask_to_stop(&mut self) {
        self.stdin = None;
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
    }

    /// How it ended; blocks until it has.
    pub(crate) fn ended(&mut self) -> io::Result<ExitStatus> {
        self.process.wait()
    }
}

fn watch(part: &'static str, stdout: impl Read, events: &Sender<Event>) {
    let mut stdout = BufReader::new(stdout);
    let mut line = String::new();
    if stdout.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        let _ = events.send(Event::Ready(line));
    }
    let _ = io::copy(&mut stdout, &mut io::sink());
    let _ = events.send(Event::Ended(part));
}

fn pass_on(part: &str, stderr: impl Read) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    while stderr.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        // One write for a line, so that lines of two servers do not mix. It is read to its end even if nobody sees it: a full pipe would block the server.
        let text = format!("{part:>7} | {}\n", String::from_utf8_lossy(&line).trim_end());
        let _ = io::stderr().write_all(text.as_bytes());
        line.clear();
    }
}
