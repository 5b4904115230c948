//! A record is read back as it was written, and nothing else is taken for one.

use proptest::prelude::*;

use super::*;

pub(crate) fn a_session() -> Durable {
    Durable {
        number: 0xAB_0000_0001,
        uid: "alice".parse().unwrap(),
        device: "phone".parse().unwrap(),
        grant: Grant { token: 4, issued_s: 5, class: DeviceClass::Web },
        place: Reach::On { conn: ConnId(77), boot_epoch: 5, codec: Codec::Json },
        secrets: Secrets { shown: 3, ahead: 1 },
        answered: 12,
        pushed: 9,
        kept: vec![Arc::new(vec![1, 2, 3]), Arc::new(vec![])],
        missed: Some(Resync {
            missed: vec![Missed { conversation: "g.club".parse().unwrap(), from_seq: 3, to_seq: 8 }],
            everything: true,
        }),
    }
}

fn one_of_each() -> Vec<Record<'static>> {
    let away = Reach::Away { last: ConnId(78), reason: CloseReason::PeerClosed };
    vec![
        Record::Session(Box::new(a_session())),
        Record::Session(Box::new(Durable { place: away, kept: vec![], missed: None, ..a_session() })),
        Record::Resumed {
            session: 1,
            conn: ConnId(9),
            boot_epoch: 8,
            codec: Codec::Proto,
            secrets: Secrets { shown: 1, ahead: 2 },
        },
        Record::Confirmed { session: 2 },
        Record::Left { session: 3, reason: CloseReason::HeartbeatTimeout },
        Record::Ended { session: 4 },
        Record::Answered { session: 5, client_id: u64::MAX },
        Record::Pushed {
            conversation: "g.club".into(),
            seq: 6,
            packet: vec![1, 2].into(),
            kept: vec![Kept { session: 1, behind: 0 }, Kept { session: 2, behind: 3 }].into(),
            missed: vec![3].into(),
        },
        Record::Told { session: 7, packet: vec![4].into() },
        Record::Acknowledged { session: 8, push_seq: 2 },
        Record::Taken(Taken { epoch: 9, number: 10 }),
        Record::CheckpointBegun,
        Record::CheckpointDone,
    ]
}

#[test]
fn records_come_back_one_after_the_other() {
    let mut bytes = Vec::new();
    one_of_each().iter().for_each(|record| record.encode(&mut bytes));
    let mut rest = &bytes[..];
    for record in one_of_each() {
        assert_eq!(Record::decode(&mut rest), Ok(record));
    }
    assert!(rest.is_empty());
}

#[test]
fn a_record_that_is_cut_off_is_none() {
    for record in one_of_each() {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        for length in 0..bytes.len() {
            assert_eq!(Record::decode(&mut &bytes[..length]), Err(Malformed), "{record:?} cut to {length}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange_to_be_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut rest = &bytes[..];
        while !rest.is_empty() && Record::decode(&mut rest).is_ok() {}
    }
}
