//! Many people chat while the state server is killed again and again, at random moments. Nobody is disconnected, nobody begins another session, and whatever was acknowledged is heard
//! by its receiver, once and in order: the load tester keeps the books. `scripts/test --full` has two thousand of them and twenty deaths.
//!
//! A failure prints its seed; `HOLDFAST_TEST_SEED=n` chooses the same moments again.

use std::env;
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::cluster::Cluster;
use crate::holdfast::command;
use crate::metrics::metric;
use crate::program::{PATIENCE, Program};

/// How much of it.
struct Size {
    people: u64,
    deaths: u64,
    /// Long enough for all deaths, and for every pair to speak once more after the last.
    duration: &'static str,
}

const FULL: Size = Size { people: 2000, deaths: 20, duration: "60s" };
const PLAIN: Size = Size { people: 400, deaths: 6, duration: "15s" };
/// A key of 32 bytes, in base64.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

#[test]
fn people_chat_through_many_deaths_of_state_and_do_not_notice() {
    let Size { people, deaths, duration } =
        if env::var_os("HOLDFAST_TEST_FULL").is_some() { FULL } else { PLAIN };
    let mut cluster = Cluster::start();
    let data = cluster.folder().join("load");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("dev.key"), KEY).unwrap();
    cluster.state.stop();
    cluster.state.set("token-keys", &format!("dev:HS256:file:{}", data.join("dev.key").display()));
    cluster.state.start_again();
    let load = chat(&cluster, people, duration, data.to_str().unwrap());
    await_sessions(&cluster, people);

    let mut random = Random(seed() | 1);
    println!("HOLDFAST_TEST_SEED={}", random.0);
    for _ in 0..deaths {
        // A random moment is no event.
        thread::sleep(Duration::from_millis(random.below(600)));
        cluster.state.kill();
        cluster.state.start_again();
    }
    let report = report(load);
    let run = &report["parts"][0]["run"]["counts"];
    for what in
        ["disconnects", "lost", "doubled", "reordered", "wrong", "refused", "unanswered", "sessions_lost"]
    {
        assert_eq!(run[what], 0, "{what}: {report}");
    }
    assert_eq!((&run["answered"], &run["delivered"]), (&run["sent"], &run["sent"]), "{report}");
    assert_eq!(report["connected_at_the_end"], people, "{report}");
    let gateway = cluster.gateway.address("admin");
    assert_eq!(metric(gateway, "holdfast_gateway_accepted_total"), people, "nobody has connected twice");
}

fn seed() -> u64 {
    let clock = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    env::var("HOLDFAST_TEST_SEED").map_or_else(|_| clock(), |seed| seed.parse().expect("a seed is a number"))
}

fn chat(cluster: &Cluster, people: u64, duration: &str, data: &str) -> Program {
    let (url, pairs) = (format!("ws://{}", cluster.address()), (people / 2).to_string());
    let talk = ["load", "chat", &url, "--pairs", &pairs, "--rate", "300", "--duration", duration];
    Program::start("load", command(&[&talk[..], &["--patience", "60s", "--json", "--data", data]].concat()))
}

fn await_sessions(cluster: &Cluster, count: u64) {
    while metric(cluster.state.address("admin"), "holdfast_state_sessions") < count {
        thread::sleep(Duration::from_millis(50));
    }
}

fn report(mut load: Program) -> Value {
    // It ends by its own clock; the bound on every wait is for servers.
    let line = (0..10).find_map(|_| load.try_line(PATIENCE)).expect("the load tester reports");
    drop(load.ended());
    serde_json::from_str(&line).unwrap()
}

/// Xorshift64 (Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}
