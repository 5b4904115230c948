//! `holdfast state`: the sessions.

use std::fmt;
use std::io;
use std::path::PathBuf;

use ::state::Config;
use ::state::shell::{self, Running, journal};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use settings::{LinkAddress, LogFilter};

use crate::failure::Failure;
use crate::print;
use crate::server::{self, Server};

const VERIFY: &str = "verify-journal";

impl Server for Config {
    const ABOUT: &'static str = "Holds the sessions of users";

    type Running = Running;

    fn log(&self) -> &LogFilter {
        &self.log
    }

    fn start(&self) -> io::Result<Running> {
        shell::start(self)
    }

    fn addresses(running: &Running) -> Vec<(&'static str, LinkAddress)> {
        running.addresses()
    }

    fn take_on(&self, running: &Running) {
        running.reload(self);
    }

    fn pulse(running: &Running) -> impl Fn() -> bool + Send + 'static {
        running.pulse()
    }

    fn stop(running: Running) -> io::Result<()> {
        running.stop()
    }
}

/// The command line.
pub(crate) fn command() -> Command {
    let folder = Arg::new("folder").value_name("FOLDER").required(true).value_parser(value_parser!(PathBuf));
    let repair = Arg::new("repair").long("repair").action(ArgAction::SetTrue);
    let verify = Command::new(VERIFY)
        .about("Reads a journal that no state server uses, and tells what it holds and what is wrong with it")
        .arg(folder.help("What the setting journal_folder says"))
        .arg(
            repair.help(
                "Cut off what is left of a last commit that was never done; nothing else can be repaired",
            ),
        );
    server::command::<Config>().args_conflicts_with_subcommands(true).subcommand(verify)
}

/// Runs until it is told to stop, or reads a journal.
pub(crate) fn run(given: &ArgMatches) -> Result<(), Failure> {
    match given.subcommand_matches(VERIFY) {
        Some(given) => verify(given),
        None => server::run::<Config>(given),
    }
}

fn verify(given: &ArgMatches) -> Result<(), Failure> {
    let folder: &PathBuf = given.get_one("folder").expect("it is required");
    let failed = |why: &dyn fmt::Display| Failure::runtime(VERIFY, why);
    let report = journal::verify(folder, given.get_flag("repair")).map_err(|error| failed(&error))?;
    print::line(&report.to_string())?;
    if report.is_whole() { Ok(()) } else { Err(failed(&"there is a torn tail")) }
}
