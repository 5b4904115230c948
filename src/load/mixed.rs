//! `holdfast load mixed FILE`: several scenarios at once, from a file. Owns the form of the file and where in it a mistake is: at its top stands what holds for the
//! whole run, and each `[[part]]` names a scenario and gives its options by the names that they have on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use loadtest::plan::Part;
use settings::Setting as _;
use toml::de::{DeTable, DeValue};

use super::{SCENARIOS, Scenario, running};
use crate::failure::Failure;

/// What it is called.
pub(super) const NAME: &str = "mixed";
/// Bytes of a file, at most.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The command line.
pub(super) fn command() -> Command {
    let file = Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf));
    Command::new(NAME)
        .about("Runs several scenarios at once, as a TOML file says (docs/load-testing.md)")
        .arg(file.help("The scenario file"))
        .arg(running::url().help("The server, if not the one in the file"))
        .args(running::surroundings())
}

/// Runs it.
pub(super) fn run(given: &ArgMatches) -> Result<(), Failure> {
    let path: &PathBuf = given.get_one("file").expect("it is required");
    let name = path.display().to_string();
    let length = path.metadata().map_err(|error| Failure::Config(format!("{name}: {error}")))?.len();
    if length > FILE_BYTES_MAX {
        return Err(Failure::Config(format!("{name}: is larger than {FILE_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| Failure::Config(format!("{name}: {error}")))?;
    let (shape, parts) = read(&name, &text)?;
    let plan = running::plan(given, &shape, parts)?;
    plan.check().map_err(|why| Failure::Config(format!("{name}: {why}")))?;
    running::run_and_judge(given, &shape, &plan)
}

/// A file's text, and how it says where in it something is.
struct File<'a> {
    name: &'a str,
    text: &'a str,
}

impl File<'_> {
    fn wrong(&self, at: usize, why: &str) -> Failure {
        let line = 1 + self.text.bytes().take(at).filter(|byte| *byte == b'\n').count();
        Failure::Config(format!("{}:{line}: {why}", self.name))
    }
}

/// What holds for the whole run, and its parts.
fn read(name: &str, text: &str) -> Result<(ArgMatches, Vec<Part>), Failure> {
    let file = File { name, text };
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        file.wrong(at, &error.message().replace('\n', " "))
    })?;
    let (mut top, mut parts) = (Vec::new(), Vec::new());
    for (key, value) in table.get_ref() {
        let at = key.span().start;
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("part", DeValue::Array(tables)) => {
                for table in tables {
                    let DeValue::Table(part) = table.get_ref() else {
                        return Err(file.wrong(table.span().start, "a part is a table: [[part]]"));
                    };
                    parts.extend(read_part(&file, table.span().start, part)?);
                }
            }
            ("part", _) => return Err(file.wrong(at, "parts are tables in a list: [[part]]")),
            (key, value) => top.extend(flags(key, value).map(|flag| (at, flag))),
        }
    }
    let top_command = Command::new("file").arg(running::url().long("url")).args(running::shape());
    Ok((parse(&file, top_command, top)?, parts))
}

fn read_part(file: &File<'_>, at: usize, table: &DeTable<'_>) -> Result<Vec<Part>, Failure> {
    let known = || SCENARIOS.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ");
    let (mut scenario, mut called, mut given): (Option<&Scenario>, _, _) = (None, None, Vec::new());
    let mut after = Duration::ZERO;
    for (key, value) in table {
        let at = key.span().start;
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("scenario", DeValue::String(name)) => {
                scenario = SCENARIOS.iter().find(|scenario| scenario.name == name.as_ref());
                if scenario.is_none() {
                    return Err(
                        file.wrong(at, &format!("there is no scenario {name:?}; there are {}", known()))
                    );
                }
            }
            ("name", DeValue::String(name)) => called = Some(name.to_string()),
            ("after", DeValue::String(text)) => {
                after = Duration::parse(text).map_err(|why| file.wrong(at, &format!("after: {why}")))?;
            }
            (key, value) => given.extend(flags(key, value).map(|flag| (at, flag))),
        }
    }
    let Some(scenario) = scenario else {
        return Err(file.wrong(at, &format!("a part needs a scenario: {}", known())));
    };
    let command = Command::new(scenario.name).args((scenario.arguments)());
    let mut parts = (scenario.parts)(&parse(file, command, given)?);
    parts.iter_mut().for_each(|part| part.after = after);
    if let Some(called) = called {
        let several = parts.len() > 1;
        for part in &mut parts {
            part.name = if several { format!("{called}, {}", part.name) } else { called.clone() };
        }
    }
    Ok(parts)
}

/// A key and its value as they would stand on a command line.
fn flags(key: &str, value: &DeValue<'_>) -> impl Iterator<Item = String> + use<> {
    let key = key.replace('_', "-");
    let one = |value: &DeValue<'_>| match value {
        DeValue::Boolean(false) => None,
        DeValue::Boolean(true) => Some(format!("--{key}")),
        DeValue::String(text) => Some(format!("--{key}={text}")),
        DeValue::Integer(number) => Some(format!("--{key}={number}")),
        DeValue::Float(number) => Some(format!("--{key}={number}")),
        // No option takes any of these: what is said about the option says so.
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => Some(format!("--{key}=…")),
    };
    let flags: Vec<_> = match value {
        DeValue::Array(values) => values.iter().filter_map(|value| one(value.get_ref())).collect(),
        value => one(value).into_iter().collect(),
    };
    flags.into_iter()
}

/// Reads options as the command line does. They are read one by one first, so that a mistake is told with its line.
fn parse(file: &File<'_>, command: Command, given: Vec<(usize, String)>) -> Result<ArgMatches, Failure> {
    let command = command.no_binary_name(true).disable_help_flag(true);
    let wrong = |at, error: clap::Error| {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        file.wrong(at, first.trim_start_matches("error: "))
    };
    for (at, flag) in &given {
        command.clone().try_get_matches_from([flag]).map_err(|error| wrong(*at, error))?;
    }
    let first = given.first().map_or(0, |(at, _)| *at);
    command.try_get_matches_from(given.into_iter().map(|(_, flag)| flag)).map_err(|error| wrong(first, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        match read("file", text) {
            Err(Failure::Config(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_gives_the_parts_and_what_holds_for_all() {
        let text = "url = 'ws://127.0.0.1:1/'\nduration = '3s'\nfail_if = ['p99>1s', 'lost>0']\n[[part]]\nscenario = 'slow'\npairs = 20\nslow_pairs = 2\n[[part]]\nscenario = 'idle'\nname = 'sleepers'\nafter = '2s'\nlogin = true\nconnections = 50\n";
        let (shape, parts) = read("file", text).unwrap();
        let parts = parts.iter().map(|part| (part.name.as_str(), part.clients, part.after.as_secs()));
        assert_eq!(parts.collect::<Vec<_>>(), [("others", 40, 0), ("slow", 4, 0), ("sleepers", 50, 2)]);
        assert_eq!(shape.get_many::<loadtest::threshold::Threshold>("fail-if").unwrap().len(), 2);
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        for (text, why) in [
            ("a = ", "file:1: "),
            ("\nspeed = 1", "file:2: unexpected argument '--speed' found"),
            ("ramp = 'fast'", "file:1: invalid value 'fast' for '--ramp <NUMBER>'"),
            ("part = 1", "file:1: parts are tables"),
            ("[[part]]\npairs = 1", "file:1: a part needs a scenario: idle, echo"),
            ("[[part]]\nscenario = 'dance'", "file:2: there is no scenario \"dance\""),
            ("[[part]]\nscenario = 'chat'\npairs = 0", "file:3: invalid value '0'"),
            ("[[part]]\nscenario = 'chat'\nramp = 5", "file:3: unexpected argument '--ramp' found"),
        ] {
            assert!(told(text).starts_with(why), "{text}: {}", told(text));
        }
    }
}
