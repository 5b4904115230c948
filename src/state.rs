//! `holdfast state`: the sessions.

use ::state::Config;
use clap::{ArgMatches, Command};

use crate::failure::Failure;
use crate::server::{self, Started};

/// The command line.
pub(crate) fn command() -> Command {
    server::command::<Config>("Holds the sessions of users")
}

/// Runs until it is told to stop.
pub(crate) fn run(given: &ArgMatches) -> Result<(), Failure> {
    server::run(given, |config: Config| {
        let running = ::state::shell::start(&config)?;
        Ok(Started { addresses: running.addresses(), stop: Box::new(|| running.stop()) })
    })
}
