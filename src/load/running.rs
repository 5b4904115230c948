//! What all load tests share on the command line: where to, how many threads, how fast the ramp, and what becomes of the report. Owns the
//! files that are written and the exit code; the run itself is `loadtest`'s.

use std::io::{IsTerminal as _, stderr};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use client::wire::Address;
use loadtest::coordinator::{self, Watch};
use loadtest::identity::{Identity, Mint};
use loadtest::plan::{Part, Plan};
use loadtest::report::{Ended, Report};
use loadtest::series::Snapshot;
use loadtest::threshold::Threshold;
use loadtest::{Pid, StartError};
use settings::Setting as _;

use super::progress;
use crate::dev_key::{self, Signer};
use crate::failure::Failure;
use crate::print;
use crate::signals::Signals;

/// How long a token is good: longer than any run.
const TOKEN_TTL: Duration = Duration::from_hours(48);
pub(crate) const DEFAULTED: &str = "it has a default";

/// An argument with a value.
pub(crate) fn value(name: &'static str, kind: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(kind).help(help)
}

/// Where to.
pub(crate) fn url() -> Arg {
    let url = Arg::new("url").value_name("URL").value_parser(value_parser!(Address));
    url.help("The server: ws://host:port/path or tcp://host:port")
}

/// What holds for a whole run, and may stand at the top of a scenario file.
pub(crate) fn shape() -> Vec<Arg> {
    let duration = |name, default, help| {
        value(name, "DURATION", help).default_value(default).value_parser(Duration::parse)
    };
    vec![
        value("ramp", "NUMBER", "Connections begun in a second").default_value("1000").value_parser(rate),
        duration(
            "coalesce",
            "0s",
            "How long events of idle users and of groups may gather, at most 100ms: less work for the tool, and their times may be so much too long. Chats and echoes then have threads of their own, and exact times",
        ),
        duration("duration", "10s", "How long messages are sent or connections are held"),
        duration(
            "patience",
            "10s",
            "How long a connection may take to be ready, and the last answers to come",
        ),
        value(
            "workers",
            "NUMBER",
            "Threads, each with open files of its own; by default as many as it takes",
        )
        .value_parser(value_parser!(u32).range(1..)),
        value("sources", "ADDRESSES", "Local addresses that connections come from, in turn")
            .value_delimiter(',')
            .value_parser(value_parser!(IpAddr)),
        value(
            "fail-if",
            "CONDITION",
            "Ends with exit code 99 if it holds, like 'p99>10ms' or 'missed>0'; may be given again",
        )
        .action(ArgAction::Append)
        .value_parser(value_parser!(Threshold)),
        value(
            "prefix",
            "TEXT",
            "What uids begin with, where users log in; runs at the same time need different ones",
        )
        .default_value("load"),
    ]
}

/// What depends on where a run takes place, and on who reads of it.
pub(crate) fn surroundings() -> Vec<Arg> {
    let flag = |name: &'static str, help| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    vec![
        value("pid", "NAME=PID", "A process whose CPU time and memory are reported; may be given again")
            .action(ArgAction::Append)
            .value_parser(value_parser!(Pid)),
        flag("json", "Reports as one line of JSON (docs/load-report.schema.json)"),
        value("save", "FILE", "Writes the report as JSON, too").value_parser(value_parser!(PathBuf)),
        value("html", "FILE", "Writes the report as a page with plots").value_parser(value_parser!(PathBuf)),
        value("csv", "FILE", "Writes a line for each second").value_parser(value_parser!(PathBuf)),
        flag("quiet", "Shows no progress"),
        dev_key::data_argument(),
    ]
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("is no number above 0".into()),
    }
}

/// The parser of a rate.
pub(crate) fn rates() -> impl clap::builder::TypedValueParser<Value = f64> {
    rate as fn(&str) -> Result<f64, String>
}

/// The plan of a run, whose clients do this. What holds for the whole is in `shape`, and the surroundings are in `given`.
pub(crate) fn plan(given: &ArgMatches, shape: &ArgMatches, parts: Vec<Part>) -> Result<Plan, Failure> {
    let duration = |name| *shape.get_one::<Duration>(name).expect(DEFAULTED);
    let url = given.get_one::<Address>("url").or_else(|| shape.get_one("url"));
    // Only those who speak to any server have these.
    let framing = given.try_get_one::<String>("framing").ok().flatten();
    let subprotocol = given.try_get_one::<String>("subprotocol").ok().flatten();
    let log_in = parts.iter().any(|part| part.task.logs_in());
    Ok(Plan {
        target: url.ok_or_else(|| Failure::Usage("there is no URL to go to".into()))?.clone(),
        lengths: framing.is_some_and(|framing| framing == "length"),
        subprotocol: subprotocol.cloned(),
        identity: if log_in { Some(identity(given, shape)?) } else { None },
        sources: shape.get_many("sources").into_iter().flatten().copied().collect(),
        workers: shape.get_one("workers").copied(),
        ramp: *shape.get_one("ramp").expect(DEFAULTED),
        coalesce: duration("coalesce"),
        open_patience: duration("patience"),
        duration: duration("duration"),
        patience: duration("patience"),
        parts,
        pids: given.get_many("pid").into_iter().flatten().cloned().collect(),
    })
}

/// The users; their tokens are signed with the development key.
fn identity(given: &ArgMatches, shape: &ArgMatches) -> Result<Identity, Failure> {
    let data: &PathBuf = given.get_one("data").expect(DEFAULTED);
    let signer = Signer::read(&dev_key::path(data), dev_key::KID)?;
    let mint = Mint(Arc::new(move |uid| signer.token(uid, None, TOKEN_TTL)));
    Ok(Identity { prefix: shape.get_one::<String>("prefix").expect(DEFAULTED).clone(), mint })
}

/// Runs it, reports as was asked for, and says how it went.
pub(crate) fn run(given: &ArgMatches, plan: &Plan) -> Result<(), Failure> {
    run_and_judge(given, given, plan)
}

/// The same, where the conditions are in `shape`.
pub(crate) fn run_and_judge(given: &ArgMatches, shape: &ArgMatches, plan: &Plan) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(Arc::clone(&stop))?;
    let shown = stderr().is_terminal() && !given.get_flag("quiet");
    let mut progress = |snapshot: &Snapshot| {
        if shown {
            progress::show(snapshot);
        }
    };
    let mut watch = Watch { progress: &mut progress, stop: &stop };
    let report = coordinator::run(plan, &mut watch).map_err(|error| match error {
        StartError::Usage(text) => Failure::Usage(text),
        StartError::Runtime(text) => Failure::runtime("load", text),
    })?;
    if shown {
        progress::clear();
    }
    write(given, &report)?;
    judge(shape, &report)
}

fn stop_on_signals(stop: Arc<AtomicBool>) -> Result<(), Failure> {
    let mut signals = Signals::to_stop().map_err(|error| Failure::runtime("signals", error))?;
    std::thread::spawn(move || {
        signals.wait();
        stop.store(true, Ordering::Relaxed);
    });
    Ok(())
}

fn write(given: &ArgMatches, report: &Report) -> Result<(), Failure> {
    let save = |name: &str, text: &dyn Fn() -> String| match given.get_one::<PathBuf>(name) {
        Some(path) => {
            std::fs::write(path, text()).map_err(|error| Failure::runtime(&path.display().to_string(), error))
        }
        None => Ok(()),
    };
    let value = report.json();
    let json = value.to_string();
    let text = if given.get_flag("json") { json.clone() } else { report.to_string() };
    print::line(&text)?;
    save("save", &|| json.clone())?;
    save("html", &|| loadtest::report::html(&value))?;
    save("csv", &|| report.csv())
}

/// What weighs most comes first: a threshold is what was asked about.
fn judge(shape: &ArgMatches, report: &Report) -> Result<(), Failure> {
    let thresholds: Vec<Threshold> = shape.get_many("fail-if").into_iter().flatten().cloned().collect();
    let crossed: Vec<_> = report
        .crossed(&thresholds)
        .iter()
        .map(|(threshold, value)| format!("{threshold} (it was {value:.3})"))
        .collect();
    let faults = report.faults();
    if !crossed.is_empty() {
        Err(Failure::Threshold(format!("load: {}", crossed.join(", "))))
    } else if !faults.is_empty() {
        Err(Failure::Runtime(format!("load: {}", faults.join(", "))))
    } else if report.ended == Ended::Interrupted {
        Err(Failure::Runtime("load: interrupted".into()))
    } else if !report.tool.invalid.is_empty() {
        Err(Failure::Invalid(format!("load: {}", report.tool.invalid.join(", "))))
    } else {
        Ok(())
    }
}
