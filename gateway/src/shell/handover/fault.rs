//! Mistakes on purpose: in builds for tests a handover can be made to fail at each of its steps. Owns the reading of what shall go wrong; the steps' names stand where they are.
//!
//! The environment variable `FAULT_OF_HANDOVER` names a file with a step and what happens there: `taker-standby abort`. Actions: `abort` ends the process at once, `stop` stops it
//! as Ctrl-Z does, `fail` lets the step fail. In a release nothing of this is there.

use std::io;

/// Lets go wrong what shall, at this step.
#[cfg(debug_assertions)]
pub(in crate::shell) fn at(step: &str) -> io::Result<()> {
    let Some(file) = std::env::var_os("FAULT_OF_HANDOVER") else { return Ok(()) };
    let told = std::fs::read_to_string(file).unwrap_or_default();
    match told.trim().split_once(' ') {
        Some((at, "abort")) if at == step => std::process::abort(),
        Some((at, "stop")) if at == step => {
            reactor::sys::stop_here();
            Ok(())
        }
        Some((at, "fail")) if at == step => Err(io::Error::other(format!("a test has {step} fail"))),
        _ => Ok(()),
    }
}

/// Nothing goes wrong on purpose.
#[cfg(not(debug_assertions))]
#[expect(clippy::unnecessary_wraps, reason = "in tests it can fail")]
#[inline]
pub(in crate::shell) fn at(_step: &str) -> io::Result<()> {
    Ok(())
}
