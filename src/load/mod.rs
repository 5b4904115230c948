//! `holdfast load`: puts load on a server and measures. Owns the list of what it can do; each has a file, and what they share is in `running`.

mod chat;
mod plain;
mod progress;
mod running;

use clap::{ArgMatches, Command};

use crate::failure::Failure;

/// A subcommand: its command line, and what it does.
type Subcommand = (fn() -> Command, fn(&ArgMatches) -> Result<(), Failure>);

const SUBCOMMANDS: [Subcommand; 3] =
    [(plain::idle_command, plain::idle), (plain::echo_command, plain::echo), (chat::command, chat::run)];

/// The command line.
pub(crate) fn command() -> Command {
    Command::new("load")
        .about("Puts load on a server and measures")
        .after_help("Exit codes: 0 all well, 1 the server did something wrong or could not be reached, 2 wrong usage, 3 the tool was the limit, 78 a wrong scenario file, 99 a threshold was crossed.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(SUBCOMMANDS.map(|(command, _)| command()))
}

/// Does what was chosen.
pub(crate) fn run(given: &ArgMatches) -> Result<(), Failure> {
    let chosen =
        SUBCOMMANDS.iter().find_map(|(command, run)| given.subcommand_matches(command().get_name()).map(run));
    chosen.unwrap_or(Ok(()))
}
