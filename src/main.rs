//! The `holdfast` binary. Owns the command line, signals, logging and what is printed; leaves everything else to the crates.

mod chat;
mod check_config;
mod dev;
mod dev_key;
mod failure;
mod gateway;
mod load;
mod logging;
mod logic;
mod print;
mod server;
mod signals;
mod state;
mod successor;
mod supervisor;
mod token;
mod upgrade;

use std::process::ExitCode;

use clap::{ArgMatches, Command};

use crate::failure::Failure;

/// A message costs the state server and logic some dozens of small allocations, many of them freed by another thread than took them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A subcommand: its command line, and what it does.
type Subcommand = (fn() -> Command, fn(&ArgMatches) -> Result<(), Failure>);

/// What `holdfast` can do.
const SUBCOMMANDS: [Subcommand; 9] = [
    (dev::command, dev::run),
    (gateway::command, gateway::run),
    (state::command, state::run),
    (logic::command, logic::run),
    (check_config::command, check_config::run),
    (chat::command, chat::run),
    (token::command, token::run),
    (load::command, load::run),
    (upgrade::command, upgrade::run),
];

fn main() -> ExitCode {
    let given = command_line().get_matches();
    let chosen =
        SUBCOMMANDS.iter().find_map(|(command, run)| given.subcommand_matches(command().get_name()).map(run));
    match chosen {
        None | Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(failure)) => failure.report(),
    }
}

fn command_line() -> Command {
    Command::new("holdfast")
        .version(env!("CARGO_PKG_VERSION"))
        .about("An edge for long connections that never hangs up")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(SUBCOMMANDS.map(|(command, _)| command()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::command_line().debug_assert();
    }
}
