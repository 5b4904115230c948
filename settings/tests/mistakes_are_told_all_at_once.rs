//! What an operator reads when settings are wrong: every mistake, with its place.

use std::net::SocketAddr;
use std::time::Duration;

use settings::{ByteSize, Changes, File, Secret, Settings as _, Sources};

settings::settings! {
    /// A gateway, for these tests.
    struct Config in "gateway" {
        /// Address for clients.
        listen: SocketAddr = "127.0.0.1:7400",
        /// Reactor threads; 0 means one per core.
        reactors: u32 [0..=64] = 0,
        /// From accept to the end of the first packet.
        @live handshake_deadline: Duration ["1s"..="1m"] = Duration::from_secs(10),
        /// Bytes waiting for one client.
        client_out_bytes: ByteSize = ByteSize(1024 * 1024),
        /// Bytes waiting for one shard.
        shard_out_bytes: ByteSize = "64MiB",
        /// State shards.
        state: Vec<SocketAddr> = ["127.0.0.1:7410"],
        /// Keys of tokens.
        token_keys: Secret<Vec<u32>> = "",
    }
    check check
}

fn check(config: &Config) -> Vec<(&'static str, String)> {
    if config.shard_out_bytes < config.client_out_bytes {
        vec![("shard_out_bytes", "is less than client_out_bytes".into())]
    } else {
        vec![]
    }
}

fn load(flags: &[(&str, &str)], environment: &[(&str, &str)], text: &str) -> Result<Config, String> {
    let flags: Vec<_> = flags.iter().map(|(key, text)| (*key, (*text).to_owned())).collect();
    let environment: Vec<_> =
        environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let file = Some(File { name: "holdfast.toml", text, other_sections: &["state", "logic"] });
    Config::load(&Sources { flags: &flags, environment: &environment, file })
        .map_err(|mistakes| mistakes.to_string())
}

#[test]
fn nothing_said_gives_the_defaults() {
    let config = load(&[], &[], "").unwrap();
    assert_eq!(config.listen, SocketAddr::from(([127, 0, 0, 1], 7400)));
    assert_eq!(config.handshake_deadline, Duration::from_secs(10));
    assert_eq!(config.shard_out_bytes, ByteSize(64 << 20));
    assert_eq!(config.state, [SocketAddr::from(([127, 0, 0, 1], 7410))]);
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
}

#[test]
fn a_flag_beats_the_environment_and_that_the_file() {
    let file = "[gateway]\nreactors = 0x3\nhandshake_deadline = \"3s\"\nclient_out_bytes = 4096\n[state]\nlisten = 1";
    let environment = [("HOLDFAST_GATEWAY_REACTORS", "2"), ("HOLDFAST_GATEWAY_HANDSHAKE_DEADLINE", "2s")];
    let config = load(&[("reactors", "1")], &environment, file).unwrap();
    assert_eq!(config.reactors, 1);
    assert_eq!(config.handshake_deadline, Duration::from_secs(2));
    assert_eq!(config.client_out_bytes, ByteSize(4096));
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let file = r#"lisen = "127.0.0.1:1"

[gateway]
listen = "foo"
reactors = -1
handshake_deadline = 10
lissten = "127.0.0.1:1"
colour = "red"
state = ["127.0.0.1:1", "x"]
client_out_bytes = { MiB = 1 }
token_keys = ["7", "hunter2"]

[stat]
"#;
    let environment = [
        ("HOLDFAST_GATEWAY_REACTORS", "99"),
        ("HOLDFAST_GATEWAY_REACTOR", "9"),
        ("HOLDFAST_GATEWAY_SERVICE_HOST", "10.0.0.1"),
        ("HOLDFAST_STATE_LISTEN", "x"),
    ];
    let said = load(&[("reactors", "many")], &environment, file).unwrap_err();
    let expected = [
        r#"holdfast.toml:1: "lisen" stands outside of a section like [gateway]"#,
        r#"holdfast.toml:4: gateway.listen: "foo" is no address (expected host:port, the host as a number)"#,
        r#"holdfast.toml:5: gateway.reactors: "-1" is no whole number from 0 to 4294967295"#,
        r#"holdfast.toml:6: gateway.handshake_deadline: "10" is no duration (expected a number with ms, s, m, h or d, like 10s)"#,
        r#"holdfast.toml:7: gateway.lissten: unknown key "lissten"; did you mean "listen"?"#,
        r#"holdfast.toml:8: gateway.colour: unknown key "colour"; known are listen, reactors, handshake_deadline, client_out_bytes, shard_out_bytes, state, token_keys"#,
        r#"holdfast.toml:9: gateway.state: ["127.0.0.1:1", "x"] has an item (number 2) that is no address (expected host:port, the host as a number)"#,
        r"holdfast.toml:10: gateway.client_out_bytes: is a table or holds one (expected plain values)",
        r"holdfast.toml:11: gateway.token_keys: the value has an item (number 2) that is no whole number from 0 to 4294967295",
        r#"holdfast.toml:13: unknown section "stat"; did you mean "state"?"#,
        "environment HOLDFAST_GATEWAY_REACTOR: unknown; did you mean HOLDFAST_GATEWAY_REACTORS?",
        r#"environment HOLDFAST_GATEWAY_REACTORS: "99" is not between 0 and 64"#,
        r#"--reactors: "many" is no whole number from 0 to 4294967295"#,
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_check_names_the_place_of_the_value_it_complains_about() {
    let in_file = load(&[], &[], "[gateway]\n\nshard_out_bytes = \"4KiB\"").unwrap_err();
    assert_eq!(in_file, "holdfast.toml:3: gateway.shard_out_bytes: is less than client_out_bytes");
    let by_default = load(&[("client_out_bytes", "1GiB")], &[], "").unwrap_err();
    assert_eq!(by_default, "default of gateway.shard_out_bytes: is less than client_out_bytes");
}

#[test]
fn broken_syntax_is_told_with_its_lines() {
    let said = load(&[], &[], "[gateway]\nlisten = \nreactors = = 4\n").unwrap_err();
    let lines: Vec<_> = said.lines().collect();
    assert!(lines.iter().any(|line| line.starts_with("holdfast.toml:2: ")), "{said}");
    assert!(lines.iter().any(|line| line.starts_with("holdfast.toml:3: ")), "{said}");
    let section = load(&[], &[], "gateway = 4").unwrap_err();
    assert_eq!(section, r#"holdfast.toml:1: "gateway" is no section (expected [gateway])"#);
}

#[test]
fn a_secret_is_never_shown() {
    let config = load(&[("token_keys", "4711")], &[], "").unwrap();
    assert_eq!(config.token_keys.reveal(), &[4711]);
    assert!(format!("{config:?}").contains("token_keys: (secret)"));
    let entry = Config::entries().pop().unwrap();
    assert!(entry.secret);
    assert_eq!(entry.help(), "Keys of tokens.");
    let effective = settings::effective(&config);
    assert!(
        effective.contains("# token_keys is set, and secret.") && !effective.contains("4711"),
        "{effective}"
    );
    assert!(settings::effective(&Config::default()).contains("token_keys = []"));
}

#[test]
fn entries_describe_what_can_be_set() {
    let entries = Config::entries();
    let deadline = &entries[2];
    assert_eq!(deadline.flag(), "handshake-deadline");
    assert_eq!(deadline.environment(), "HOLDFAST_GATEWAY_HANDSHAKE_DEADLINE");
    assert_eq!(deadline.kind, "DURATION");
    assert_eq!(deadline.help(), "From accept to the end of the first packet. [1s to 1m, default 10s]");
    let reference = settings::reference(&entries);
    assert!(reference.starts_with("[gateway]\n# Address for clients.\n#listen = \"127.0.0.1:7400\"\n\n"));
    assert!(reference.contains("# 1s to 1m.\n# Read again on SIGHUP.\n#handshake_deadline = \"10s\"\n"));
    assert!(reference.contains("\n#state = [\"127.0.0.1:7410\"]\n"));
    let said = |line: &&str| !line.starts_with("# ");
    let uncommented: Vec<_> =
        reference.lines().filter(said).map(|line| line.trim_start_matches('#')).collect();
    let uncommented = uncommented.join("\n");
    assert_eq!(format!("{:?}", load(&[], &[], &uncommented).unwrap()), format!("{:?}", Config::default()));
}

#[test]
fn what_was_changed_is_told_apart_by_whether_a_running_server_takes_it_on() {
    let running = load(&[("token_keys", "1")], &[], "").unwrap();
    let read =
        load(&[("token_keys", "2")], &[], "[gateway]\nhandshake_deadline = \"3s\"\nreactors = 2").unwrap();
    let changes = Changes::between(&running, &read);
    assert_eq!(
        changes,
        Changes { live: vec!["handshake_deadline"], at_restart: vec!["reactors", "token_keys"] }
    );
    assert_eq!(Changes::between(&read, &read), Changes::default());
}

#[test]
fn what_is_in_effect_can_be_read_back() {
    let config = load(&[("reactors", "3"), ("state", "127.0.0.1:1,127.0.0.1:2")], &[], "").unwrap();
    let again = load(&[], &[], &settings::effective(&config)).unwrap();
    assert_eq!(format!("{again:?}"), format!("{config:?}"));
}
