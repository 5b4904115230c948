//! Two thousand people chat while the state server that keeps their sessions in Redis, and that Redis, are killed at random moments. Nobody is disconnected, nobody begins another
//! session, and whatever was acknowledged is heard by its receiver, once and in order.

use crate::cluster::Cluster;
use crate::people::{Moments, People};
use crate::redis_server::RedisServer;

const PEOPLE: u64 = 2000;
/// How often state is killed; every third time Redis is, too, and another third Redis alone.
const DEATHS: u64 = 20;
/// Long enough for all deaths, and for every pair to speak once more after the last.
const DURATION: &str = "20s";

#[test]
fn two_thousand_people_chat_through_twenty_deaths_of_state_and_redis() {
    let mut redis = RedisServer::start();
    let mut cluster = Cluster::with_state(&[("journal", "redis"), ("redis-urls", &redis.url())]);
    let people = People::chatting(&mut cluster, PEOPLE, DURATION);
    let mut moments = Moments::begin();
    for death in 0..DEATHS {
        moments.await_next(400);
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
    people.have_noticed_nothing(&cluster);
}
