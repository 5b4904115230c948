//! Whoever is in a conversation is told what is said in it, on every device, whichever way each of them is connected.

use proto::ids::ConversationId;
use proto::packet::Body;

use crate::cluster::Cluster;
use crate::device::{Device, Way, to_conversation};

#[test]
fn two_people_talk_over_every_pair_of_transports_and_a_third_device_hears_it() {
    let cluster = Cluster::start();
    for (pair, (alices, bobs)) in
        Way::ALL.into_iter().flat_map(|one| Way::ALL.map(|other| (one, other))).enumerate()
    {
        let (alice, bob) = (&format!("alice{pair}"), &format!("bob{pair}"));
        let mut phone = Device::online(&cluster, alice, "phone", alices);
        let mut tablet = Device::online(&cluster, alice, "tablet", bobs);
        let mut bobs_phone = Device::online(&cluster, bob, "phone", bobs);

        let sent = phone.say(bob, "hello");
        let heard = bobs_phone.hear("hello");
        assert_eq!((&heard.conversation, heard.seq, heard.time_ms), (&sent.conversation, 1, sent.time_ms));
        assert_eq!((&heard.sender, heard.to.as_ref()), (&phone.uid, Some(&bobs_phone.uid)));
        assert_eq!(sent.conversation, ConversationId::single(&phone.uid, &bobs_phone.uid));
        assert_eq!(tablet.hear("hello"), heard, "alice's tablet sees what her phone has said");

        // The answer by the conversation's name instead of the other's.
        let target = to_conversation(heard.conversation.as_str());
        let answered = bobs_phone.say_in(target, "good morning").expect("bob is in it");
        assert_eq!((&answered.conversation, answered.seq), (&sent.conversation, 2));
        for device in [&mut phone, &mut tablet] {
            assert_eq!(device.hear("good morning").seq, 2);
        }
        for device in [&mut phone, &mut tablet, &mut bobs_phone] {
            assert!(!device.was_offline());
        }
    }
}

#[test]
fn everybody_in_a_group_hears_everybody_in_the_same_order() {
    let cluster = Cluster::start();
    let mut devices: Vec<_> = ["alice", "bob", "carol"]
        .into_iter()
        .zip(Way::ALL)
        .map(|(uid, way)| Device::online(&cluster, uid, "phone", way))
        .collect();
    assert_eq!(devices[0].make_group("g.club", &["bob", "carol"]), Ok(3));
    let club = || to_conversation("g.club");
    let texts = ["from alice", "from bob", "from carol"];
    for (device, text) in devices.iter_mut().zip(texts) {
        device.say_in(club(), text).expect("all of them are in it");
    }
    for device in &mut devices {
        // Its own are among them, told like the others'.
        let seqs = texts.map(|text| device.hear(text).seq);
        assert_eq!(seqs, [1, 2, 3]);
    }
    let history = devices[2].history(&"g.club".parse().unwrap()).unwrap();
    let told: Vec<_> = history.into_iter().map(|message| message.body).collect();
    assert_eq!(told, texts.map(|text| Body::Text(text.into())));
}
