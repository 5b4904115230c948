//! What `holdfast gateway`, `state` and `logic` have in common: [`command`] and [`run`]. Owns the flags, the reading of settings and
//! the life of the process; leaves the work to the server's own crate.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::process::Command as Program;

use clap::{Arg, ArgAction, ArgMatches, Command};
use gateway::shell::handover::Report;
use gateway::shell::handover::control::Control;
use settings::{Changes, Entry, File, LinkAddress, LogFilter, Settings, Sources};

use crate::failure::Failure;
use crate::logging::Filter;
use crate::signals::{Asked, Signals};
use crate::successor::{Origin, Wishes};
use crate::{logging, print, successor, supervisor};

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

    /// Where operators ask for its replacement while it runs; `None` for a server that is replaced by being stopped and started.
    fn control(&self) -> Option<PathBuf> {
        None
    }

    /// Starts it in the place of the process that has started this one, by a socket to it. With it comes that one's stdin, if it was to end with it.
    fn take_over(&self, _before: OwnedFd) -> io::Result<(Self::Running, Option<OwnedFd>)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Hands everything over to the process that this program starts, and `stdin` with it. On an error nothing has changed.
    fn hand_over(_: &Self::Running, _successor: Program, _stdin: Option<OwnedFd>) -> Result<Report, String> {
        Err("this server is replaced by being stopped and started".into())
    }

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
        flag_of(successor::FLAG, "Take the place of the process that starts this one").hide(true),
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
    let origin = Origin::of_this_process().map_err(|error| Failure::runtime("program", error))?;
    let mut signals = Signals::to_stop_or_reload().map_err(|error| Failure::runtime("signals", error))?;
    let wishes = Wishes::new();
    let control = config.control().and_then(|directory| listen_for(&wishes, &directory));
    let takes_over = given.get_flag(successor::FLAG);
    let started = if takes_over { take_over(&config) } else { config.start().map(|running| (running, None)) };
    let (running, stdin) = started.map_err(|why| Failure::runtime(C::SECTION, why))?;
    let ready = if given.get_flag("json") { json_line } else { human_line };
    let told = print::line(&ready(C::SECTION, &C::addresses(&running)));
    // Whoever read what the first process printed may have gone since; that is no reason to let its clients go.
    if !takes_over {
        told?;
    }
    supervisor::ready();
    let watchdog = supervisor::watch(C::pulse(&running));
    let stdin_ends = given.get_flag("stop-on-stdin-eof");
    let stdin_kept = stdin.as_ref().map(OwnedFd::try_clone).transpose();
    let stdin_kept = stdin_kept.map_err(|error| Failure::runtime("stdin", error))?;
    if stdin_ends {
        Signals::also_at_stdin_eof(stdin).map_err(|error| Failure::runtime("stdin", error))?;
    }
    let mut last = config.clone();
    let replaced = loop {
        match signals.wait() {
            Asked::Stop => break false,
            Asked::Reload => {
                supervisor::reloading();
                last = reload(given, &config, last, &running, &filter);
                supervisor::ready();
            }
            Asked::Upgrade => {
                let stdin = stdin_ends.then(|| stdin_to_pass(stdin_kept.as_ref())).transpose();
                let stdin = stdin.map_err(|error| Failure::runtime("stdin", error))?;
                if upgrade::<C>(&running, &origin, &wishes, stdin) {
                    break true;
                }
            }
        }
    };
    drop(control);
    if !replaced {
        tracing::info!(part = C::SECTION, "stopping");
        supervisor::stopping();
    }
    if let Some(watchdog) = &watchdog {
        watchdog.stopping();
    }
    let stopped = C::stop(running).map_err(|error| Failure::runtime(C::SECTION, error));
    drop(watchdog);
    stopped
}

/// Starts in the place of another process, to which stdin is a socket.
fn take_over<C: Server>(config: &C) -> io::Result<(C::Running, Option<OwnedFd>)> {
    config.take_over(io::stdin().as_fd().try_clone_to_owned()?)
}

/// Begins to take wishes for a replacement. Without it the server serves all the same.
fn listen_for(wishes: &Wishes, directory: &std::path::Path) -> Option<Control> {
    match Control::listen(directory, wishes.taker()) {
        Ok(control) => Some(control),
        Err(error) => {
            tracing::warn!(directory = %directory.display(), %error, "holdfast upgrade will not reach this process");
            None
        }
    }
}

/// The stdin that a successor is to end with.
fn stdin_to_pass(of_the_one_before: Option<&OwnedFd>) -> io::Result<OwnedFd> {
    match of_the_one_before {
        Some(stdin) => stdin.try_clone(),
        None => io::stdin().as_fd().try_clone_to_owned(),
    }
}

/// Hands over to a new process, as somebody wishes. Whether there is one now, so that this one has to end.
fn upgrade<C: Server>(
    running: &C::Running,
    origin: &Origin,
    wishes: &Wishes,
    stdin: Option<OwnedFd>,
) -> bool {
    let wish = wishes.next();
    let program = wish.as_ref().and_then(|wish| wish.program.as_deref());
    supervisor::reloading();
    let outcome = C::hand_over(running, origin.successor(program), stdin);
    match &outcome {
        Ok(report) => {
            supervisor::handed_over(report.pid);
            let (connections, left, bytes) = report.sums();
            let freeze_ms = report.longest_freeze().map(|freeze| freeze.as_secs_f64() * 1e3);
            let total_ms = report.total.as_secs_f64() * 1e3;
            let pid = report.pid;
            tracing::info!(pid, connections, left, bytes, freeze_ms, total_ms, "handed over");
        }
        Err(why) => {
            tracing::error!(%why, "not handed over: this process serves on");
            supervisor::ready();
        }
    }
    let done = outcome.is_ok();
    if let Some(wish) = wish {
        wish.answer(&outcome.map(|report| report.to_string()));
    }
    done
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
