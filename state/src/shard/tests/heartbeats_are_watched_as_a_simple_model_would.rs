//! Reports of life are written down coarsely and beside the sessions; a model that keeps the exact moment of each session's last sign of life says what may come of that.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const DEADLINE_MS: u64 = 75_000;
/// How much later than its deadline a session may be given up: a grain of the pulse, a tick of the session's own memory, and one of the wheel.
const LATE_MS: u64 = DEADLINE_MS / 64 + 2 * TICK_MS;
const UIDS: [&str; 4] = ["alice", "bob", "carol", "dan"];

#[derive(Clone, Debug)]
enum Step {
    /// A user logs in, under this index, whoever had it before.
    LogIn(usize, u32),
    /// A connection ends.
    Close(usize),
    /// These indices are reported alive.
    Report(u8),
    /// A packet.
    Speak(usize),
    /// The link is lost and comes back.
    Relink,
    /// Time passes.
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0..4usize, 0..4u32).prop_map(|(user, index)| Step::LogIn(user, index)),
        1 => (0..4usize).prop_map(Step::Close),
        8 => any::<u8>().prop_map(Step::Report),
        1 => (0..4usize).prop_map(Step::Speak),
        1 => Just(Step::Relink),
        4 => (1..3_000u64).prop_map(Step::Wait),
        4 => (3_000..80_000u64).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..60)
}

/// Who is on which connection, and since when silent.
#[derive(Default)]
struct Model(BTreeMap<usize, (ConnId, u64)>);

impl Model {
    fn log_in(&mut self, stage: &mut Stage, user: usize, index: u32) {
        let conn = conn(UIDS[user], index);
        // Whoever was known under the index is gone without a word.
        self.0.retain(|_, (other, _)| other.index() != index);
        self.0.insert(user, (conn, stage.now.mono_ms));
        stage.log_in(conn, WEBSOCKET, (UIDS[user], "phone"), 0);
    }

    fn report(&mut self, stage: &mut Stage, bits: u8) {
        let indices: Vec<_> = (0..8).filter(|bit| bits & 1 << bit != 0).collect();
        for (conn, alive_ms) in self.0.values_mut() {
            if indices.contains(&conn.index()) {
                *alive_ms = stage.now.mono_ms;
            }
        }
        stage.gateway_says(HOME, |out| link::alive(out, indices));
    }

    fn relink(&mut self, stage: &mut Stage) {
        stage.handle(Input::GatewayDown(HOME));
        let live: Vec<_> = self.0.values().map(|(conn, _)| (*conn, WEBSOCKET)).collect();
        self.0.values_mut().for_each(|(_, alive_ms)| *alive_ms = stage.now.mono_ms);
        stage.link_gateway(HOME, 1, &live);
    }

    /// Lets time pass as a shell would, and sees that who is given up then is given up in time.
    fn wait(&mut self, stage: &mut Stage, time_ms: u64) {
        let until_ms = stage.now.mono_ms + time_ms;
        while stage.now.mono_ms < until_ms {
            let next_ms =
                stage.shard.next_deadline().unwrap_or(u64::MAX).clamp(stage.now.mono_ms + 1, until_ms);
            stage.wait(Duration::from_millis(next_ms - stage.now.mono_ms));
            let closed: Vec<_> = stage.heard(HOME).into_iter().filter_map(closed).collect();
            self.0.retain(|_, (conn, alive_ms)| {
                let silent_ms = stage.now.mono_ms - *alive_ms;
                let given_up = closed.contains(conn);
                assert!(!given_up || silent_ms >= DEADLINE_MS, "{conn} given up after {silent_ms} ms");
                assert!(given_up || silent_ms <= DEADLINE_MS + LATE_MS, "{conn} there after {silent_ms} ms");
                !given_up
            });
        }
    }
}

fn closed(said: Said) -> Option<ConnId> {
    match said {
        Said::Close(conn, CloseReason::HeartbeatTimeout) => Some(conn),
        _ => None,
    }
}

proptest! {
    #[test]
    fn nobody_is_given_up_before_the_deadline_nor_much_after_it(steps in steps()) {
        let mut stage = Stage::new();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::LogIn(user, index) => model.log_in(&mut stage, user, index),
                Step::Close(user) => {
                    if let Some((conn, _)) = model.0.remove(&user) {
                        stage.gateway_says(HOME, |out| link::closed(out, conn, CloseReason::PeerReset));
                    }
                }
                Step::Report(bits) => model.report(&mut stage, bits),
                Step::Speak(user) => {
                    if let Some((conn, alive_ms)) = model.0.get_mut(&user) {
                        *alive_ms = stage.now.mono_ms;
                        stage.uplink(*conn, &ack(0));
                    }
                }
                Step::Relink => model.relink(&mut stage),
                Step::Wait(time_ms) => model.wait(&mut stage, time_ms),
            }
            let on = stage.shard.sessions() - stage.shard.away();
            prop_assert_eq!(on, model.0.len());
        }
    }
}
