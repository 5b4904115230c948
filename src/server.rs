//! What `holdfast gateway`, `state` and `logic` have in common: [`command`] and [`run`]. Owns the flags, the reading of settings and
//! the life of the process; leaves the work to the server's own crate.

use std::io;

use clap::{Arg, ArgAction, ArgMatches, Command};
use settings::{Changes, Entry, File, LinkAddress, LogFilter, Settings, Sources};

use crate::failure::Failure;
use crate::logging::Filter;
use crate::signals::{Asked, Signals};
use crate::{logging, print, supervisor};

/// The sections of a shared settings file.
const SECTIONS: [&str; 3] = ["gateway", "state", "logic"];

/// A server, by its settings.
pub(crate) trait Server: Settings + Clone {
    /// What it does, for `--help`.
    const ABOUT: &'static str;

    /// It, when it runs.
    type Running;

    /// What it shall log.
    fn log(&self) -> &LogFilter;

    /// Starts it.
    fn start(&self) -> io::Result<Self::Running>;

    /// What it listens on, by name: "listen", "admin" …
    fn addresses(running: &Self::Running) -> Vec<(&'static str, LinkAddress)>;

    /// Has a running server take on what is marked `@live` of these settings.
    fn take_on(&self, running: &Self::Running);

    /// Tells whether its event loops answer; asked now and then, on another thread.
    fn pulse(running: &Self::Running) -> impl Fn() -> bool + Send + 'static;

    /// Stops it and waits until it has.
    fn stop(running: Self::Running) -> io::Result<()>;
}

/// The command line of a server: the common flags, and one for each setting.
pub(crate) fn command<C: Server>() -> Command {
    let config = Arg::new("config").long("config").value_name("FILE").help("Settings in TOML");
    let flag_of = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let command = Command::new(C::SECTION).about(C::ABOUT).args([
        config,
        flag_of("json", "Tell readiness as one line of JSON on stdout"),
        flag_of("stop-on-stdin-eof", "Stop when stdin ends, as if by SIGTERM"),
        flag_of("print-settings", "Print every setting with its default as TOML, and end"),
        flag_of("print-config", "Print the settings that would be used as TOML, without secrets, and end"),
    ]);
    logging::format_argument(command)
        .next_help_heading("Settings (flag, environment, file, default: the first that is given)")
        .args(C::entries().iter().map(flag))
}

fn flag(entry: &Entry) -> Arg {
    let help = format!("{} [env: {}]", entry.help(), entry.environment());
    // A value may begin with a dash, so that it is the setting that complains about a negative number, not the command line.
    Arg::new(entry.key).long(entry.flag()).value_name(entry.kind).allow_hyphen_values(true).help(help)
}

/// Reads the settings as a start would, and says that nothing is wrong with them.
pub(crate) fn check<C: Server>(given: &ArgMatches) -> Result<(), Failure> {
    let config: C = load(given)?;
    if given.get_flag("print-config") {
        return print::line(&settings::effective(&config));
    }
    print::line(&format!("{}: the settings are in order", C::SECTION))
}

/// Runs a server until it is told to stop.
pub(crate) fn run<C: Server>(given: &ArgMatches) -> Result<(), Failure> {
    if given.get_flag("print-settings") {
        return print::line(&settings::reference(&C::entries()));
    }
    if given.get_flag("print-config") {
        return check::<C>(given);
    }
    let config: C = load(given)?;
    let filter = logging::start(given, Some(config.log()))?;
    let mut signals = Signals::to_stop_or_reload().map_err(|error| Failure::runtime("signals", error))?;
    let running = config.start().map_err(|why| Failure::runtime(C::SECTION, why))?;
    let ready = if given.get_flag("json") { json_line } else { human_line };
    print::line(&ready(C::SECTION, &C::addresses(&running)))?;
    supervisor::ready();
    let watchdog = supervisor::watch(C::pulse(&running));
    if given.get_flag("stop-on-stdin-eof") {
        Signals::also_at_stdin_eof().map_err(|error| Failure::runtime("stdin", error))?;
    }
    let mut last = config.clone();
    while signals.wait() == Asked::Reload {
        supervisor::reloading();
        last = reload(given, &config, last, &running, &filter);
        supervisor::ready();
    }
    tracing::info!(part = C::SECTION, "stopping");
    supervisor::stopping();
    if let Some(watchdog) = &watchdog {
        watchdog.stopping();
    }
    let stopped = C::stop(running).map_err(|error| Failure::runtime(C::SECTION, error));
    drop(watchdog);
    stopped
}

/// Reads the settings again and takes on what a running server can. With a mistake in them everything stays as it is. Takes what it was started with and what
/// was read last, and returns the latter's successor.
fn reload<C: Server>(given: &ArgMatches, started: &C, last: C, running: &C::Running, filter: &Filter) -> C {
    let read = load::<C>(given).and_then(|read| filter.change(read.log()).map(|()| read));
    let read = match read {
        Ok(read) => read,
        Err(failure) => {
            for mistake in failure.to_string().lines() {
                tracing::error!(
                    %mistake,
                    "the settings were read again and have a mistake: nothing is changed"
                );
            }
            return last;
        }
    };
    let changed = Changes::between(&last, &read).live.join(",");
    read.take_on(running);
    tracing::info!(part = C::SECTION, %changed, "the settings were read again");
    let keys = Changes::between(started, &read).at_restart.join(",");
    if !keys.is_empty() {
        tracing::warn!(part = C::SECTION, %keys, "these settings need a restart and stay as they were");
    }
    read
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

/// `{"ready":"gateway","listen":"127.0.0.1:7400"}`; of all that is in it only a path may need escaping.
fn json_line(part: &str, addresses: &[(&str, LinkAddress)]) -> String {
    let quoted = |address: &LinkAddress| serde_json::Value::from(address.to_string());
    let addresses = addresses.iter().map(|(name, address)| format!(",\"{name}\":{}", quoted(address)));
    format!("{{\"ready\":\"{part}\"{}}}", addresses.collect::<String>())
}

fn human_line(part: &str, addresses: &[(&str, LinkAddress)]) -> String {
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
        let addresses =
            [("listen", "unix:/run/\"a\".sock".parse().unwrap()), ("admin", "127.0.0.1:2".parse().unwrap())];
        let json = r#"{"ready":"gateway","listen":"unix:/run/\"a\".sock","admin":"127.0.0.1:2"}"#;
        assert_eq!(json_line("gateway", &addresses), json);
        let human = r#"gateway is ready: listen unix:/run/"a".sock, admin 127.0.0.1:2"#;
        assert_eq!(human_line("gateway", &addresses), human);
    }
}
