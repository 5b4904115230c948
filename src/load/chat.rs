//! `holdfast load chat`: many pairs of users that chat, and what they saw. Owns the arguments and the tokens; the load is `loadtest`'s.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use client::wire::Address;
use loadtest::{BODY_BYTES_MIN, ChatLoad, Pid};
use proto::limits::BODY_BYTES_MAX;
use proto::packet::Codec;
use settings::{ByteSize, Setting as _};

use crate::dev_key::{self, Signer};
use crate::failure::Failure;
use crate::print;

/// How long a token is good: longer than any run.
const TOKEN_TTL: Duration = Duration::from_hours(24);
const DEFAULTED: &str = "it has a default";

/// The command line.
pub(crate) fn command() -> Command {
    let value = |name: &'static str, kind: &'static str, default: &'static str| {
        Arg::new(name).long(name).value_name(kind).default_value(default)
    };
    let count = |name: &'static str, default: &'static str| {
        value(name, "NUMBER", default).value_parser(value_parser!(u32).range(1..))
    };
    let url = value("url", "URL", "ws://127.0.0.1:7400/").value_parser(value_parser!(Address));
    let form = value("form", "FORM", "proto").value_parser(["proto", "json"]);
    let pid = Arg::new("pid").long("pid").value_name("NAME=PID").action(ArgAction::Append);
    Command::new("chat").about("Has pairs of users chat over a Holdfast gateway").args([
        url.help("The gateway: ws://host:port/ or tcp://host:port"),
        form.help("The form of packets over WebSocket"),
        count("pairs", "100").help("Pairs of users: one says, the other hears"),
        count("in-flight", "1").help("Messages of a pair that are on the way"),
        count("connections-per-second", "1000").help("How fast clients are brought online"),
        value("duration", "DURATION", "10s").value_parser(Duration::parse).help("How long messages are sent"),
        value("body", "SIZE", "200").value_parser(body_bytes).help("Bytes of a message"),
        value("prefix", "TEXT", "load")
            .help("What the uids begin with; runs at the same time need different ones"),
        pid.value_parser(value_parser!(Pid)).help("A process whose CPU time is reported; may be given again"),
        Arg::new("json").long("json").action(ArgAction::SetTrue).help("Report as one line of JSON"),
        dev_key::data_argument(),
    ])
}

fn body_bytes(text: &str) -> Result<ByteSize, String> {
    let bytes = ByteSize::parse(text)?;
    if (BODY_BYTES_MIN..=BODY_BYTES_MAX).contains(&bytes.0) {
        Ok(bytes)
    } else {
        Err(format!("is not between {BODY_BYTES_MIN} and {BODY_BYTES_MAX} bytes"))
    }
}

/// Runs the load and prints the report. What was lost or doubled is a failure.
pub(crate) fn run(given: &ArgMatches) -> Result<(), Failure> {
    let data: &PathBuf = given.get_one("data").expect(DEFAULTED);
    let signer = Signer::read(&dev_key::path(data), dev_key::KID)?;
    let load = load(given);
    let report = load
        .run(&mut |uid| signer.token(uid, None, TOKEN_TTL))
        .map_err(|error| Failure::runtime("load", error))?;
    let text = if given.get_flag("json") { report.json().to_string() } else { report.to_string() };
    print::line(&text)?;
    if report.is_sound() { Ok(()) } else { Err(Failure::Runtime("load: see what went wrong above".into())) }
}

fn load(given: &ArgMatches) -> ChatLoad {
    let number = |name: &str| *given.get_one::<u32>(name).expect(DEFAULTED);
    let text = |name: &str| given.get_one::<String>(name).expect(DEFAULTED);
    ChatLoad {
        url: given.get_one::<Address>("url").expect(DEFAULTED).clone(),
        codec: if text("form") == "json" { Codec::Json } else { Codec::Proto },
        pairs: number("pairs"),
        in_flight: number("in-flight"),
        duration: *given.get_one::<Duration>("duration").expect(DEFAULTED),
        connections_per_second: number("connections-per-second"),
        body_bytes: given.get_one::<ByteSize>("body").expect(DEFAULTED).0,
        prefix: text("prefix").clone(),
        pids: given.get_many::<Pid>("pid").into_iter().flatten().cloned().collect(),
    }
}
