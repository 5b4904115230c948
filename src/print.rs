//! Lines on stdout: what a command was asked for, as against logs and complaints, which go to stderr.

use std::io::{self, Write as _};

use crate::failure::Failure;

/// Prints the text and ends its line.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{}", text.trim_end()).map_err(|error| Failure::runtime("stdout", error))
}
