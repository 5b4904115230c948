//! How a command ends badly: [`Failure`]. Owns the exit codes and what goes to stderr; leaves the words to whoever failed.

use std::fmt;
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
    /// A load test has crossed a threshold that its operator had set. Exit code 99.
    Threshold(String),
    /// A load test's figures cannot be trusted. Exit code 3.
    Invalid(String),
}

impl Failure {
    /// Something that did not work, and why.
    pub(crate) fn runtime(what: &str, why: impl fmt::Display) -> Self {
        Self::Runtime(format!("{what}: {why}"))
    }

    /// Tells the user, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let code = match self {
            Self::Runtime(_) => 1,
            Self::Usage(_) => 2,
            Self::Config(_) => 78,
            Self::Threshold(_) => 99,
            Self::Invalid(_) => 3,
        };
        // With stderr gone there is nobody left to tell.
        let _ = writeln!(std::io::stderr(), "{self}");
        ExitCode::from(code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime(text) | Self::Threshold(text) | Self::Invalid(text) => {
                write!(f, "holdfast: {text}")
            }
            Self::Usage(text) => write!(f, "error: {text}"),
            Self::Config(text) => f.write_str(text),
        }
    }
}
