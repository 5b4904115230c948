//! `holdfast state`: the sessions.

use std::io;

use ::state::Config;
use ::state::shell::{self, Running};
use clap::{ArgMatches, Command};
use settings::{LinkAddress, LogFilter};

use crate::failure::Failure;
use crate::server::{self, Server};

impl Server for Config {
    const ABOUT: &'static str = "Holds the sessions of users";

    type Running = Running;

    fn log(&self) -> &LogFilter {
        &self.log
    }

    fn start(&self) -> io::Result<Running> {
        shell::start(self)
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
