//! With a secret, both ends of each link between the servers prove that they know it; who does not is turned away, counted, and disturbs nobody. Without one nobody but
//! this machine may reach them.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use aws_lc_rs::hmac;
use proto::auth::{Claim, Dialing, Progress, Secrets};
use proto::backend;
use proto::link::{self, Hello};
use proto::rpc;

use crate::cluster::{Cluster, Links};
use crate::crowd::{Crowd, check};
use crate::device::{Device, Way};
use crate::holdfast::{Holdfast, run};
use crate::metrics::{await_metric, await_more};
use crate::program::PATIENCE;

const SECRET: &str = "a secret that only the end-to-end tests link with";
const OTHER: &str = "a secret that none of the servers has ever heard of";

fn guarded() -> Cluster {
    Cluster::linked_by(&Links { settings: vec![("rpc-secret", SECRET.into())], ..Links::default() })
}

/// Somebody who reaches a listener for links.
struct Stranger(TcpStream);

impl Stranger {
    fn at(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    fn say(&mut self, bytes: &[u8]) {
        // It may have been turned away already.
        drop(self.0.write_all(bytes));
    }

    fn hear(&mut self, bytes: usize) -> Vec<u8> {
        let mut heard = vec![0; bytes];
        self.0.read_exact(&mut heard).expect("the server speaks");
        heard
    }

    /// Waits until it is turned away: all it hears until then.
    fn is_turned_away(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        match self.0.read_to_end(&mut heard) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("it is not turned away: {error}"),
        }
        heard
    }
}

fn hello() -> Hello {
    Hello { gateway: 9, reactor: 0, boot_epoch: 1, shard: 0 }
}

fn claim_at(part: &str) -> Claim {
    match part {
        "state" => Claim::Gateway(hello()),
        _ => Claim::State { shard: 0, shard_count: 2, boot_epoch: 1 },
    }
}

/// What a link begins with whose ends prove nothing.
fn bare_hello(part: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    match part {
        "state" => link::hello(&mut bytes, hello()),
        _ => backend::to_logic(
            &mut bytes,
            backend::FromState::Hello {
                shard: 0,
                shard_count: 2,
                boot_epoch: 1,
                taken: backend::Taken::default(),
            },
        ),
    }
    bytes
}

fn proving(secret: &str, part: &str, nonce: u8) -> (Dialing, Vec<u8>) {
    let mut introduction = Vec::new();
    let secrets = Secrets::new(&[secret]).unwrap();
    (Dialing::new(secrets, claim_at(part), [nonce; 32], &mut introduction), introduction)
}

/// Where a server listens for links, and what it calls those that it turned away.
fn target(cluster: &Cluster, part: &str) -> (SocketAddr, SocketAddr, String) {
    let (server, admin) = match part {
        "state" => (&cluster.state, cluster.state.address("admin")),
        _ => (&cluster.logic, cluster.logic.address("http")),
    };
    (server.address("listen"), admin, format!("holdfast_{part}_links_turned_away_total"))
}

#[test]
fn people_talk_over_links_that_were_proved_while_servers_are_killed() {
    let mut cluster = guarded();
    let crowd = Crowd::start(&cluster, 100);
    crowd.await_answers(Crowd::total(100) / 3);
    cluster.state.kill();
    cluster.state.start_again();
    crowd.await_answers(Crowd::total(100) / 3);
    cluster.logic.kill();
    cluster.logic.start_again();
    let people = crowd.finish();
    assert!(people.iter().all(|person| person.disconnects == 0), "the connections stay open");
    check(&cluster, &people);
}

#[test]
fn strangers_are_turned_away_each_with_its_reason_and_disturb_nobody() {
    let cluster = guarded();
    let mut alice = Device::online(&cluster, "alice", "phone", Way::ALL[0]);
    for part in ["state", "logic"] {
        let (address, admin, counter) = target(&cluster, part);
        let counted =
            |why: &str, expected| await_metric(admin, &format!("{counter}{{why=\"{why}\"}}"), expected);

        let mut bare = Stranger::at(address);
        bare.say(&bare_hello(part));
        assert_eq!(bare.is_turned_away(), b"", "no Welcome without a proof");
        counted("unproved", 1);

        let (mut dialing, introduction) = proving(OTHER, part, 1);
        let mut wrong = Stranger::at(address);
        wrong.say(&introduction);
        let challenge = wrong.hear(5 + 1 + 32);
        let mut proof = Vec::new();
        assert_eq!(dialing.receive(&challenge, &mut proof), Ok(Progress::More));
        wrong.say(&proof);
        assert_eq!(wrong.is_turned_away(), b"", "it is given no proof to guess from");
        counted("secret", 1);

        // What it was sent comes back to it.
        let mut mirror = Stranger::at(address);
        mirror.say(&introduction);
        let challenge = mirror.hear(5 + 1 + 32);
        mirror.say(&challenge);
        assert_eq!(mirror.is_turned_away(), b"");
        counted("unproved", 2);

        for liar in [&[0xFF; 64][..], &[0, 0x10, 0, 0, 0x71], &[0, 0, 0, 0, 0x71], b"GET / HTTP/1.1\r\n\r\n"]
        {
            let mut stranger = Stranger::at(address);
            stranger.say(liar);
            assert_eq!(stranger.is_turned_away(), b"", "{liar:?}");
        }
        let mut endless = Stranger::at(address);
        endless.say(&introduction);
        endless.say(&vec![0x73; 1 << 20]);
        endless.is_turned_away();
    }
    alice.say("bob", "nobody was disturbed");
}

#[test]
fn who_says_nothing_or_not_enough_is_turned_away_in_time() {
    let cluster = guarded();
    let (address, admin, counter) = target(&cluster, "state");
    let (_, introduction) = proving(SECRET, "state", 1);
    let mut silent = Stranger::at(address);
    let mut slow = Stranger::at(address);
    slow.say(&introduction[..20]);
    let mut half = Stranger::at(address);
    half.say(&introduction);
    half.hear(5 + 1 + 32);
    for stranger in [&mut silent, &mut slow, &mut half] {
        assert_eq!(stranger.is_turned_away(), b"");
    }
    await_metric(admin, &format!("{counter}{{why=\"late\"}}"), 3);
}

#[test]
fn a_recorded_conversation_cannot_be_played_again() {
    let cluster = guarded();
    let (address, admin, counter) = target(&cluster, "state");
    let mut recorded = Vec::new();
    let (mut dialing, introduction) = proving(SECRET, "state", 1);
    let mut honest = Stranger::at(address);
    honest.say(&introduction);
    recorded.extend(introduction);
    let mut proof = Vec::new();
    assert_eq!(dialing.receive(&honest.hear(5 + 1 + 32), &mut proof), Ok(Progress::More));
    honest.say(&proof);
    recorded.extend(proof);
    assert!(matches!(dialing.receive(&honest.hear(5 + 32), &mut Vec::new()), Ok(Progress::Proved { .. })));
    honest.say(&bare_hello("state"));
    recorded.extend(bare_hello("state"));
    assert_eq!(rpc::next(&honest.hear(5), 0).map(|_| ()), Ok(()), "it is welcomed");

    let mut replayed = Stranger::at(address);
    replayed.say(&recorded);
    let heard = replayed.is_turned_away();
    assert!(heard.len() <= 5 + 1 + 32, "a challenge at most: {heard:?}");
    await_metric(admin, &format!("{counter}{{why=\"secret\"}}"), 1);
}

#[test]
fn who_has_proved_to_be_one_gateway_cannot_speak_as_another() {
    let cluster = guarded();
    let (address, admin, _) = target(&cluster, "state");
    let (mut dialing, introduction) = proving(SECRET, "state", 1);
    let mut impostor = Stranger::at(address);
    impostor.say(&introduction);
    let mut proof = Vec::new();
    assert_eq!(dialing.receive(&impostor.hear(5 + 1 + 32), &mut proof), Ok(Progress::More));
    link::hello(&mut proof, Hello { gateway: 0, boot_epoch: u64::MAX, ..hello() });
    impostor.say(&proof);
    assert_eq!(impostor.is_turned_away().len(), 5 + 32, "the proof, and no Welcome");
    await_more(admin, "holdfast_state_link_faults_total", 0);
    cluster.state.has_said("it has proved to be another than it says");
}

#[test]
fn a_gateway_says_nothing_to_a_state_server_that_does_not_know_the_secret() {
    let impostor = TcpListener::bind("127.0.0.1:0").unwrap();
    let state = impostor.local_addr().unwrap().to_string();
    let mut arguments = vec!["gateway", "--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--reactors=1"];
    arguments.extend(["--stop-on-stdin-eof", "--log-format=text", "--rpc-secret", SECRET, "--state", &state]);
    let gateway = Holdfast::start(&arguments);
    let (mut link, _) = impostor.accept().unwrap();
    link.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut introduction = vec![0; 5 + 1 + 20 + 32];
    link.read_exact(&mut introduction).unwrap();
    // A challenge, and in place of a proof its own, made with another secret.
    let mut challenge = Vec::new();
    rpc::frame(&mut challenge, 0x72, |out| out.extend([&[1][..], &[7; 32]].concat()));
    link.write_all(&challenge).unwrap();
    let mut proof = vec![0; 5 + 32];
    link.read_exact(&mut proof).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, OTHER.as_bytes());
    let mut forged = Vec::new();
    rpc::frame(&mut forged, 0x74, |out| out.extend(hmac::sign(&key, b"trust me").as_ref()));
    link.write_all(&forged).unwrap();
    let mut rest = Vec::new();
    drop(link.read_to_end(&mut rest));
    assert_eq!(rest, b"", "no Hello, and nothing of any client's");
    await_more(gateway.address(&["admin"]), "holdfast_gateway_links_unproved_total", 0);
    gateway.program.has_said("it does not know the secret");
}

#[test]
fn servers_without_the_secret_are_told_what_is_wrong() {
    let cluster = guarded();
    let bare = cluster.another_gateway(&[("id", "1"), ("rpc-secret", "")]);
    cluster.state.has_said("it speaks without a proof");
    drop(bare);
    let other = cluster.another_gateway(&[("id", "2"), ("rpc-secret", OTHER)]);
    other.has_said("does it know another secret, or none?");
    cluster.state.has_said("it does not know the secret");
}

#[test]
fn the_secret_is_exchanged_while_everybody_talks() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, SECRET).unwrap();
    let settings = vec![("rpc-secret-file", file.display().to_string())];
    let mut cluster = Cluster::linked_by(&Links { settings, ..Links::default() });
    let crowd = Crowd::start(&cluster, 60);
    for secrets in [format!("{SECRET}\n{OTHER}\n"), format!("{OTHER}\n{SECRET}\n"), format!("{OTHER}\n")] {
        std::fs::write(&file, &secrets).unwrap();
        for server in [&cluster.logic, &cluster.state, &cluster.gateway] {
            let before = server.said().matches("the settings were read again").count();
            server.signal("HUP");
            server.await_times("the settings were read again", before + 1);
        }
        // Every link is made anew with what holds now.
        cluster.state.kill();
        cluster.state.start_again();
    }
    let people = crowd.finish();
    assert!(people.iter().all(|person| person.disconnects == 0), "the connections stay open");
    check(&cluster, &people);
    assert!(!cluster.state.said().contains("end-to-end tests link with"), "no log tells the secret");
}

#[test]
fn the_world_may_reach_a_server_only_with_a_secret() {
    for (part, danger) in [("state", "speak for any gateway"), ("logic", "speak for any user")] {
        let output = run(&["check-config", part, "--listen", "0.0.0.0:0"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains("--listen: is no loopback address, and there is no rpc_secret"), "{said}");
        assert!(said.contains(danger), "{said}");
        let output = run(&[part, "--rpc-secret", "short", "--print-config"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78));
        assert!(said.contains("--rpc-secret: has a secret of 5 bytes (expected at least 32)"), "{said}");
        assert!(!said.contains("short"), "{said}");
    }
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("holdfast.db").display().to_string();
    let arguments = ["logic", "--listen", "0.0.0.0:0", "--http", "127.0.0.1:0", "--store", &store];
    let open = [&arguments[..], &["--rpc-secret", SECRET]].concat();
    let printed = run(&[&open[..], &["--print-config"]].concat());
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(printed.contains("# rpc_secret is set, and secret.") && !printed.contains(SECRET), "{printed}");
    let mut logic = Holdfast::start(&open);
    logic.signal("TERM");
    assert_eq!(logic.exit_code(), Some(0));
}
