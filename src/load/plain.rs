//! `holdfast load idle` and `holdfast load echo`: connections to any WebSocket or TCP server. Owns their arguments.

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use loadtest::plan::{Load, Part, Task};
use settings::{ByteSize, Setting as _};

use super::Scenario;
use super::running::{self, DEFAULTED, value};

fn connections() -> Vec<Arg> {
    let framing = value(
        "framing",
        "FRAMING",
        "How messages stand in TCP: as they are, or `length`: Holdfast's magic and a length before each",
    );
    vec![
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

/// Connections that sit there.
pub(super) const IDLE: Scenario = Scenario {
    name: "idle",
    about: "Opens connections to any WebSocket or TCP server, and holds them",
    arguments: idle_arguments,
    parts: idle,
};

/// Connections that have messages echoed.
pub(super) const ECHO: Scenario = Scenario {
    name: "echo",
    about: "Measures any WebSocket or TCP server that echoes; messages are due at even distances, whatever the server does, and are timed from when they were due",
    arguments: echo_arguments,
    parts: echo,
};

fn idle_arguments() -> Vec<Arg> {
    let login = Arg::new("login").long("login").action(ArgAction::SetTrue);
    let login =
        login.help("The server is Holdfast: users log in, and keep their sessions alive as it wants it");
    let mut arguments = connections();
    arguments.push(login);
    arguments
}

fn echo_arguments() -> Vec<Arg> {
    let number = || value_parser!(u32).range(1..);
    let mut arguments = connections();
    arguments.extend([
        value("bytes", "SIZE", "Bytes of a message").default_value("125").value_parser(ByteSize::parse),
        value("rate", "NUMBER", "Messages a second, of all connections together")
            .default_value("1000")
            .value_parser(running::rates()),
        value("unanswered", "NUMBER", "Unanswered messages of a connection beyond which one that is due is missed")
            .default_value("1000")
            .value_parser(number()),
        value("closed-loop", "NUMBER", "Instead: so many messages of each connection are on the way, and the next one waits for an answer. Says what a server can do at most, and nothing about latency")
            .conflicts_with("rate")
            .value_parser(number()),
    ]);
    arguments
}

fn idle(given: &ArgMatches) -> Vec<Part> {
    let task = if given.get_flag("login") {
        Task::Sit { groups: None }
    } else {
        Task::Idle { heartbeat: heartbeat(given) }
    };
    part("idle", given, task)
}

fn echo(given: &ArgMatches) -> Vec<Part> {
    let load = match given.get_one("closed-loop") {
        Some(in_flight) => Load::Closed { in_flight: *in_flight },
        None => Load::Open {
            rate: *given.get_one("rate").expect(DEFAULTED),
            unanswered_max: *given.get_one("unanswered").expect(DEFAULTED),
        },
    };
    let bytes = given.get_one::<ByteSize>("bytes").expect(DEFAULTED).0;
    part("echo", given, Task::Echo { bytes, load, heartbeat: heartbeat(given) })
}

fn heartbeat(given: &ArgMatches) -> Option<Duration> {
    given.get_one::<Duration>("heartbeat").copied().filter(|every| !every.is_zero())
}

fn part(name: &str, given: &ArgMatches, task: Task) -> Vec<Part> {
    let clients = *given.get_one("connections").expect(DEFAULTED);
    vec![Part { name: name.into(), clients, after: Duration::ZERO, task }]
}
