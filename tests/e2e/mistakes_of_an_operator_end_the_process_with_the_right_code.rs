//! 2 for a wrong command line, 78 for wrong settings with every mistake on stderr, 1 for what does not work, 0 for a stop that was asked for.

use std::net::TcpListener;

use crate::holdfast::{Holdfast, command, run};

#[test]
fn an_unknown_flag_is_a_usage_error() {
    let output = run(&["gateway", "--lisen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("--listen"),
        "it suggests the flag that was meant"
    );
    assert_eq!(run(&["gateway", "--log", "gateway=loud"]).status.code(), Some(78));
    assert_eq!(run(&["sing"]).status.code(), Some(2));
}

#[test]
fn wrong_settings_are_all_told_and_end_with_78() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("holdfast.toml");
    std::fs::write(&file, "[gateway]\nlisten = \"nowhere\"\nreactor = 1\n\n[logic]\n\n[stat]\n").unwrap();
    let file = file.to_str().unwrap();
    let output = command(&["gateway", "--config", file, "--reactors", "-1"])
        .env("HOLDFAST_GATEWAY_HANDSHAKE_DEADLINE", "soon")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8(output.stderr).unwrap();
    let begins = [
        format!("{file}:2: gateway.listen: \"nowhere\" is no address"),
        format!("{file}:3: gateway.reactor: unknown key \"reactor\"; did you mean \"reactors\"?"),
        format!("{file}:7: unknown section \"stat\"; did you mean \"state\"?"),
        "environment HOLDFAST_GATEWAY_HANDSHAKE_DEADLINE: \"soon\" is no duration".to_owned(),
        "--reactors: \"-1\" is no whole number".to_owned(),
    ];
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), begins.len(), "{said}");
    assert!(lines.iter().zip(&begins).all(|(line, begin)| line.starts_with(begin)), "{said}");
}

#[test]
fn a_file_that_is_not_there_ends_with_78() {
    let output = run(&["gateway", "--config", "/nowhere/holdfast.toml"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("/nowhere/holdfast.toml: "));
}

#[test]
fn an_address_in_use_ends_with_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["gateway", "--listen", &address, "--admin", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("holdfast: gateway: "));
}

#[test]
fn a_signal_ends_a_server_with_0() {
    for name in ["TERM", "INT"] {
        let mut gateway = Holdfast::start(&["gateway", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        assert_eq!(gateway.ready["ready"], "gateway");
        assert_ne!(gateway.address(&["listen"]).port(), 0);
        gateway.signal(name);
        assert_eq!(gateway.exit_code(), Some(0));
    }
}

#[test]
fn a_server_that_is_told_to_watch_stdin_ends_with_it() {
    let arguments = ["gateway", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--stop-on-stdin-eof"];
    let mut gateway = Holdfast::start(&arguments);
    gateway.program.end_input();
    assert_eq!(gateway.exit_code(), Some(0));
}

#[test]
fn a_limit_that_leaves_no_air_ends_with_78() {
    for (settings, says) in [
        (&["--connections=15"][..], "--connections: is below 16"),
        (&["--message-rate=1", "--message-burst=100"], "--message-rate: is so low that "),
        (&["--byte-rate=1KiB"], "--byte-rate: is so low that "),
    ] {
        let output = run(&[&["gateway"], settings].concat());
        assert_eq!(output.status.code(), Some(78));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with(says), "{said}");
    }
}
