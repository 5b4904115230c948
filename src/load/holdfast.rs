//! The scenarios of `holdfast load` that speak Holdfast's own protocol. Owns what they can be told.

use std::time::Duration;

use clap::{Arg, ArgMatches, value_parser};
use loadtest::plan::{Calls, GroupPlan, Hardship, Load, Part, Task};
use proto::packet::Codec;
use settings::{ByteSize, Setting as _};

use super::Scenario;
use super::running::{self, DEFAULTED, value};

/// Pairs that chat.
pub(super) const CHAT: Scenario = Scenario {
    name: "chat",
    about: "Has pairs of users chat: durable messages, acknowledged to the sender and by the receiver",
    arguments: pairs,
    parts: chat,
};

/// Pairs whose connections are cut.
pub(super) const STORM: Scenario = Scenario {
    name: "storm",
    about: "The same, and cuts connections all at once: clients come back and take their sessions up",
    arguments: storm_arguments,
    parts: storm,
};

/// Pairs beside others of whom those who hear do not read.
pub(super) const SLOW: Scenario = Scenario {
    name: "slow",
    about: "The same, beside pairs of whom those who hear stop reading now and then",
    arguments: slow_arguments,
    parts: slow,
};

/// Groups that are told something all at once.
pub(super) const FANOUT: Scenario = Scenario {
    name: "fanout",
    about: "Tells everybody at once: one message to each group, all at the same moment",
    arguments: fanout_arguments,
    parts: fanout,
};

/// Groups that are told something in turn.
pub(super) const GROUPS: Scenario = Scenario {
    name: "groups",
    about: "Tells groups something, one after the other",
    arguments: groups_arguments,
    parts: groups,
};

fn number() -> clap::builder::RangedI64ValueParser<u32> {
    value_parser!(u32).range(1..)
}

fn duration(name: &'static str, default: &'static str, help: &'static str) -> Arg {
    value(name, "DURATION", help).default_value(default).value_parser(Duration::parse)
}

fn rate(default: &'static str, help: &'static str) -> Arg {
    value("rate", "NUMBER", help).default_value(default).value_parser(running::rates())
}

fn bytes() -> Arg {
    value("bytes", "SIZE", "Bytes of a message").default_value("200").value_parser(ByteSize::parse)
}

fn pairs() -> Vec<Arg> {
    vec![
        bytes(),
        value("pairs", "NUMBER", "Pairs of users: one says, the other hears")
            .default_value("100")
            .value_parser(number()),
        value("form", "FORM", "The form of packets over WebSocket")
            .default_value("proto")
            .value_parser(["proto", "json"]),
        rate("1000", "Messages a second, of all pairs together"),
        value("unanswered", "NUMBER", "Messages of a pair on the way beyond which one that is due is missed")
            .default_value("1000")
            .value_parser(number()),
        value("closed-loop", "NUMBER", "Instead: so many messages of each pair are on the way, and the next one waits for one to be answered and delivered. Says what a server can do at most, and nothing about latency")
            .conflicts_with("rate")
            .value_parser(number()),
    ]
}

fn storm_arguments() -> Vec<Arg> {
    let mut arguments = pairs();
    arguments.extend([
        duration("every", "10s", "Between one cut and the next; the first comes after half of that"),
        value("share", "SHARE", "Of the connections, from 0 to 1")
            .default_value("1")
            .value_parser(value_parser!(f64)),
    ]);
    arguments
}

fn slow_arguments() -> Vec<Arg> {
    let mut arguments = pairs();
    arguments.extend([
        value(
            "slow-pairs",
            "NUMBER",
            "Pairs that stop reading; they are sent as much as the others are, each",
        )
        .default_value("10")
        .value_parser(number()),
        duration(
            "every",
            "10s",
            "Between one stall's beginning and the next; the first comes after half of that",
        ),
        duration("stall", "4s", "How long they do not read"),
    ]);
    arguments
}

fn grouped() -> Vec<Arg> {
    vec![
        bytes(),
        value("groups", "NUMBER", "How many groups").default_value("1").value_parser(number()),
        value("group-size", "NUMBER", "How many users are in each; the first one says, the others hear")
            .default_value("500")
            .value_parser(number()),
    ]
}

fn fanout_arguments() -> Vec<Arg> {
    let mut arguments = grouped();
    arguments.push(duration("every", "1s", "Between one message to everybody and the next"));
    arguments
}

fn groups_arguments() -> Vec<Arg> {
    let mut arguments = grouped();
    arguments.push(rate("100", "Messages a second, of all groups together; each goes to a whole group"));
    arguments
}

fn get<T: Clone + Send + Sync + 'static>(given: &ArgMatches, name: &str) -> T {
    given.get_one::<T>(name).expect(DEFAULTED).clone()
}

/// Pairs that are sent `share` of the rate.
fn talking(name: &str, pairs: u32, given: &ArgMatches, share: f64, hardship: Option<Hardship>) -> Part {
    let load = match given.get_one("closed-loop") {
        Some(in_flight) => Load::Closed { in_flight: *in_flight },
        None => {
            Load::Open { rate: get::<f64>(given, "rate") * share, unanswered_max: get(given, "unanswered") }
        }
    };
    let codec = if get::<String>(given, "form") == "json" { Codec::Json } else { Codec::Proto };
    let task = Task::Chat { bytes: get::<ByteSize>(given, "bytes").0, load, codec, hardship };
    Part { name: name.to_owned(), clients: pairs.saturating_mul(2), after: Duration::ZERO, task }
}

fn chat(given: &ArgMatches) -> Vec<Part> {
    vec![talking("chat", get(given, "pairs"), given, 1.0, None)]
}

fn storm(given: &ArgMatches) -> Vec<Part> {
    let storm = Hardship::Storm { every: get(given, "every"), share: get(given, "share") };
    vec![talking("storm", get(given, "pairs"), given, 1.0, Some(storm))]
}

/// Those who read well and those who do not are two parts, whose figures do not mix.
fn slow(given: &ArgMatches) -> Vec<Part> {
    let (pairs, slow): (u32, u32) = (get(given, "pairs"), get(given, "slow-pairs"));
    let hardship = Hardship::Slow { every: get(given, "every"), stall: get(given, "stall") };
    let as_much_each = f64::from(slow) / f64::from(pairs);
    vec![
        talking("others", pairs, given, 1.0, None),
        talking("slow", slow, given, as_much_each, Some(hardship)),
    ]
}

fn gathered(name: &str, given: &ArgMatches, calls: Calls) -> Vec<Part> {
    let (groups, size): (u32, u32) = (get(given, "groups"), get(given, "group-size"));
    let plan = GroupPlan { size, bytes: get::<ByteSize>(given, "bytes").0, calls };
    let task = Task::Sit { groups: Some(plan) };
    vec![Part { name: name.to_owned(), clients: groups.saturating_mul(size), after: Duration::ZERO, task }]
}

fn fanout(given: &ArgMatches) -> Vec<Part> {
    gathered("fanout", given, Calls::Together(get(given, "every")))
}

fn groups(given: &ArgMatches) -> Vec<Part> {
    gathered("groups", given, Calls::InTurn(get(given, "rate")))
}
