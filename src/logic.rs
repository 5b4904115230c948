//! `holdfast logic`: the conversations and their store.

use ::logic::Config;
use clap::{ArgMatches, Command};

use crate::failure::Failure;
use crate::server::{self, Started};

/// The command line.
pub(crate) fn command() -> Command {
    server::command::<Config>("Holds the conversations and their store")
}

/// Runs until it is told to stop.
pub(crate) fn run(given: &ArgMatches) -> Result<(), Failure> {
    server::run(given, |config: Config| {
        let running = ::logic::shell::start(&config)?;
        Ok(Started { addresses: running.addresses(), stop: Box::new(|| running.stop()) })
    })
}
