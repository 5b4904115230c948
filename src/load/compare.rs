//! `holdfast load compare A.json B.json`: two saved reports side by side. Owns the reading of the files.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::Value;

use crate::failure::Failure;
use crate::print;

/// What it is called.
pub(super) const NAME: &str = "compare";
/// Bytes of a report, at most: more than a day of seconds takes.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The command line.
pub(super) fn command() -> Command {
    let file = |name: &'static str, help: &'static str| {
        let file = Arg::new(name).value_name("FILE").required(true).value_parser(value_parser!(PathBuf));
        file.help(help)
    };
    Command::new(NAME)
        .about("Shows two reports, saved with --save, side by side")
        .arg(file("before", "The first"))
        .arg(file("after", "The second, whose change from the first is told"))
}

/// Runs it.
pub(super) fn run(given: &ArgMatches) -> Result<(), Failure> {
    let report = |name| read(given.get_one::<PathBuf>(name).expect("it is required"));
    let table = loadtest::report::compare(&report("before")?, &report("after")?);
    print::line(&table.map_err(Failure::Usage)?)
}

fn read(path: &Path) -> Result<Value, Failure> {
    let wrong = |why: &dyn std::fmt::Display| Failure::runtime(&path.display().to_string(), why);
    let length = path.metadata().map_err(|error| wrong(&error))?.len();
    if length > FILE_BYTES_MAX {
        return Err(wrong(&format_args!("is larger than {FILE_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    serde_json::from_str(&text).map_err(|error| wrong(&error))
}
