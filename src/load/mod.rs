//! `holdfast load`: puts load on a server and measures. Owns the list of scenarios; what each is about is told in `plain` and `holdfast`, what all of them share in
//! `running`, and how a file puts several together in `mixed`.

mod compare;
mod holdfast;
mod mixed;
mod plain;
mod progress;
mod running;

use clap::{Arg, ArgMatches, Command};
use loadtest::plan::Part;

use crate::failure::Failure;

/// Something that clients can do.
struct Scenario {
    name: &'static str,
    about: &'static str,
    /// What it alone can be told.
    arguments: fn() -> Vec<Arg>,
    /// What clients do when told so.
    parts: fn(&ArgMatches) -> Vec<Part>,
}

const SCENARIOS: [Scenario; 7] = [
    plain::IDLE,
    plain::ECHO,
    holdfast::CHAT,
    holdfast::STORM,
    holdfast::SLOW,
    holdfast::FANOUT,
    holdfast::GROUPS,
];

/// The command line.
pub(crate) fn command() -> Command {
    Command::new("load")
        .about("Puts load on a server and measures")
        .after_help("Exit codes: 0 all well, 1 the server did something wrong or could not be reached, 2 wrong usage, 3 the tool was the limit, 78 a wrong scenario file, 99 a threshold was crossed.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(SCENARIOS.iter().map(Scenario::command))
        .subcommand(mixed::command())
        .subcommand(compare::command())
}

/// Does what was chosen.
pub(crate) fn run(given: &ArgMatches) -> Result<(), Failure> {
    match given.subcommand() {
        Some((mixed::NAME, given)) => mixed::run(given),
        Some((compare::NAME, given)) => compare::run(given),
        Some((name, given)) => {
            let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name);
            let parts = scenario.map_or_else(Vec::new, |scenario| (scenario.parts)(given));
            running::run(given, &running::plan(given, given, parts)?)
        }
        None => Ok(()),
    }
}

impl Scenario {
    fn command(&self) -> Command {
        Command::new(self.name)
            .about(self.about)
            .arg(running::url().required(true))
            .args((self.arguments)())
            .args(running::shape())
            .args(running::surroundings())
    }
}
