//! When to stop: [`Stop`]. Owns SIGTERM, SIGINT and the end of stdin; leaves the stopping to the command.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::{flag, low_level};

/// The wish to stop. Made before anything is started, so that no signal is lost.
#[derive(Debug)]
pub(crate) struct Stop(Signals);

impl Stop {
    /// Takes the signals over. A Ctrl-C while the stopping is under way ends the process at once.
    pub(crate) fn listen() -> io::Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        // The order counts: the check must come before the first signal sets the flag.
        flag::register_conditional_shutdown(SIGINT, 1, Arc::clone(&stopping))?;
        flag::register(SIGINT, Arc::clone(&stopping))?;
        flag::register(SIGTERM, stopping)?;
        Signals::new([SIGTERM, SIGINT]).map(Self)
    }

    /// Takes the end of stdin for SIGTERM: a child whose parent holds the other end cannot outlive it.
    pub(crate) fn also_at_stdin_eof() -> io::Result<()> {
        let watch = || {
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            let _ = low_level::raise(SIGTERM);
        };
        std::thread::Builder::new().name("stdin".into()).spawn(watch).map(drop)
    }

    /// Blocks until it is time.
    pub(crate) fn wait(mut self) {
        self.0.forever().next();
    }
}
