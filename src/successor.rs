//! A server that is replaced while it runs, by a process that it starts itself: the wish for it, the successor's command line, and what the supervisor is told. Owns the program's own path and arguments; how
//! anything is handed over is the server's business.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crossbeam_channel::{Receiver, Sender, bounded};
use gateway::shell::handover::control::Wish;
use signal_hook::consts::SIGUSR2;
use signal_hook::low_level;

/// The flag of a process that takes the place of the one that has started it, by the socket that is its stdin.
pub(crate) const FLAG: &str = "take-over";

/// Wishes that wait; who asks while so many do is told that it is of no use.
const WISHES: usize = 4;

/// How this process was started. To be asked for at its start: later the program's file may be another.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Origin {
    pub(crate) fn of_this_process() -> std::io::Result<Self> {
        let flag = format!("--{FLAG}");
        let arguments = std::env::args_os().skip(1).filter(|argument| *argument != *flag).collect();
        Ok(Self { program: std::env::current_exe()?, arguments })
    }

    /// The command that starts a successor: the same arguments, of the same program as its file is now, or of another.
    pub(crate) fn successor(&self, program: Option<&Path>) -> Command {
        let mut command = Command::new(program.unwrap_or(&self.program));
        command.args(&self.arguments).arg(format!("--{FLAG}"));
        // They are said to this process by its number, and mean nothing to another; the supervisor's signs of life are wanted from the successor, too.
        for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID"] {
            command.env_remove(name);
        }
        command
    }
}

/// Wishes of operators, on their way to the main thread, which SIGUSR2 wakes.
#[derive(Debug)]
pub(crate) struct Wishes {
    send: Sender<Wish>,
    receive: Receiver<Wish>,
}

impl Wishes {
    pub(crate) fn new() -> Self {
        let (send, receive) = bounded(WISHES);
        Self { send, receive }
    }

    /// Takes a wish in from any thread.
    pub(crate) fn taker(&self) -> impl Fn(Wish) + Send + 'static {
        let send = self.send.clone();
        move |wish| match send.try_send(wish) {
            Ok(()) => drop(low_level::raise(SIGUSR2)),
            Err(refused) => {
                refused.into_inner().answer(&Err("others have asked before, and wait".into()));
            }
        }
    }

    /// The wish that waits longest; `None` if the signal came from elsewhere.
    pub(crate) fn next(&self) -> Option<Wish> {
        self.receive.try_recv().ok()
    }
}
