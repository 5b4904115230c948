//! Listening sockets that a process is started with, as systemd's socket units do it (sd_listen_fds(3)). Owns taking them out of the environment; which of them is
//! for what is told by their names.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sys;

/// A socket that was passed, and its name (`FileDescriptorName=` of the unit, or the unit's own name).
#[derive(Debug)]
pub struct Passed {
    /// What it is called.
    pub name: String,
    /// It.
    pub socket: OwnedFd,
}

/// The sockets that were passed to this process, in order. Nobody else may use their descriptors, so that they are given out once: a second call finds none.
pub fn passed() -> io::Result<Vec<Passed>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Ok(Vec::new());
    }
    let told = sd_notify::listen_fds_with_names()?;
    told.map(|(descriptor, name)| Ok(Passed { name, socket: sys::adopt(descriptor)? })).collect()
}
