//! Whatever goes wrong in a handover, at whatever step: there is one gateway afterwards, and if its process was not killed its clients have noticed nothing.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::device::{Device, Way};
use crate::raw::connect;
use crate::upgraded::{Replaced, await_end, is_there};

/// Clients of a gateway that echoes: more than one message of a handover has descriptors for.
const CLIENTS: usize = 600;

/// A gateway that can be told where to fail, and its clients.
struct Scene {
    gateway: Replaced,
    clients: Vec<TcpStream>,
    folder: TempDir,
}

impl Scene {
    fn new(clients: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fault = folder.path().join("fault");
        let gateway = Replaced::echo_with(&[], &[("FAULT_OF_HANDOVER", &fault)]);
        let client = || {
            let mut stream = connect(gateway.address());
            stream.write_all(b"HFT1").unwrap();
            stream
        };
        let mut scene = Self { clients: (0..clients).map(|_| client()).collect(), gateway, folder };
        scene.everybody_is_served("at first");
        scene
    }

    /// From now on this goes wrong, or nothing.
    fn fault(&self, what: &str) {
        fs::write(self.folder.path().join("fault"), what).unwrap();
    }

    /// Each client gets its answer, those that were here and a new one.
    fn everybody_is_served(&mut self, text: &str) {
        let said = [&(text.len() as u32).to_be_bytes()[..], text.as_bytes()].concat();
        for stream in &mut self.clients {
            stream.write_all(&said).unwrap();
        }
        let mut newcomer = connect(self.gateway.address());
        newcomer.write_all(&[b"HFT1", &said[..]].concat()).unwrap();
        for stream in self.clients.iter_mut().chain([&mut newcomer]) {
            let mut came = vec![0; said.len()];
            stream.read_exact(&mut came).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(came, said, "{text}");
        }
    }

    /// Each client has lost its connection.
    fn everybody_is_gone(&mut self) {
        for stream in &mut self.clients {
            let mut byte = [0];
            assert!(!matches!(stream.read(&mut byte), Ok(1..)), "the connection is at its end");
        }
    }

    /// A program that does this before it becomes the gateway, or instead.
    fn program(&self, script: &str) -> PathBuf {
        let path = self.folder.path().join("program");
        let binary = env!("CARGO_BIN_EXE_holdfast");
        fs::write(&path, format!("#!/bin/sh\nholdfast={binary}\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn in_vain(&self, program: &Path) -> String {
        self.gateway.replace_in_vain(&["--binary", &program.display().to_string()])
    }
}

#[test]
fn a_successor_that_ends_at_any_step_leaves_the_gateway_as_it_was() {
    let mut scene = Scene::new(CLIENTS);
    for step in [
        "taker-started",
        "taker-hello",
        "taker-offered",
        "taker-standby",
        "taker-half",
        "taker-has",
        "taker-before-taken",
    ] {
        for action in ["abort", "fail"] {
            scene.fault(&format!("{step} {action}"));
            scene.gateway.replace_in_vain(&[]);
            scene.everybody_is_served(&format!("after {step} {action}"));
        }
    }
    scene.fault("");
    scene.gateway.replace();
    scene.everybody_is_served("after one that succeeds");
    assert_eq!(scene.gateway.metric("holdfast_gateway_handovers_total"), 1);
}

#[test]
fn a_giver_that_cannot_go_on_serves_on() {
    let mut scene = Scene::new(CLIENTS);
    for step in ["giver-started", "giver-offered", "giver-frozen", "giver-half", "giver-given"] {
        scene.fault(&format!("{step} fail"));
        let why = scene.gateway.replace_in_vain(&[]);
        assert!(why.contains(step), "{why}");
        scene.everybody_is_served(&format!("after {step}"));
    }
    assert_eq!(scene.gateway.metric("holdfast_gateway_handovers_failed_total"), 5);
    scene.fault("");
    scene.gateway.replace();
    scene.everybody_is_served("in the successor");
}

#[test]
fn a_successor_that_is_stopped_is_ended_and_the_gateway_serves_on() {
    let mut scene = Scene::new(10);
    for step in ["taker-half", "taker-has", "taker-before-taken"] {
        scene.fault(&format!("{step} stop"));
        let why = scene.gateway.replace_in_vain(&[]);
        assert!(why.contains("in time"), "{why}");
        scene.everybody_is_served(&format!("after {step}"));
    }
}

#[test]
fn a_giver_that_is_killed_before_everything_is_passed_on_leaves_nobody() {
    for step in ["giver-started", "giver-offered", "giver-frozen", "giver-half"] {
        let mut scene = Scene::new(5);
        scene.fault(&format!("{step} abort"));
        assert_eq!(scene.gateway.ask(&[]).status.code(), Some(1));
        await_end(scene.gateway.pid);
        scene.everybody_is_gone();
    }
}

#[test]
fn a_giver_that_is_killed_after_everything_is_passed_on_leaves_its_successor() {
    for step in ["giver-given", "giver-let-go"] {
        let mut scene = Scene::new(5);
        scene.fault(&format!("{step} abort"));
        assert_eq!(scene.gateway.ask(&[]).status.code(), Some(1));
        await_end(scene.gateway.pid);
        scene.everybody_is_served(step);
        // It is asked for by its number, which only its log tells here.
        let pids = gateways(scene.gateway.runtime_dir());
        assert_eq!(pids.len(), 1, "{pids:?}");
        scene.gateway.pid = pids[0];
        scene.fault("");
        scene.gateway.replace();
        scene.everybody_is_served("in the next one");
    }
}

#[test]
fn a_successor_that_is_killed_after_its_word_takes_the_connections_with_it() {
    let mut scene = Scene::new(5);
    scene.fault("taker-after-taken abort");
    scene.gateway.ask(&[]);
    await_end(scene.gateway.pid);
    scene.everybody_is_gone();
}

#[test]
fn programs_that_cannot_take_over_are_refused_and_told_apart() {
    let mut scene = Scene::new(100);
    let nothing = scene.folder.path().join("nothing");
    let cases = [
        ("exit 3", "exit status: 3"),
        ("printf 'I am no gateway' >&0; exec sleep 60", "malformed"),
        // A Hello of version 99.
        (r"printf '\001HFHO\143\000\000\000' >&0; exec sleep 60", "version 99"),
        (r"printf '\005' >&0; exec sleep 60", "must not"),
        ("ulimit -n 40; exec $holdfast \"$@\"", "descriptors are needed"),
        ("exec $holdfast \"$@\" --id=7", "of another gateway"),
        ("exec $holdfast $(echo \"$@\" | sed s/mode=echo/mode=relay/)", "of another gateway"),
        ("exec $holdfast \"$@\" --handshake-deadline=never", "exit status: 78"),
        ("exec $holdfast \"$@\" --no-such-flag", "exit status: 2"),
    ];
    for (script, expected) in cases {
        let why = scene.in_vain(&scene.program(script));
        assert!(why.contains(expected), "{script}: {why}");
        scene.everybody_is_served(script);
    }
    assert!(scene.in_vain(&nothing).contains("cannot be started"));
    scene.everybody_is_served("after all of them");
}

#[test]
fn while_the_state_server_is_away_nothing_is_handed_over() {
    let mut cluster = Cluster::start();
    let mut gateway = Replaced::of(&cluster.gateway);
    let mut speaker = Device::online(&cluster, "speaker", "phone", Way::Tcp);
    let mut listener = Device::online(&cluster, "listener", "phone", Way::WebSocketJson);
    cluster.state.kill();
    let why = gateway.replace_in_vain(&[]);
    assert!(why.contains("the state server at") && why.contains("is away"), "{why}");
    assert_eq!(gateway.metric("holdfast_gateway_connections"), 2);
    cluster.state.start_again();
    speaker.say("listener", "still here");
    listener.hear("still here");
    gateway.replace();
    speaker.say("listener", "and in the successor");
    listener.hear("and in the successor");
    assert!(!speaker.was_offline() && !listener.was_offline(), "both have the connections that they had");
}

#[test]
fn strangers_get_nothing_at_the_socket_for_wishes() {
    let mut scene = Scene::new(3);
    let directory = scene.gateway.runtime_dir().to_owned();
    let socket = directory.join(format!("gateway-{}.sock", scene.gateway.pid));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&directory), mode(&socket)), (0o700, 0o600));
    let long = vec![b'x'; 100_000];
    for rubbish in [&b""[..], b"\0\n", b"no end of the line", &long, b"\xFF\xFE\n"] {
        let mut stream = UnixStream::connect(&socket).unwrap();
        // It may be closed before it has taken everything.
        drop(stream.write_all(rubbish));
        drop(stream.shutdown(std::net::Shutdown::Write));
        let mut answer = String::new();
        drop(stream.read_to_string(&mut answer));
        assert_eq!(answer, "", "{rubbish:?}");
    }
    scene.everybody_is_served("meanwhile");
    assert!(is_there(scene.gateway.pid));
}

fn gateways(directory: &Path) -> Vec<u32> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let pids =
        names.filter_map(|name| name.to_str()?.strip_prefix("gateway-")?.strip_suffix(".sock")?.parse().ok());
    pids.filter(|pid| is_there(*pid)).collect()
}
