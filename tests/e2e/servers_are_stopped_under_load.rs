//! State and logic are stopped and started again, in good order, while people talk: nothing that was acknowledged is lost, and nobody is disconnected.

use crate::cluster::Cluster;
use crate::crowd::{Crowd, check};

/// Messages of each person.
const MESSAGES: usize = 300;
/// How often each of the two is stopped.
const STOPS: usize = 2;

#[test]
fn nothing_is_lost_when_state_and_logic_are_stopped_and_started_again() {
    let mut cluster = Cluster::start();
    let crowd = Crowd::start(&cluster, MESSAGES);
    for _ in 0..STOPS {
        crowd.await_answers(Crowd::total(MESSAGES) / (2 * STOPS + 1));
        cluster.state.stop();
        cluster.state.start_again();
        crowd.await_answers(Crowd::total(MESSAGES) / (2 * STOPS + 1));
        cluster.logic.stop();
        cluster.logic.start_again();
    }
    let people = crowd.finish();
    for person in &people {
        assert_eq!((person.logins, person.resumes, person.disconnects), (0, 0, 0), "they notice nothing");
    }
    check(&cluster, &people);
}
