//! `holdfast gateway`: the sockets of clients.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::process::Command as Program;

use ::gateway::Config;
use ::gateway::shell::handover::{Report, control};
use ::gateway::shell::{self, Running};
use clap::{ArgMatches, Command};
use settings::{LinkAddress, LogFilter};

use crate::failure::Failure;
use crate::server::{self, Server};

impl Server for Config {
    const ABOUT: &'static str = "Holds the sockets of clients";

    type Running = Running;

    fn log(&self) -> &LogFilter {
        &self.log
    }

    fn start(&self) -> io::Result<Running> {
        shell::start(self)
    }

    fn control(&self) -> Option<PathBuf> {
        Some(self.runtime_dir.clone().unwrap_or_else(control::default_directory))
    }

    fn take_over(&self, before: OwnedFd) -> io::Result<(Running, Option<OwnedFd>)> {
        shell::take_over(self, before)
    }

    fn hand_over(running: &Running, successor: Program, stdin: Option<OwnedFd>) -> Result<Report, String> {
        running.hand_over(successor, stdin.as_ref().map(|stdin| stdin.as_fd()))
    }

    fn addresses(running: &Running) -> Vec<(&'static str, LinkAddress)> {
        running.addresses()
    }

    fn take_on(&self, running: &Running) {
        running.reload(self);
    }

    fn pulse(running: &Running) -> impl Fn() -> bool + Send + 'static {
        running.pulse()
    }

    fn stop(running: Running) -> io::Result<()> {
        running.stop()
    }
}

/// The command line.
pub(crate) fn command() -> Command {
    server::command::<Config>()
}

/// Runs until it is told to stop.
pub(crate) fn run(given: &ArgMatches) -> Result<(), Failure> {
    server::run::<Config>(given)
}
