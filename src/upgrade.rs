//! `holdfast upgrade`: a running gateway hands its connections over to a new process. Owns finding the gateway; the handover is the gateway's.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};
use gateway::shell::handover::control;

use crate::failure::Failure;
use crate::print;

/// The command line.
pub(crate) fn command() -> Command {
    let binary = Arg::new("binary").long("binary").value_name("PATH").value_parser(value_parser!(PathBuf));
    let pid = Arg::new("pid").long("pid").value_name("PID").value_parser(value_parser!(u32));
    let directory =
        Arg::new("runtime-dir").long("runtime-dir").value_name("DIR").value_parser(value_parser!(PathBuf));
    Command::new("upgrade")
        .about("Replaces the program of a running gateway; its clients stay connected")
        .args([
            binary.help(
                "The program to start; not given: the one that the gateway was started from, as it is now",
            ),
            pid.help("The gateway's process; not given: the only one there is"),
            directory.help("Where the gateway has its socket: its setting runtime_dir"),
        ])
}

/// Asks, waits, and prints what came of it.
pub(crate) fn run(given: &ArgMatches) -> Result<(), Failure> {
    let directory = given.get_one::<PathBuf>("runtime-dir").cloned();
    let directory = directory.unwrap_or_else(control::default_directory);
    let pid = match given.get_one::<u32>("pid") {
        Some(pid) => *pid,
        None => the_only_one(&control::gateways(&directory), &directory.display().to_string())?,
    };
    let binary = match given.get_one::<PathBuf>("binary") {
        // The gateway may be in another folder.
        Some(binary) => Some(std::path::absolute(binary).map_err(|why| Failure::runtime("binary", why))?),
        None => None,
    };
    let report = control::ask(&directory, pid, binary.as_deref());
    print::line(&report.map_err(|why| Failure::Runtime(format!("the gateway serves on as it was: {why}")))?)
}

fn the_only_one(gateways: &[u32], directory: &str) -> Result<u32, Failure> {
    match gateways {
        [pid] => Ok(*pid),
        [] => Err(Failure::Usage(format!("no gateway has its socket in {directory}: see --runtime-dir"))),
        several => {
            let pids: Vec<_> = several.iter().map(u32::to_string).collect();
            Err(Failure::Usage(format!("several gateways run: choose one with --pid of {}", pids.join(", "))))
        }
    }
}
