//! Where logs go and how they look: stderr, text for a person, JSON for a machine. Owns the flag `--log-format`, and what is logged until told otherwise.

use std::io::{self, IsTerminal as _};

use clap::{Arg, ArgMatches, Command};
use settings::LogFilter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload::Handle;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::failure::Failure;

/// Changes what is logged.
#[derive(Clone, Debug)]
pub(crate) struct Filter(Handle<EnvFilter, Registry>);

/// Adds the flag for how logs look.
pub(crate) fn format_argument(command: Command) -> Command {
    let format = Arg::new("log-format")
        .long("log-format")
        .value_name("FORMAT")
        .value_parser(["text", "json"])
        .help("How logs look on stderr [default: text on a terminal, else json]");
    command.arg(format)
}

/// Adds the flag for what is logged, where it is no setting.
pub(crate) fn filter_argument(command: Command) -> Command {
    let filter = Arg::new("log")
        .long("log")
        .value_name("FILTER")
        .value_parser(<LogFilter as settings::Setting>::parse)
        .help("What to log, like info or gateway=debug [default: RUST_LOG, or info]");
    command.arg(filter)
}

/// Begins to log: what `filter` says, or else RUST_LOG.
pub(crate) fn start(given: &ArgMatches, filter: Option<&LogFilter>) -> Result<Filter, Failure> {
    let terminal = io::stderr().is_terminal();
    let text = given.get_one::<String>("log-format").map_or(terminal, |format| format == "text");
    let (filter, handle) = reload::Layer::new(parse(filter)?);
    let logs = fmt::layer().with_writer(io::stderr).with_ansi(terminal);
    let registry = tracing_subscriber::registry().with(filter);
    if text {
        registry.with(logs).init();
    } else {
        registry.with(logs.fmt_fields(JsonFields::new()).event_format(fmt::format().json())).init();
    }
    Ok(Filter(handle))
}

impl Filter {
    /// From now on this is logged.
    pub(crate) fn change(&self, filter: &LogFilter) -> Result<(), Failure> {
        let filter = parse(Some(filter))?;
        self.0.reload(filter).map_err(|error| Failure::runtime("log", error))
    }
}

fn parse(filter: Option<&LogFilter>) -> Result<EnvFilter, Failure> {
    match filter.and_then(LogFilter::text) {
        Some(filter) => {
            EnvFilter::try_new(filter).map_err(|error| Failure::Usage(format!("--log {filter}: {error}")))
        }
        None if std::env::var_os("RUST_LOG").is_some() => {
            EnvFilter::try_from_default_env().map_err(|error| Failure::Usage(format!("RUST_LOG: {error}")))
        }
        None => Ok(EnvFilter::new("info")),
    }
}
