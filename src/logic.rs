//! `holdfast logic`: the conversations and their store.

use std::io;

use ::logic::Config;
use ::logic::shell::{self, Running};
use clap::{ArgMatches, Command};
use settings::{LinkAddress, LogFilter};

use crate::failure::Failure;
use crate::server::{self, Server};

impl Server for Config {
    const ABOUT: &'static str = "Holds the conversations and their store";

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

    fn pulse(_: &Running) -> impl Fn() -> bool + Send + 'static {
        || true
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
