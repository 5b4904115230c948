//! The `holdfast` binary of this build, run as a child: [`Holdfast`]. Owns starting and the ready line; leaves what is said to it to the tests.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::program::Program;
pub(crate) use crate::program::signal;

/// A process that has told it is ready. It is killed when it is dropped.
pub(crate) struct Holdfast {
    /// What its ready line says.
    pub(crate) ready: Value,
    /// The process.
    pub(crate) program: Program,
}

/// The binary with these arguments, and none of this process's environment that would be a setting.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    let settings = std::env::vars_os().map(|(name, _)| name);
    settings.filter(|name| name.to_string_lossy().starts_with("HOLDFAST_")).for_each(|name| {
        command.env_remove(name);
    });
    command.env_remove("RUST_LOG").args(arguments).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the binary of this build can be started")
}

impl Holdfast {
    /// Starts it with `--json` and blocks until it is ready. Give port 0 wherever it listens.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    /// The same, with this in its environment.
    pub(crate) fn start_with(arguments: &[&str], environment: &[(&str, &Path)]) -> Self {
        let mut command = command(arguments);
        command.envs(environment.iter().copied());
        Self::ready(arguments, command)
    }

    fn ready(arguments: &[&str], mut command: Command) -> Self {
        command.arg("--json");
        let program = Program::start(arguments[0], command);
        let line = program.line();
        let ready = serde_json::from_str(&line);
        let ready = ready.unwrap_or_else(|error| {
            panic!("{arguments:?} has said {line:?} instead of its ready line: {error}")
        });
        Self { ready, program }
    }

    /// The same as [`Holdfast::start`], with a fault in its system calls of one kind, as `--inject` of strace(1) describes it: "fdatasync:error=EIO:when=9+". Its exit code is strace's, too.
    pub(crate) fn start_with_fault(arguments: &[&str], fault: &str) -> Self {
        let holdfast = command(arguments);
        let call = fault.split(':').next().expect("a fault begins with the name of a call");
        let mut strace = Command::new("strace");
        strace.args([
            "--follow-forks",
            "--quiet=all",
            "--output=/dev/null",
            "--trace",
            call,
            "--inject",
            fault,
        ]);
        strace.arg(holdfast.get_program()).args(holdfast.get_args());
        Self::ready(arguments, strace)
    }

    /// An address by its path in the ready line: `&["listen"]`, or `&["gateway", "listen"]` of `holdfast dev`.
    pub(crate) fn address(&self, path: &[&str]) -> SocketAddr {
        let value = path.iter().try_fold(&self.ready, |value, key| value.get(key));
        let text = value.and_then(Value::as_str).unwrap_or_else(|| panic!("no {path:?} in {}", self.ready));
        text.parse().expect("an address")
    }

    /// Sends a signal by its name, as `kill` knows it: TERM, INT, KILL.
    pub(crate) fn signal(&self, name: &str) {
        self.program.signal(name);
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// All it has said, stdout and stderr.
    pub(crate) fn said(&self) -> String {
        self.program.said()
    }

    /// Waits until it has ended: its exit code, `None` if a signal ended it.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.program.ended().0.code()
    }
}
