//! Many people chat while the state server is killed again and again, at random moments. Nobody is disconnected, nobody begins another session, and whatever was acknowledged is heard
//! by its receiver, once and in order. `scripts/test --full` has two thousand of them and twenty deaths.

use std::env;

use crate::cluster::Cluster;
use crate::people::{Moments, People};

/// How much of it.
struct Size {
    people: u64,
    deaths: u64,
    /// Long enough for all deaths, and for every pair to speak once more after the last.
    duration: &'static str,
}

const FULL: Size = Size { people: 2000, deaths: 20, duration: "60s" };
const PLAIN: Size = Size { people: 400, deaths: 6, duration: "15s" };

#[test]
fn people_chat_through_many_deaths_of_state_and_do_not_notice() {
    let Size { people, deaths, duration } =
        if env::var_os("HOLDFAST_TEST_FULL").is_some() { FULL } else { PLAIN };
    let mut cluster = Cluster::start();
    let people = People::chatting(&mut cluster, people, duration);
    let mut moments = Moments::begin();
    for _ in 0..deaths {
        moments.await_next(600);
        cluster.state.kill();
        cluster.state.start_again();
    }
    people.have_noticed_nothing(&cluster);
}
