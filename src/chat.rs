//! `holdfast chat`: one device of one user, in a terminal or a pipe. Owns the arguments; the chat itself is the SDK's.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgGroup, ArgMatches, Command, value_parser};
use client::Options;
use client::chat::{self, Ending};
use client::wire::Address;
use proto::ids::{ConversationId, DeviceId, Uid};
use proto::packet::{Codec, Target};

use crate::dev_key::{self, Signer};
use crate::failure::Failure;

/// How long a token is good that is minted for a chat. The chat holds it for all its logins.
const TOKEN_TTL: Duration = Duration::from_hours(7 * 24);

/// The command line.
pub(crate) fn command() -> Command {
    let value = |name: &'static str, kind: &'static str| Arg::new(name).long(name).value_name(kind);
    Command::new("chat")
        .about("Chats in the terminal")
        .args([
            value("uid", "UID").required(true).value_parser(value_parser!(Uid)).help("Who you are"),
            value("to", "UID").value_parser(value_parser!(Uid)).help("Whom you talk to"),
            value("conversation", "NAME")
                .value_parser(value_parser!(ConversationId))
                .help("The conversation you talk in, like g.club"),
            value("device", "DEVICE")
                .default_value("terminal")
                .value_parser(value_parser!(DeviceId))
                .help("Which of your devices this is; the same one twice pushes itself out"),
            value("url", "URL")
                .default_value("ws://127.0.0.1:7400/")
                .value_parser(value_parser!(Address))
                .help("The gateway: ws://host:port/ or tcp://host:port"),
            value("form", "FORM")
                .default_value("proto")
                .value_parser(["proto", "json"])
                .help("The form of packets over WebSocket"),
            value("token", "JWT").help("Your token [default: one signed with the development key]"),
            dev_key::data_argument(),
        ])
        .group(ArgGroup::new("target").args(["to", "conversation"]).required(true))
}

/// Chats until the input ends.
pub(crate) fn run(given: &ArgMatches) -> Result<(), Failure> {
    let (options, target) = options(given)?;
    match chat::run(options, target).map_err(|error| Failure::runtime("chat", error))? {
        Ending::Complete => Ok(()),
        Ending::Unanswered => Err(Failure::Runtime("chat: not all that was typed has an answer".into())),
        Ending::Stopped => Err(Failure::Runtime("chat: the server has ended the session".into())),
    }
}

fn options(given: &ArgMatches) -> Result<(Options, Target), Failure> {
    let defaulted = "it is required or has a default";
    let uid: Uid = given.get_one::<Uid>("uid").expect(defaulted).clone();
    let device: DeviceId = given.get_one::<DeviceId>("device").expect(defaulted).clone();
    let url: Address = given.get_one::<Address>("url").expect(defaulted).clone();
    let json = given.get_one::<String>("form").is_some_and(|form| form == "json");
    let token = match given.get_one::<String>("token") {
        Some(token) => token.clone(),
        None => {
            let data: &PathBuf = given.get_one("data").expect(defaulted);
            Signer::read(&dev_key::path(data), dev_key::KID)?.token(&uid, Some(&device), TOKEN_TTL)
        }
    };
    let target = match (given.get_one::<Uid>("to"), given.get_one::<ConversationId>("conversation")) {
        (_, Some(conversation)) => Target::Conversation(conversation.clone()),
        (Some(to), None) => Target::User(to.clone()),
        (None, None) => return Err(Failure::Usage("chat: one of --to and --conversation is needed".into())),
    };
    let codec = if json { Codec::Json } else { Codec::Proto };
    Ok((Options { url, uid, device, token, codec }, target))
}
