//! How a command ends badly: [`Failure`]. Owns the exit codes and what goes to stderr; leaves the words to whoever failed.

use std::io::Write as _;
use std::process::ExitCode;

/// Whose fault it is.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something did not work. Exit code 1.
    Runtime(String),
    /// The command line asks for what cannot be. Exit code 2, as clap's own complaints.
    Usage(String),
    /// The settings are wrong, one mistake a line. Exit code 78: EX_CONFIG of sysexits.h, which tells a supervisor that trying again is of no use.
    Config(String),
}

impl Failure {
    /// Something that did not work, and why.
    pub(crate) fn runtime(what: &str, why: impl std::fmt::Display) -> Self {
        Self::Runtime(format!("{what}: {why}"))
    }

    /// Tells the user, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let (code, text) = match self {
            Self::Runtime(text) => (1, format!("holdfast: {text}")),
            Self::Usage(text) => (2, format!("error: {text}")),
            Self::Config(text) => (78, text.clone()),
        };
        // With stderr gone there is nobody left to tell.
        let _ = writeln!(std::io::stderr(), "{text}");
        ExitCode::from(code)
    }
}
