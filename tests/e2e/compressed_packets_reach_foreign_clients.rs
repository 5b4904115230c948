//! Where the operator allows compression, clients that offer it speak it in both directions, and those that do not notice nothing. Both libraries of the
//! foreign clients offer permessage-deflate of themselves; the SDK does not.

use proto::ws::Subprotocol;

use crate::cluster::Cluster;
use crate::device::{Device, Way};
use crate::foreign::{Foreign, Library};
use crate::metrics::{await_more, metric};

const INFLATED: &str = "holdfast_gateway_inflated_messages_total";
const DEFLATED: &str = "holdfast_gateway_deflated_messages_total";
const SAVED: &str = "holdfast_gateway_deflate_saved_bytes_total";

#[test]
fn what_one_says_compressed_is_heard_by_all_compressed_or_not() {
    let cluster = Cluster::start_with(&[("deflate", "true")]);
    let admin = cluster.gateway.address("admin");
    let mut bob = Device::online(&cluster, "bob", "phone", Way::WebSocketJson);
    for (library, subprotocol) in [Library::Python, Library::Node]
        .into_iter()
        .flat_map(|library| [(library, Subprotocol::Json), (library, Subprotocol::Proto)])
    {
        let uid = format!("alice.{library:?}.{subprotocol:?}");
        let mut alice = Foreign::online(&cluster, library, subprotocol, &uid);
        let text = format!("{uid} has so much to say. ").repeat(100);
        let [inflated, deflated, saved] = [INFLATED, DEFLATED, SAVED].map(|name| metric(admin, name));
        alice.say("bob", &text);
        assert_eq!(bob.hear(&text).sender.as_str(), uid);
        await_more(admin, INFLATED, inflated);
        assert_eq!(metric(admin, DEFLATED), deflated, "neither an answer so short nor what bob hears");
        bob.say(&uid, &text);
        assert_eq!(alice.hear(), ("bob".to_owned(), 2, text));
        await_more(admin, DEFLATED, deflated);
        await_more(admin, SAVED, saved + 1000);
        assert_eq!(alice.log_out(), 1000);
    }
}
