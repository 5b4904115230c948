//! The chat against the model edge of the client's tests: every figure adds up, and one that cannot begin says why.

#![allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "this is a test, and it uses a part of the model"
)]

#[path = "../../client/tests/all/edge/mod.rs"]
mod edge;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use edge::Edge;
use edge::server::Server;
use loadtest::coordinator::{self, Watch};
use loadtest::identity::{Identity, Mint};
use loadtest::ledger::{Count, Timing};
use loadtest::plan::{Load, Part, Plan, Task};
use loadtest::report::{Ended, Report};
use proto::packet::{Codec, LoginOk};

fn run(server: &Server, scheme: &str, codec: Codec, load: Load, token: &'static str) -> Report {
    let task = Task::Chat { bytes: 100, load, codec, hardship: None };
    let plan = Plan {
        target: format!("{scheme}://127.0.0.1:{}/", server.port).parse().unwrap(),
        lengths: false,
        subprotocol: None,
        identity: Some(Identity { prefix: "load".into(), mint: Mint(Arc::new(move |_| token.to_owned())) }),
        sources: Vec::new(),
        workers: None,
        ramp: 1000.0,
        coalesce: Duration::ZERO,
        open_patience: Duration::from_secs(20),
        duration: Duration::from_millis(300),
        patience: Duration::from_secs(20),
        parts: vec![Part { name: "chat".into(), clients: 10, after: Duration::ZERO, task }],
        pids: vec![format!("self={}", std::process::id()).parse().unwrap()],
    };
    let stop = AtomicBool::new(false);
    coordinator::run(&plan, &mut Watch { progress: &mut |_| {}, stop: &stop }).unwrap()
}

#[test]
fn all_is_answered_and_delivered_once() {
    let server = Server::start(Edge::new(LoginOk::default()));
    let open = Load::Open { rate: 500.0, unanswered_max: 1000 };
    let closed = Load::Closed { in_flight: 4 };
    for (scheme, codec, load) in
        [("tcp", Codec::Proto, open), ("ws", Codec::Proto, closed), ("ws", Codec::Json, open)]
    {
        let report = run(&server, scheme, codec, load, "good");
        assert_eq!((&report.ended, report.faults()), (&Ended::Complete, vec![]), "{report}");
        let whole = report.whole();
        let counts = [Count::Sent, Count::Answered, Count::Delivered].map(|count| whole.of(count));
        assert!(counts[0] > 0 && counts == [counts[0]; 3], "{report}");
        assert_eq!(whole.error_count(), 0, "{report}");
        assert_eq!(whole.times(Timing::Delivery).unwrap().count(), counts[0]);
        assert!(report.memory.processes().all(|(_, cpu, _)| cpu > 0.0));
    }
}

#[test]
fn a_login_that_is_refused_is_told_with_its_reason() {
    let server = Server::start(Edge::new(LoginOk::default()));
    let report = run(&server, "tcp", Codec::Proto, Load::Closed { in_flight: 1 }, "bad");
    assert_eq!(report.ended, Ended::Nobody);
    assert!(report.whole().errors().contains_key("login refused: TokenInvalid"), "{report}");
}
