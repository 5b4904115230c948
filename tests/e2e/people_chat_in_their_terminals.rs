//! People chat in their terminals, as the README says: `holdfast dev` in one, `holdfast chat` in the others.

use tempfile::TempDir;

use crate::holdfast::{Holdfast, command};
use crate::program::Program;

/// `holdfast dev` on ports that the system chooses.
fn dev(data: &TempDir) -> Holdfast {
    Holdfast::start(&["dev", "--any-port", "--data", data.path().to_str().expect("a plain path")])
}

fn chat(dev: &Holdfast, data: &TempDir, scheme: &str, arguments: &[&str]) -> Program {
    let url = format!("{scheme}://{}", dev.address(&["gateway", "listen"]));
    let mut command = command(&["chat", "--url", &url, "--data", data.path().to_str().unwrap()]);
    command.args(arguments);
    Program::start(format!("chat {arguments:?}"), command)
}

#[test]
fn two_people_chat_and_another_device_of_one_of_them_sees_it() {
    let data = tempfile::tempdir().unwrap();
    let dev = dev(&data);
    let mut alice = chat(&dev, &data, "ws", &["--uid", "alice", "--to", "bob", "--form", "json"]);
    let mut bob = chat(&dev, &data, "tcp", &["--uid", "bob", "--to", "alice"]);
    let tablet = chat(&dev, &data, "ws", &["--uid", "alice", "--to", "bob", "--device", "tablet"]);
    assert_eq!(alice.line(), "connected as alice/terminal");
    assert_eq!(bob.line(), "connected as bob/terminal");
    assert_eq!(tablet.line(), "connected as alice/tablet");
    alice.say("hello bob");
    bob.say("/nonsense");
    assert!(bob.line().starts_with("?: "));
    for chat in [&alice, &bob, &tablet] {
        assert_eq!(chat.line(), "[1] alice: hello bob");
    }
    bob.say("hello yourself");
    for chat in [&alice, &bob, &tablet] {
        assert_eq!(chat.line(), "[2] bob: hello yourself");
    }
    for mut chat in [alice, bob, tablet] {
        chat.end_input();
        let (status, rest) = chat.ended();
        assert!(status.success() && rest.is_empty(), "{status}: {rest:?}");
    }
}

#[test]
fn what_was_said_is_shown_again_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    for start in ["first", "second"] {
        let mut dev = dev(&data);
        let mut alice = chat(&dev, &data, "ws", &["--uid", "alice", "--to", "bob"]);
        assert_eq!(alice.line(), "connected as alice/terminal");
        if start == "first" {
            alice.say("remember me");
        }
        assert_eq!(alice.line(), "[1] alice: remember me");
        dev.signal("TERM");
        assert_eq!(dev.exit_code(), Some(0));
    }
}
