//! Where logs go and how they look: stderr, text for a person, JSON for a machine. Owns the flags `--log` and `--log-format`.

use std::io::{self, IsTerminal as _};

use clap::{Arg, ArgMatches, Command};
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// Adds the flags.
pub(crate) fn arguments(command: Command) -> Command {
    let level = Arg::new("log")
        .long("log")
        .value_name("FILTER")
        .help("What to log, like info or gateway=debug [default: RUST_LOG, or info]");
    let format = Arg::new("log-format")
        .long("log-format")
        .value_name("FORMAT")
        .value_parser(["text", "json"])
        .help("How logs look on stderr [default: text on a terminal, else json]");
    command.args([level, format])
}

/// Begins to log.
pub(crate) fn start(given: &ArgMatches) -> Result<(), Failure> {
    let filter =
        match given.get_one::<String>("log") {
            Some(filter) => EnvFilter::try_new(filter)
                .map_err(|error| Failure::Usage(format!("--log {filter}: {error}")))?,
            None if std::env::var_os("RUST_LOG").is_some() => EnvFilter::try_from_default_env()
                .map_err(|error| Failure::Usage(format!("RUST_LOG: {error}")))?,
            None => EnvFilter::new("info"),
        };
    let terminal = io::stderr().is_terminal();
    let text = given.get_one::<String>("log-format").map_or(terminal, |format| format == "text");
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(terminal);
    if text {
        logs.init();
    } else {
        logs.json().init();
    }
    Ok(())
}
