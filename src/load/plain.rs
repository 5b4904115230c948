//! `holdfast load idle` and `holdfast load echo`: connections to any WebSocket or TCP server. Owns their arguments.

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use loadtest::plan::{Load, Part, Plan, Task};
use settings::{ByteSize, Setting as _};

use super::running::{self, DEFAULTED, value};
use crate::failure::Failure;

fn connections() -> [Arg; 4] {
    let framing = value(
        "framing",
        "FRAMING",
        "How messages stand in TCP: as they are, or `length`: Holdfast's magic and a length before each",
    );
    [
        value("connections", "NUMBER", "How many")
            .default_value("100")
            .value_parser(value_parser!(u32).range(1..)),
        value("heartbeat", "DURATION", "How often a WebSocket is pinged; 0s means never")
            .default_value("30s")
            .value_parser(Duration::parse),
        framing.default_value("none").value_parser(["none", "length"]),
        value("subprotocol", "NAME", "The WebSocket subprotocol that is asked for"),
    ]
}

/// The command line of `idle`.
pub(crate) fn idle_command() -> Command {
    Command::new("idle")
        .about("Opens connections to any WebSocket or TCP server, and holds them")
        .args(running::arguments())
        .args(connections())
}

/// The command line of `echo`.
pub(crate) fn echo_command() -> Command {
    let number = || value_parser!(u32).range(1..);
    Command::new("echo")
        .about("Measures any WebSocket or TCP server that echoes")
        .long_about("Measures any WebSocket or TCP server that echoes. By default by an open model: messages are due at even distances, whatever the server does, and are timed from when they were due.")
        .args(running::arguments())
        .args(connections())
        .arg(
            value("bytes", "SIZE", "Bytes of a message").default_value("125").value_parser(ByteSize::parse),
        )
        .arg(value("rate", "NUMBER", "Messages a second, of all connections together").default_value("1000").value_parser(running::rates()))
        .arg(
            value("unanswered", "NUMBER", "Unanswered messages of a connection beyond which one that is due is missed")
                .default_value("1000")
                .value_parser(number()),
        )
        .arg(
            Arg::new("closed-loop")
                .long("closed-loop")
                .value_name("NUMBER")
                .action(ArgAction::Set)
                .conflicts_with("rate")
                .value_parser(number())
                .help("Instead: so many messages of each connection are on the way, and the next one waits for an answer. Says what a server can do at most, and nothing about latency"),
        )
}

/// Runs `idle`.
pub(crate) fn idle(given: &ArgMatches) -> Result<(), Failure> {
    run(given, Task::Idle { heartbeat: heartbeat(given) })
}

/// Runs `echo`.
pub(crate) fn echo(given: &ArgMatches) -> Result<(), Failure> {
    let load = match given.get_one("closed-loop") {
        Some(in_flight) => Load::Closed { in_flight: *in_flight },
        None => Load::Open {
            rate: *given.get_one("rate").expect(DEFAULTED),
            unanswered_max: *given.get_one("unanswered").expect(DEFAULTED),
        },
    };
    let bytes = given.get_one::<ByteSize>("bytes").expect(DEFAULTED).0;
    run(given, Task::Echo { bytes, load, heartbeat: heartbeat(given) })
}

fn heartbeat(given: &ArgMatches) -> Option<Duration> {
    given.get_one::<Duration>("heartbeat").copied().filter(|every| !every.is_zero())
}

fn run(given: &ArgMatches, task: Task) -> Result<(), Failure> {
    let clients = *given.get_one("connections").expect(DEFAULTED);
    let name = if matches!(task, Task::Idle { .. }) { "idle" } else { "echo" };
    let plan = Plan {
        lengths: given.get_one::<String>("framing").is_some_and(|framing| framing == "length"),
        subprotocol: given.get_one("subprotocol").cloned(),
        ..running::plan(given, vec![Part { name: name.into(), clients, task }])
    };
    running::run(given, &plan)
}
