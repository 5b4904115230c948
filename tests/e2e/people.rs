//! Many people who chat in pairs, by the load tester, which keeps the books: [`People`]. Owns letting them in, asking whether any of them has noticed something, and moments that
//! nobody chose; what is done to the servers meanwhile is each test's.

use std::env;
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::cluster::Cluster;
use crate::holdfast::command;
use crate::metrics::{await_metric, metric};
use crate::program::{PATIENCE, Program};

/// A key of 32 bytes, in base64.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// All of them.
pub(crate) struct People {
    count: u64,
    load: Program,
}

impl People {
    /// They have all logged in, and chat for so long from now on.
    pub(crate) fn chatting(cluster: &mut Cluster, count: u64, duration: &str) -> Self {
        let data = cluster.folder().join("load");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join("dev.key"), KEY).unwrap();
        cluster.state.stop();
        cluster.state.set("token-keys", &format!("dev:HS256:file:{}", data.join("dev.key").display()));
        cluster.state.start_again();
        let (url, pairs) = (format!("ws://{}", cluster.address()), (count / 2).to_string());
        let talk = ["load", "chat", &url, "--pairs", &pairs, "--rate", "300", "--duration", duration];
        let rest = ["--patience", "60s", "--json", "--data", data.to_str().unwrap()];
        let load = Program::start("load", command(&[&talk[..], &rest].concat()));
        await_metric(cluster.state.address("admin"), "holdfast_state_sessions", count);
        Self { count, load }
    }

    /// Waits until they are done. Whatever was acknowledged was heard by its receiver, once and in order, and nobody was disconnected or has begun another session.
    pub(crate) fn have_noticed_nothing(mut self, cluster: &Cluster) {
        // It ends by its own clock; the bound on every wait is for servers.
        let line = (0..10).find_map(|_| self.load.try_line(PATIENCE)).expect("the load tester reports");
        drop(self.load.ended());
        let report: Value = serde_json::from_str(&line).unwrap();
        let run = &report["parts"][0]["run"]["counts"];
        for what in
            ["disconnects", "lost", "doubled", "reordered", "wrong", "refused", "unanswered", "sessions_lost"]
        {
            assert_eq!(run[what], 0, "{what}: {report}");
        }
        assert_eq!((&run["answered"], &run["delivered"]), (&run["sent"], &run["sent"]), "{report}");
        assert_eq!(report["connected_at_the_end"], self.count, "{report}");
        let gateway = cluster.gateway.address("admin");
        let accepted = metric(gateway, "holdfast_gateway_accepted_total");
        assert_eq!(accepted, self.count, "nobody has connected twice");
    }
}

/// Moments in no order: Xorshift64 (Marsaglia 2003). A test prints where it began; `HOLDFAST_TEST_SEED=n` begins there again.
pub(crate) struct Moments(u64);

impl Moments {
    pub(crate) fn begin() -> Self {
        let clock = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
        let seed = env::var("HOLDFAST_TEST_SEED")
            .map_or_else(|_| clock(), |seed| seed.parse().expect("a seed is a number"));
        println!("HOLDFAST_TEST_SEED={}", seed | 1);
        Self(seed | 1)
    }

    /// Waits for the next, which comes within so many milliseconds. A random moment is no event.
    pub(crate) fn await_next(&mut self, within_ms: u64) {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        thread::sleep(Duration::from_millis((self.0 >> 11) % within_ms));
    }
}
