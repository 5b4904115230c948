//! `holdfast token`: a token for trying things out, on stdout.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use proto::device::DeviceClass;
use proto::ids::{DeviceId, Uid};
use settings::Setting as _;

use crate::dev_key::{self, Signer};
use crate::failure::Failure;
use crate::print;

/// The command line.
pub(crate) fn command() -> Command {
    let value = |name: &'static str, kind: &'static str| Arg::new(name).long(name).value_name(kind);
    Command::new("token").about("Mints a token for development").args([
        value("uid", "UID").required(true).value_parser(value_parser!(Uid)).help("Whose"),
        value("device", "DEVICE").value_parser(value_parser!(DeviceId)).help("Good for this device only"),
        value("class", "CLASS")
            .value_parser(value_parser!(DeviceClass))
            .help("What the device is: phone, tablet, desktop, web or other"),
        value("ttl", "DURATION").default_value("24h").value_parser(Duration::parse).help("Good for so long"),
        value("key-file", "PATH")
            .default_value("data/dev.key")
            .value_parser(value_parser!(PathBuf))
            .help("The HS256 secret to sign with, raw or in base64"),
        value("kid", "KID").default_value(dev_key::KID).help("What the state server calls the key"),
    ])
}

/// Prints one.
pub(crate) fn run(given: &ArgMatches) -> Result<(), Failure> {
    let defaulted = "it has a default";
    let uid: &Uid = given.get_one("uid").expect("it is required");
    let ttl: &Duration = given.get_one("ttl").expect(defaulted);
    let file: &PathBuf = given.get_one("key-file").expect(defaulted);
    let kid: &String = given.get_one("kid").expect(defaulted);
    let token = Signer::read(file, kid)?.token_for(
        uid,
        given.get_one("device"),
        given.get_one("class").copied(),
        *ttl,
    );
    print::line(&token)
}
