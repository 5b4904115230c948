//! What a supervisor is told: readiness, reloading, stopping, signs of life, by the protocol of systemd (sd_notify(3)). Owns the words; without a supervisor, which is
//! the rule outside of services, nothing is said.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;

use sd_notify::NotifyState;

/// The server does what it is there for.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The settings are being read again; [`ready`] must follow.
pub(crate) fn reloading() {
    // The supervisor compares the moment with that of its own request, so as not to take an old answer for a new one.
    match NotifyState::monotonic_usec_now() {
        Ok(moment) => tell(&[NotifyState::Reloading, moment]),
        Err(error) => tracing::warn!(%error, "cannot tell the supervisor of a reload"),
    }
}

/// Another process is the server from now on.
pub(crate) fn handed_over(pid: u32) {
    tell(&[NotifyState::MainPid(pid)]);
}

/// The server lets its clients go and ends.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Signs of life, given for as long as this is there.
#[derive(Debug)]
pub(crate) struct Watchdog(Sender<()>);

impl Watchdog {
    /// The server is stopping: its event loops end one by one, and no longer need to answer.
    pub(crate) fn stopping(&self) {
        let _ = self.0.send(());
    }
}

/// Gives a sign of life at half of the time that the supervisor allows, if it asked for any, and if `is_alive` says so: a server one of whose loops stands still is
/// not alive, and shall be started anew.
pub(crate) fn watch(is_alive: impl Fn() -> bool + Send + 'static) -> Option<Watchdog> {
    let every = sd_notify::watchdog_enabled()? / 2;
    let (ends, ended) = channel();
    let signs = move || {
        let mut stopping = false;
        loop {
            match ended.recv_timeout(every) {
                Ok(()) => stopping = true,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) if stopping || is_alive() => tell(&[NotifyState::Watchdog]),
                Err(RecvTimeoutError::Timeout) => {
                    tracing::error!("an event loop does not answer: the supervisor gets no sign of life");
                }
            }
        }
    };
    match thread::Builder::new().name("watchdog".into()).spawn(signs) {
        Ok(_) => Some(Watchdog(ends)),
        Err(error) => {
            tracing::error!(%error, "there will be no signs of life");
            None
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "cannot reach the supervisor");
    }
}
