//! The `holdfast` binary of this build, run as a child: [`Holdfast`]. Owns starting, the ready line and the end; leaves what is said to it to the tests.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;

/// A process that has told it is ready. It is killed when it is dropped.
pub(crate) struct Holdfast {
    /// What its ready line says.
    pub(crate) ready: Value,
    process: Child,
    // Held, so that the process can write to it.
    _stdout: BufReader<ChildStdout>,
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
    /// Starts it with `--json` and blocks until it is ready. Give port 0 wherever it listens. Its log goes to this process's stderr.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::spawn(command(arguments))
    }

    /// The same for a command that was changed further.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut process = command
            .arg("--json")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary of this build can be started");
        let mut stdout = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("stdout can be read");
        let ready = serde_json::from_str(&line);
        let ready = ready.unwrap_or_else(|error| {
            panic!("{command:?} has said {line:?} instead of its ready line: {error}")
        });
        Self { ready, process, _stdout: stdout }
    }

    /// An address by its path in the ready line: `&["listen"]`, or `&["gateway", "listen"]` of `holdfast dev`.
    pub(crate) fn address(&self, path: &[&str]) -> SocketAddr {
        let value = path.iter().try_fold(&self.ready, |value, key| value.get(key));
        let text = value.and_then(Value::as_str).unwrap_or_else(|| panic!("no {path:?} in {}", self.ready));
        text.parse().expect("an address")
    }

    /// The process's number.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal by its name, as `kill` knows it: TERM, INT, KILL.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Blocks until it has ended: its exit code, `None` if a signal ended it.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.process.wait().expect("a child can be waited for").code()
    }
}

impl Drop for Holdfast {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends a signal to any process.
pub(crate) fn signal(pid: u32, name: &str) {
    let kill = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
    assert!(kill.expect("kill can be started").success());
}
