//! The chat load against the model edge of the client's tests: every figure adds up, and a load that cannot begin says why.

#![allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "this is a test, and it uses a part of the model"
)]

#[path = "../../client/tests/all/edge/mod.rs"]
mod edge;

use std::time::Duration;

use edge::Edge;
use edge::server::Server;
use loadtest::{ChatLoad, Report};
use proto::packet::{Codec, LoginOk};

fn load(server: &Server, scheme: &str, codec: Codec) -> ChatLoad {
    ChatLoad {
        url: format!("{scheme}://127.0.0.1:{}/", server.port).parse().unwrap(),
        codec,
        pairs: 5,
        in_flight: 4,
        duration: Duration::from_millis(300),
        connections_per_second: 1000,
        body_bytes: 100,
        prefix: "load".into(),
        pids: vec![format!("self={}", std::process::id()).parse().unwrap()],
    }
}

fn run(load: &ChatLoad) -> Report {
    load.run(&mut |_| "good".to_owned()).unwrap()
}

#[test]
fn all_is_answered_and_delivered_once() {
    let server = Server::start(Edge::new(LoginOk::default()));
    for (scheme, codec) in [("tcp", Codec::Proto), ("ws", Codec::Proto), ("ws", Codec::Json)] {
        let report = run(&load(&server, scheme, codec));
        assert!(report.is_sound(), "{report}");
        assert_eq!((report.sent, report.answered), (report.answered, report.delivered));
        assert!(report.errors.is_empty(), "{report}");
        assert!(report.usage.iter().all(|usage| usage.cpu_ns > 0));
        let (submit, delivery) = (report.submit.quantile_ms(0.5), report.delivery.quantile_ms(0.5));
        assert!(submit > 0.0 && delivery > 0.0);
        let json = report.json();
        assert_eq!(json["sound"], true);
        assert!(json["cpu"]["load"]["us_per_message"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn a_login_that_is_refused_ends_the_load_with_its_reason() {
    let server = Server::start(Edge::new(LoginOk::default()));
    let error = load(&server, "tcp", Codec::Proto).run(&mut |_| "bad".to_owned()).unwrap_err();
    assert!(error.to_string().contains("TokenInvalid"), "{error}");
}
