//! Two thousand people chat while the state server that keeps their sessions in Redis, and that Redis, are killed at random moments. Nobody is disconnected, nobody begins another
//! session, and whatever was acknowledged is heard by its receiver, once and in order: the load tester keeps the books.

use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::cluster::Cluster;
use crate::holdfast::command;
use crate::metrics::{await_metric, metric};
use crate::program::Program;
use crate::redis_server::RedisServer;

const PEOPLE: u64 = 2000;
/// How often state is killed; every third time Redis is, too, and another third Redis alone.
const DEATHS: u64 = 20;
/// Long enough for all deaths, and for every pair to speak once more after the last.
const DURATION: &str = "20s";
/// A key of 32 bytes, in base64.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

#[test]
fn two_thousand_people_chat_through_twenty_deaths_of_state_and_redis() {
    let mut redis = RedisServer::start();
    let mut cluster = Cluster::with_state(&[("journal", "redis"), ("redis-urls", &redis.url())]);
    let data = cluster.folder().join("load");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("dev.key"), KEY).unwrap();
    cluster.state.stop();
    cluster.state.set("token-keys", &format!("dev:HS256:file:{}", data.join("dev.key").display()));
    cluster.state.start_again();
    let load = chat(&cluster, data.to_str().unwrap());
    await_metric(cluster.state.address("admin"), "holdfast_state_sessions", PEOPLE);

    let mut random = Random(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1);
    println!("moments of {}", random.0);
    for death in 0..DEATHS {
        // A random moment is no event.
        thread::sleep(Duration::from_millis(random.below(400)));
        if death % 3 != 1 {
            cluster.state.kill();
        }
        if death % 3 != 0 {
            redis.kill();
            redis.start_again();
        }
        if death % 3 != 1 {
            cluster.state.start_again();
        }
    }
    let report = report(load);
    let run = &report["parts"][0]["run"]["counts"];
    for what in
        ["disconnects", "lost", "doubled", "reordered", "wrong", "refused", "unanswered", "sessions_lost"]
    {
        assert_eq!(run[what], 0, "{what}: {report}");
    }
    assert_eq!((&run["answered"], &run["delivered"]), (&run["sent"], &run["sent"]), "{report}");
    assert_eq!(report["connected_at_the_end"], PEOPLE, "{report}");
    let gateway = cluster.gateway.address("admin");
    assert_eq!(metric(gateway, "holdfast_gateway_accepted_total"), PEOPLE, "nobody has connected twice");
}

fn chat(cluster: &Cluster, data: &str) -> Program {
    let (url, pairs) = (format!("ws://{}", cluster.address()), (PEOPLE / 2).to_string());
    let talk = ["load", "chat", &url, "--pairs", &pairs, "--rate", "300", "--duration", DURATION];
    Program::start("load", command(&[&talk[..], &["--patience", "60s", "--json", "--data", data]].concat()))
}

fn report(mut load: Program) -> Value {
    let (_, lines) = load.ended();
    serde_json::from_str(lines.last().expect("the load tester reports")).unwrap()
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
