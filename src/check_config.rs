//! `holdfast check-config`: whether a server would start with its settings. Owns nothing but the choice of the server: the settings are read as the server itself
//! reads them.

use clap::{ArgMatches, Command};

use crate::failure::Failure;
use crate::{gateway, logic, server, state};

/// The command line: as each server's own.
pub(crate) fn command() -> Command {
    Command::new("check-config")
        .about("Tells every mistake in a server's settings, and starts nothing")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([gateway::command(), state::command(), logic::command()])
}

/// Succeeds, or ends with the exit code that the server itself would end with.
pub(crate) fn run(given: &ArgMatches) -> Result<(), Failure> {
    match given.subcommand() {
        Some(("gateway", given)) => server::check::<::gateway::Config>(given),
        Some(("state", given)) => server::check::<::state::Config>(given),
        Some(("logic", given)) => server::check::<::logic::Config>(given),
        _ => Err(Failure::Usage("check-config: expected gateway, state or logic".into())),
    }
}
