//! Every link frame comes back as it was sent, and a malformed one is refused.

use super::*;
use crate::rpc;

fn sent(write: impl FnOnce(&mut Vec<u8>)) -> (u8, Vec<u8>) {
    let mut out = Vec::new();
    write(&mut out);
    let found = rpc::next(&out, 0).unwrap().unwrap();
    assert_eq!(found.body.end, out.len());
    (found.kind, out[found.body].to_vec())
}

const A: ConnId = ConnId(0x0123_4567_89AB_CDEF);
const B: ConnId = ConnId(2);

#[test]
fn frames_from_a_gateway_come_back() {
    let check = |write: &dyn Fn(&mut Vec<u8>), expected: FromGateway<'_>| {
        let (kind, body) = sent(write);
        assert_eq!(FromGateway::decode(kind, &body), Ok(expected));
    };
    let who = Hello { gateway: 4095, reactor: 63, boot_epoch: 9, shard: 1 };
    check(&|out| hello(out, who), FromGateway::Hello(who));
    let json = Form { codec: Codec::Json, tcp: false };
    let tcp = Form { codec: Codec::Proto, tcp: true };
    check(
        &|out| live(out, &[(A, json), (B, tcp)], true),
        FromGateway::Live { conns: vec![(A, json), (B, tcp)], last: true },
    );
    for peer in ["127.0.0.1:80", "[2001:db8::1]:65535"] {
        let peer = peer.parse().unwrap();
        check(
            &|out| open(out, Open { conn: A, form: json, peer, packet: b"{}" }),
            FromGateway::Open { conn: A, form: json, peer, packet: b"{}".to_vec() },
        );
    }
    check(&|out| uplink(out, A, b"xyz"), FromGateway::Uplink { conn: A, packet: b"xyz" });
    let reason = CloseReason::PeerReset;
    check(&|out| closed(out, B, reason), FromGateway::Closed { conn: B, reason });
    check(&|out| blocked(out, B), FromGateway::Blocked(B));
    check(&|out| writable(out, B), FromGateway::Writable(B));
    let (kind, body) = sent(|out| alive(out, [0, 5, 6, 1 << 23]));
    let Ok(FromGateway::Alive(list)) = FromGateway::decode(kind, &body) else { panic!("alive") };
    assert_eq!(list.collect::<Result<Vec<_>, _>>(), Ok(vec![0, 5, 6, 1 << 23]));
    assert_eq!(body.len(), 1 + 1 + 1 + 4);
}

#[test]
fn frames_from_a_shard_come_back() {
    let who = Welcome { shard: 1, shard_count: 2, boot_epoch: 77 };
    let (kind, body) = sent(|out| welcome(out, who));
    assert_eq!(FromState::decode(kind, &body), Ok(FromState::Welcome(who)));
    let targets = [(A, &b"p1"[..]), (B, &b""[..])];
    let (kind, body) = sent(|out| downlink(out, targets.into_iter(), b"shared"));
    let Ok(FromState::Downlink { targets: found, shared }) = FromState::decode(kind, &body) else {
        panic!("downlink")
    };
    assert_eq!(found.collect::<Vec<_>>(), targets);
    assert_eq!(shared, b"shared");
    let (kind, body) = sent(|out| close(out, A, CloseReason::Replaced));
    assert_eq!(
        FromState::decode(kind, &body),
        Ok(FromState::Close { conn: A, reason: CloseReason::Replaced })
    );
}

#[test]
fn every_cut_of_a_frame_is_an_error_or_another_frame_and_never_a_panic() {
    let (kind, body) = sent(|out| downlink(out, [(A, &b"prefix"[..])].into_iter(), b""));
    for cut in 0..body.len() {
        assert_eq!(FromState::decode(kind, &body[..cut]), Err(LinkError::Body("downlink")));
    }
    for kind in 0..=u8::MAX {
        for length in 0..20 {
            for fill in [0, 1, 0x7F, 0xFF] {
                let body = vec![fill; length];
                if let Ok(FromGateway::Alive(list)) = FromGateway::decode(kind, &body) {
                    assert!(list.count() <= body.len());
                }
                let _ = FromState::decode(kind, &body);
            }
        }
    }
    assert_eq!(FromGateway::decode(0x41, b""), Err(LinkError::Kind(0x41)));
    let old = wire::Hello { version: 2, ..Default::default() }.encode_to_vec();
    assert_eq!(FromGateway::decode(up::HELLO, &old), Err(LinkError::Version(2)));
}
