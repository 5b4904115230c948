//! Logic may be killed at any moment: what it acknowledged is there, once and in order, and clients notice nothing but a pause.

use std::hash::{BuildHasher as _, RandomState};

use crate::cluster::Cluster;
use crate::crowd::{Crowd, check};

/// Messages of each person; ten thousand of all.
const MESSAGES: usize = 1250;
/// How often logic is killed.
const DEATHS: usize = 5;

#[test]
fn no_acknowledged_message_is_lost_doubled_or_moved_when_logic_is_killed() {
    let mut cluster = Cluster::start();
    let crowd = Crowd::start(&cluster, MESSAGES);
    let random = RandomState::new();
    // Each death comes somewhere in a stretch of its own, so that all of them meet a crowd that talks.
    let stretch = Crowd::total(MESSAGES) / (DEATHS + 1);
    let mut passed = 0;
    for death in 0..DEATHS {
        let moment = death * stretch + random.hash_one(death) as usize % stretch + 1;
        crowd.await_answers(moment - passed);
        passed = moment;
        println!("death {death} after {moment} answers");
        cluster.logic.kill();
        cluster.logic.start_again();
    }
    let people = crowd.finish();
    for person in &people {
        assert_eq!((person.logins, person.disconnects), (0, 0), "the session stays open");
    }
    check(&cluster, &people);
}
