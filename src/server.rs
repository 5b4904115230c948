//! What `holdfast gateway`, `state` and `logic` have in common: [`command`] and [`run`]. Owns the flags, the reading of settings and
//! the life of the process; leaves the work to the server's own crate.

use std::io;
use std::net::SocketAddr;

use clap::{Arg, ArgAction, ArgMatches, Command};
use settings::{Entry, File, Settings, Sources};

use crate::failure::Failure;
use crate::signals::Stop;
use crate::{logging, print};

/// The sections of a shared settings file.
const SECTIONS: [&str; 3] = ["gateway", "state", "logic"];

/// A server that has started.
pub(crate) struct Started {
    /// What it listens on, by name: "listen", "admin" …
    pub(crate) addresses: Vec<(&'static str, SocketAddr)>,
    /// Stops it and waits until it has.
    pub(crate) stop: Box<dyn FnOnce() -> io::Result<()>>,
}

/// The command line of a server: the common flags, and one for each setting.
pub(crate) fn command<C: Settings>(about: &'static str) -> Command {
    let config = Arg::new("config").long("config").value_name("FILE").help("Settings in TOML");
    let json = Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("Tell readiness as one line of JSON on stdout");
    let eof = Arg::new("stop-on-stdin-eof")
        .long("stop-on-stdin-eof")
        .action(ArgAction::SetTrue)
        .help("Stop when stdin ends, as if by SIGTERM");
    let print = Arg::new("print-settings")
        .long("print-settings")
        .action(ArgAction::SetTrue)
        .help("Print every setting with its default as TOML, and end");
    let command = Command::new(C::SECTION).about(about).args([config, json, eof, print]);
    logging::arguments(command)
        .next_help_heading("Settings (flag, environment, file, default: the first that is given)")
        .args(C::entries().iter().map(flag))
}

fn flag(entry: &Entry) -> Arg {
    let help = format!("{} [env: {}]", entry.help(), entry.environment());
    // A value may begin with a dash, so that it is the setting that complains about a negative number, not the command line.
    Arg::new(entry.key).long(entry.flag()).value_name(entry.kind).allow_hyphen_values(true).help(help)
}

/// Runs a server until it is told to stop.
pub(crate) fn run<C: Settings>(
    given: &ArgMatches,
    start: impl FnOnce(C) -> io::Result<Started>,
) -> Result<(), Failure> {
    if given.get_flag("print-settings") {
        return print::line(&settings::reference(&C::entries()));
    }
    let config = load(given)?;
    logging::start(given)?;
    let stop = Stop::listen().map_err(|error| Failure::runtime("signals", error))?;
    let started = start(config).map_err(|why| Failure::runtime(C::SECTION, why))?;
    let ready = if given.get_flag("json") { json_line } else { human_line };
    print::line(&ready(C::SECTION, &started.addresses))?;
    if given.get_flag("stop-on-stdin-eof") {
        Stop::also_at_stdin_eof().map_err(|error| Failure::runtime("stdin", error))?;
    }
    stop.wait();
    tracing::info!(part = C::SECTION, "stopping");
    (started.stop)().map_err(|error| Failure::runtime(C::SECTION, error))
}

fn load<C: Settings>(given: &ArgMatches) -> Result<C, Failure> {
    let name = given.get_one::<String>("config").map(String::as_str);
    let text = match name {
        Some(name) => {
            std::fs::read_to_string(name).map_err(|error| Failure::Config(format!("{name}: {error}")))?
        }
        None => String::new(),
    };
    let file = name.map(|name| File { name, text: &text, other_sections: &SECTIONS });
    let entries = C::entries();
    let flags: Vec<(&str, String)> = entries
        .iter()
        .filter_map(|entry| given.get_one::<String>(entry.key).map(|text| (entry.key, text.clone())))
        .collect();
    let environment: Vec<(String, String)> = std::env::vars_os()
        .map(|(name, text)| (name.to_string_lossy().into_owned(), text.to_string_lossy().into_owned()))
        .collect();
    let sources = Sources { flags: &flags, environment: &environment, file };
    C::load(&sources).map_err(|mistakes| Failure::Config(mistakes.to_string()))
}

/// `{"ready":"gateway","listen":"127.0.0.1:7400"}`; nothing in it needs escaping.
fn json_line(part: &str, addresses: &[(&str, SocketAddr)]) -> String {
    let addresses = addresses.iter().map(|(name, address)| format!(",\"{name}\":\"{address}\""));
    format!("{{\"ready\":\"{part}\"{}}}", addresses.collect::<String>())
}

fn human_line(part: &str, addresses: &[(&str, SocketAddr)]) -> String {
    let addresses: Vec<_> = addresses.iter().map(|(name, address)| format!("{name} {address}")).collect();
    format!("{part} is ready: {}", addresses.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_of_settings_is_what_the_code_says() {
        let parts = [::gateway::Config::entries(), ::state::Config::entries(), ::logic::Config::entries()];
        let now = parts.map(|entries| settings::reference(&entries)).concat();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.toml");
        let committed = std::fs::read_to_string(path).unwrap();
        assert_eq!(committed, now, "scripts/gen writes it anew");
    }

    #[test]
    fn readiness_is_told_to_machines_and_to_people() {
        let addresses = [
            ("listen", SocketAddr::from(([127, 0, 0, 1], 1))),
            ("admin", SocketAddr::from(([127, 0, 0, 1], 2))),
        ];
        let json = r#"{"ready":"gateway","listen":"127.0.0.1:1","admin":"127.0.0.1:2"}"#;
        assert_eq!(json_line("gateway", &addresses), json);
        let human = "gateway is ready: listen 127.0.0.1:1, admin 127.0.0.1:2";
        assert_eq!(human_line("gateway", &addresses), human);
    }
}
