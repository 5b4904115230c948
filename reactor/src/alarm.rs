//! A wake-up at an exact moment: [`Alarm`]. Owns a timer that a poll watches; a poll's own timeout counts in whole milliseconds, which is enough for
//! deadlines and too coarse for whoever measures time.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use crate::sys;

/// Ends a wait at the moment it was set to, give or take the kernel's timer slack of some 50 µs.
#[derive(Debug)]
pub struct Alarm(OwnedFd);

impl Alarm {
    /// An alarm whose moment shows as `token`, readable.
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let timer = sys::timer()?;
        // Edge-triggered: it is never read, and each moment is an edge.
        registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self(timer))
    }

    /// Sets it to `wait` from now, instead of what it was set to before.
    pub fn set(&self, wait: Duration) -> io::Result<()> {
        sys::set_timer(self.0.as_fd(), wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::Poller;

    #[test]
    fn it_ends_a_wait_each_time_that_it_is_set() {
        let mut poller = Poller::new(8).unwrap();
        let alarm = Alarm::new(poller.registry(), Token(3)).unwrap();
        let mut ready = Vec::new();
        for wait in [Duration::from_micros(300), Duration::ZERO, Duration::from_micros(700)] {
            alarm.set(wait).unwrap();
            poller.turn(None, &mut ready).unwrap();
            assert_eq!(ready[0].token, Token(3));
        }
    }
}
