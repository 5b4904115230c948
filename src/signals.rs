//! What a process is asked for from outside: [`Asked`]. Owns SIGTERM, SIGINT, SIGHUP, SIGUSR2 and the end of stdin; leaves the doing to the command.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR2};
use signal_hook::iterator::Signals as Iterator;
use signal_hook::{flag, low_level};

/// A wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To stop in good order.
    Stop,
    /// To read the settings again.
    Reload,
    /// To hand over to a new process.
    Upgrade,
}

/// The wishes that come. Made before anything is started, so that no signal is lost.
#[derive(Debug)]
pub(crate) struct Signals(Iterator);

impl Signals {
    /// Takes SIGTERM and SIGINT over. Who sends one of them again while the stopping is under way ends the process at once; a SIGTERM that follows a
    /// Ctrl-C does not, for that is how a supervisor and a terminal ask for the same thing.
    pub(crate) fn to_stop() -> io::Result<Self> {
        let (terminated, stopping) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        // The order counts: the checks must come before the first signal sets the flags.
        flag::register_conditional_shutdown(SIGTERM, 1, Arc::clone(&terminated))?;
        flag::register_conditional_shutdown(SIGINT, 1, Arc::clone(&stopping))?;
        flag::register(SIGINT, Arc::clone(&stopping))?;
        flag::register(SIGTERM, stopping)?;
        flag::register(SIGTERM, terminated)?;
        Iterator::new([SIGTERM, SIGINT]).map(Self)
    }

    /// The same, and SIGHUP and SIGUSR2.
    pub(crate) fn to_stop_or_reload() -> io::Result<Self> {
        let signals = Self::to_stop()?;
        signals.0.add_signal(SIGHUP)?;
        signals.0.add_signal(SIGUSR2)?;
        Ok(signals)
    }

    /// Takes the end of stdin for SIGTERM: a child whose parent holds the other end cannot outlive it.
    /// With `other` it is not this process's stdin but that of the one before it.
    pub(crate) fn also_at_stdin_eof(other: Option<OwnedFd>) -> io::Result<()> {
        let watch = move || {
            let _ = match other {
                Some(other) => io::copy(&mut File::from(other), &mut io::sink()),
                None => io::copy(&mut io::stdin().lock(), &mut io::sink()),
            };
            let _ = low_level::raise(SIGTERM);
        };
        std::thread::Builder::new().name("stdin".into()).spawn(watch).map(drop)
    }

    /// Blocks until something is asked for.
    pub(crate) fn wait(&mut self) -> Asked {
        match self.0.forever().next() {
            Some(SIGHUP) => Asked::Reload,
            Some(SIGUSR2) => Asked::Upgrade,
            _ => Asked::Stop,
        }
    }
}
