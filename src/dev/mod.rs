//! `holdfast dev`: the whole of Holdfast on one machine, as three real processes with the embedded store, for trying and for developing.
//! Owns the plan: which server is told what. Leaves processes to `child`, their order to `cluster`, what is printed to `hints`.

mod child;
mod cluster;
mod hints;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};

use self::child::Event;
use self::cluster::Cluster;
use crate::failure::Failure;
use crate::signals::Signals;
use crate::{dev_key, logging, print};

/// Flags that are passed on: ours, the server, and its own flag.
const ADDRESSES: [(&str, &str, &str); 6] = [
    ("listen", "gateway", "listen"),
    ("gateway-admin", "gateway", "admin"),
    ("state", "state", "listen"),
    ("state-admin", "state", "admin"),
    ("logic", "logic", "listen"),
    ("http", "logic", "http"),
];

/// The command line.
pub(crate) fn command() -> Command {
    let address = |(ours, part, theirs): (&'static str, &str, &str)| {
        let help = format!("Passed on as `holdfast {part} --{theirs}`; port 0 lets the system choose");
        Arg::new(ours).long(ours).value_name("ADDRESS").help(help)
    };
    let any_port = Arg::new("any-port")
        .long("any-port")
        .action(ArgAction::SetTrue)
        .help("Let the system choose every port that is not given");
    let json = Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("Tell addresses and pids as one line of JSON on stdout");
    let command = Command::new("dev")
        .about("Runs gateway, state and logic on this machine until Ctrl-C")
        .after_help(
            "The servers also read their settings from the environment; see `holdfast gateway --help`.",
        )
        .args([dev_key::data_argument(), any_port, json])
        .args(ADDRESSES.map(address));
    logging::filter_argument(logging::format_argument(command))
}

/// What runs, as the servers themselves have told it.
struct Up {
    logic: Map<String, Value>,
    state: Map<String, Value>,
    gateway: Map<String, Value>,
}

/// Runs until it is told to stop, or until a server ends.
pub(crate) fn run(given: &ArgMatches) -> Result<(), Failure> {
    logging::start(given, given.get_one("log"))?;
    let data: &PathBuf = given.get_one("data").expect("it has a default");
    dev_key::make_if_missing(data)?;
    let mut cluster = Cluster::new();
    tell_when_to_stop(cluster.sender())?;
    let outcome = run_cluster(given, data, &mut cluster);
    cluster.stop();
    outcome
}

fn tell_when_to_stop(events: Sender<Event>) -> Result<(), Failure> {
    let mut signals = Signals::to_stop().map_err(|error| Failure::runtime("signals", error))?;
    std::thread::spawn(move || {
        signals.wait();
        let _ = events.send(Event::Stop);
    });
    Ok(())
}

fn run_cluster(given: &ArgMatches, data: &Path, cluster: &mut Cluster) -> Result<(), Failure> {
    let Some(up) = start(given, data, cluster)? else { return Ok(()) };
    let text = if given.get_flag("json") { json_line(&up) } else { hints::text(&up, data)? };
    print::line(&text)?;
    cluster.wait()
}

/// Starts the servers from the back to the front, each told where the one behind it listens. `None` when it is time to stop instead.
fn start(given: &ArgMatches, data: &Path, cluster: &mut Cluster) -> Result<Option<Up>, Failure> {
    let mut logic = addresses(given, "logic");
    logic.extend(["--store".into(), data.join("holdfast.db").into()]);
    let Some(logic) = cluster.start("logic", &logic)? else { return Ok(None) };

    let mut state = addresses(given, "state");
    state.extend(["--logic".into(), address(&logic, "listen").into()]);
    let key = format!("{}:HS256:file:{}", dev_key::KID, dev_key::path(data).display());
    state.extend(["--token-keys".into(), key.into()]);
    state.extend(["--journal-folder".into(), data.join("sessions").into()]);
    let Some(state) = cluster.start("state", &state)? else { return Ok(None) };

    let mut gateway = addresses(given, "gateway");
    gateway.extend(["--state".into(), address(&state, "listen").into()]);
    let Some(gateway) = cluster.start("gateway", &gateway)? else { return Ok(None) };
    Ok(Some(Up { logic, state, gateway }))
}

/// The flags of a server that say where it shall listen.
fn addresses(given: &ArgMatches, server: &str) -> Vec<OsString> {
    let any_port = given.get_flag("any-port").then_some("127.0.0.1:0");
    let mut flags = Vec::new();
    for (ours, _, theirs) in ADDRESSES.iter().filter(|(_, part, _)| *part == server) {
        if let Some(address) = given.get_one::<String>(ours).map(String::as_str).or(any_port) {
            flags.extend([format!("--{theirs}").into(), address.into()]);
        }
    }
    flags
}

/// One of the addresses that a server has told; empty if it has not.
fn address<'a>(up: &'a Map<String, Value>, name: &str) -> &'a str {
    up.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// `{"ready":"dev","pid":1,"gateway":{"pid":4,"listen":"…","admin":"…"},"state":…,"logic":…}`
fn json_line(up: &Up) -> String {
    let Up { logic, state, gateway } = up;
    let pid = std::process::id();
    serde_json::json!({ "ready": "dev", "pid": pid, "gateway": gateway, "state": state, "logic": logic })
        .to_string()
}
