//! The packets in both forms: round trips, examples by hand, the walk of `peek`, the halves of `splice`, and what each field check says.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::limits::{WATCHED_MAX, *};

fn any_uid() -> impl Strategy<Value = Uid> {
    "[a-zä-ü0-9]{1,32}".prop_map(|name| name.parse().unwrap())
}

fn any_group() -> impl Strategy<Value = ConversationId> {
    "g\\.[a-z]{1,62}".prop_map(|name| name.parse().unwrap())
}

fn any_conversation() -> impl Strategy<Value = ConversationId> {
    let single = (any_uid(), any_uid()).prop_map(|(one, other)| ConversationId::single(&one, &other));
    prop_oneof![any_group(), single]
}

fn any_body() -> impl Strategy<Value = Body> {
    prop_oneof![any::<String>().prop_map(Body::Text), any::<Vec<u8>>().prop_map(Body::Data)]
}

fn any_client_packet() -> impl Strategy<Value = ClientPacket> {
    let target =
        prop_oneof![any_conversation().prop_map(Target::Conversation), any_uid().prop_map(Target::User)];
    let submit = (target, any_body()).prop_map(|(target, body)| ClientBody::Submit(Submit { target, body }));
    let group = (any_group(), vec(any_uid(), 0..4))
        .prop_map(|(conversation, members)| ClientBody::CreateGroup(CreateGroup { conversation, members }));
    let command = (1..=u64::MAX, prop_oneof![submit, group]);
    let login =
        (any_uid(), "[a-z]{1,64}", any::<String>(), "\\PC{0,16}").prop_map(|(uid, device, token, client)| {
            ClientBody::Login(Login { uid, device: device.parse().unwrap(), token, client })
        });
    let pull = (any_conversation(), any::<u64>(), any::<u32>())
        .prop_map(|(conversation, from_seq, limit)| ClientBody::Pull(Pull { conversation, from_seq, limit }));
    let resume = (any_uid(), "[a-z]{1,64}", "\\PC{0,12}", any_secret(), any::<u64>()).prop_map(
        |(uid, device, session, secret, last_push_seq)| {
            let device = device.parse().unwrap();
            ClientBody::Resume(Resume { uid, device, session, secret, last_push_seq })
        },
    );
    let other = prop_oneof![
        resume,
        Just(ClientBody::Heartbeat),
        Just(ClientBody::Logout),
        any::<u64>().prop_map(|push_seq| ClientBody::Ack { push_seq }),
        login,
        pull,
    ];
    prop_oneof![command, (Just(0), other)].prop_map(|(client_id, body)| ClientPacket { client_id, body })
}

fn any_message() -> impl Strategy<Value = Message> {
    (any_conversation(), any::<u64>(), any_uid(), prop::option::of(any_uid()), any::<u64>(), any_body())
        .prop_map(|(conversation, seq, sender, to, time_ms, body)| Message {
            conversation,
            seq,
            sender,
            to,
            time_ms,
            body,
        })
}

fn any_refused() -> impl Strategy<Value = Refused> {
    use RefusedCode::*;
    let codes = [
        Invalid,
        LoginFirst,
        TokenInvalid,
        TokenExpired,
        UnknownConversation,
        NotAMember,
        OutOfOrder,
        ClientIdReused,
        ConversationExists,
        Unavailable,
    ];
    (0..codes.len(), any::<String>(), any::<u64>(), any::<u32>()).prop_map(
        move |(code, text, expected_client_id, retry_after_ms)| Refused {
            expected_client_id,
            retry_after_ms,
            ..Refused::new(codes[code], "submit.to", text)
        },
    )
}

fn any_login_ok() -> impl Strategy<Value = LoginOk> {
    (any::<String>(), any::<[u64; 2]>(), any::<[u32; 8]>()).prop_map(|(session, longs, shorts)| LoginOk {
        session,
        last_client_id: longs[0],
        heartbeat_interval_ms: shorts[0],
        ack_delay_ms: shorts[1],
        ack_every: shorts[2],
        submit_timeout_ms: shorts[3],
        uplink_window: shorts[4],
        reconnect_base_ms: shorts[5],
        reconnect_max_ms: shorts[6],
        max_packet_bytes: shorts[7],
        server_time_ms: longs[1],
        secret: (longs[0] % 2 == 1).then(|| Secret(std::array::from_fn(|place| shorts[place % 8] as u8))),
        resume_within_ms: shorts[0] ^ shorts[1],
    })
}

fn any_secret() -> impl Strategy<Value = Secret> {
    any::<[u8; 16]>().prop_map(Secret)
}

fn any_resume_ok() -> impl Strategy<Value = ResumeOk> {
    let verdict = prop_oneof![Just(Verdict::Complete), Just(Verdict::Gap), Just(Verdict::Reset)];
    (verdict, proptest::option::of(any_secret()), any::<[u64; 2]>()).prop_map(|(verdict, secret, longs)| {
        ResumeOk { verdict, secret, last_client_id: longs[0], server_time_ms: longs[1] }
    })
}

fn any_resync() -> impl Strategy<Value = Resync> {
    let missed = (any_conversation(), any::<[u64; 2]>())
        .prop_map(|(conversation, [from_seq, to_seq])| Missed { conversation, from_seq, to_seq });
    (vec(missed, 0..4), any::<bool>()).prop_map(|(missed, everything)| Resync { missed, everything })
}

/// Without a push_seq.
fn any_server_packet() -> impl Strategy<Value = ServerPacket> {
    let submit_ok = (any_conversation(), any::<u64>(), any::<u64>())
        .prop_map(|(conversation, seq, time_ms)| SubmitOk { conversation, seq, time_ms });
    let pulled = (any_conversation(), any::<[u64; 3]>(), vec(any_message(), 0..3)).prop_map(
        |(conversation, [from_seq, next_seq, head], messages)| Pulled {
            conversation,
            from_seq,
            next_seq,
            head,
            messages,
        },
    );
    let reason = prop_oneof![
        Just(KickedReason::Replaced),
        Just(KickedReason::DeviceLimit),
        Just(KickedReason::Revoked),
        Just(KickedReason::SignedOut),
    ];
    let kicked = (reason, any::<String>()).prop_map(|(reason, text)| ServerBody::Kicked { reason, text });
    let moved = (any::<String>(), any::<u32>())
        .prop_map(|(address, after_ms)| ServerBody::Move { address, after_ms });
    let group_ok = (any_group(), any::<u32>())
        .prop_map(|(conversation, members)| ServerBody::GroupOk { conversation, members });
    let body = prop_oneof![
        Just(ServerBody::Heartbeat),
        Just(ServerBody::LoginRequired),
        any_login_ok().prop_map(ServerBody::LoginOk),
        any_resume_ok().prop_map(ServerBody::ResumeOk),
        any_resync().prop_map(ServerBody::Resync),
        submit_ok.prop_map(ServerBody::SubmitOk),
        group_ok,
        pulled.prop_map(ServerBody::Pulled),
        any_message().prop_map(ServerBody::Push),
        any_refused().prop_map(ServerBody::Refused),
        kicked,
        moved,
    ];
    (any::<u64>(), body).prop_map(|(client_id, body)| ServerPacket { push_seq: 0, client_id, body })
}

fn client_bytes(codec: Codec, packet: &ClientPacket) -> Vec<u8> {
    let mut out = Vec::new();
    encode_client(codec, packet.clone(), &mut out);
    out
}

fn server_bytes(codec: Codec, packet: &ServerPacket) -> Vec<u8> {
    let mut out = Vec::new();
    encode_server(codec, packet.clone(), &mut out);
    out
}

const CODECS: [Codec; 2] = [Codec::Proto, Codec::Json];

proptest! {
    #[test]
    fn client_packets_come_back_in_both_forms(packet in any_client_packet()) {
        for codec in CODECS {
            prop_assert_eq!(decode_client(codec, &client_bytes(codec, &packet)), Ok(packet.clone()));
        }
    }

    #[test]
    fn server_packets_come_back_in_both_forms(packet in any_server_packet(), push_seq: u64) {
        let packet = ServerPacket { push_seq, ..packet };
        for codec in CODECS {
            prop_assert_eq!(decode_server(codec, &server_bytes(codec, &packet)), Ok(packet.clone()));
        }
    }

    #[test]
    fn a_peek_sees_what_decoding_would(packet in any_client_packet()) {
        let bytes = client_bytes(Codec::Proto, &packet);
        let peek = peek_client(&bytes).unwrap();
        prop_assert_eq!((peek.client_id, peek.kind), (packet.client_id, kind_of(&packet.body)));
        if let ClientBody::Ack { push_seq } = packet.body {
            prop_assert_eq!(peek.ack(), Ok(push_seq));
        }
    }

    #[test]
    fn a_json_packet_becomes_its_protobuf_form(packet in any_client_packet()) {
        let mut bytes = Vec::new();
        to_proto(&client_bytes(Codec::Json, &packet), &mut bytes).unwrap();
        prop_assert_eq!(decode_client(Codec::Proto, &bytes), Ok(packet));
    }

    #[test]
    fn a_peek_for_a_refusal_sees_what_decoding_would(packet in any_server_packet()) {
        let code = match &packet.body {
            ServerBody::Refused(refused) => Some(refused.code),
            _ => None,
        };
        prop_assert_eq!(peek_refused(&server_bytes(Codec::Proto, &packet)), code);
    }

    #[test]
    fn a_peek_at_a_damaged_packet_agrees_with_decoding_where_both_succeed(
        packet in any_client_packet(), place: prop::sample::Index, value: u8, cut: prop::sample::Index,
    ) {
        let mut bytes = client_bytes(Codec::Proto, &packet);
        let place = place.index(bytes.len());
        bytes[place] = value;
        bytes.truncate(cut.index(bytes.len()) + 1);
        peek_and_decoder_agree(&bytes)?;
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes: Vec<u8>) {
        peek_and_decoder_agree(&bytes)?;
        for codec in CODECS {
            let _ = decode_client(codec, &bytes);
            let _ = decode_server(codec, &bytes);
            let _ = peek_refused(&bytes);
            let _ = shared(codec, &bytes, &mut Vec::new());
        }
    }

    #[test]
    fn a_prefix_and_the_shared_part_are_the_packet_with_its_push_seq(
        packet in any_server_packet(), push_seqs in vec(0..=u64::MAX, 1..4),
    ) {
        for codec in CODECS {
            let mut part = Vec::new();
            shared(codec, &server_bytes(Codec::Proto, &packet), &mut part).unwrap();
            for push_seq in &push_seqs {
                let mut bytes = Vec::new();
                prefix(codec, *push_seq, &mut bytes);
                prop_assert!(bytes.len() <= DOWNLINK_PREFIX_BYTES_MAX);
                bytes.extend_from_slice(&part);
                prop_assert_eq!(decode_server(codec, &bytes), Ok(ServerPacket { push_seq: *push_seq, ..packet.clone() }));
            }
        }
    }
}

fn kind_of(body: &ClientBody) -> ClientKind {
    match body {
        ClientBody::Heartbeat => ClientKind::Heartbeat,
        ClientBody::Login(_) => ClientKind::Login,
        ClientBody::Resume(_) => ClientKind::Resume,
        ClientBody::Submit(_) => ClientKind::Submit,
        ClientBody::Ack { .. } => ClientKind::Ack,
        ClientBody::Pull(_) => ClientKind::Pull,
        ClientBody::CreateGroup(_) => ClientKind::CreateGroup,
        ClientBody::Logout => ClientKind::Logout,
        ClientBody::Watch(_) => ClientKind::Watch,
    }
}

fn peek_and_decoder_agree(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let (Ok(peek), Ok(packet)) = (peek_client(bytes), decode_client(Codec::Proto, bytes)) {
        prop_assert_eq!((peek.client_id, peek.kind), (packet.client_id, kind_of(&packet.body)));
        if let (Ok(seen), ClientBody::Ack { push_seq }) = (peek.ack(), packet.body) {
            prop_assert_eq!(seen, push_seq);
        }
    }
    Ok(())
}

#[test]
fn who_watches_and_who_is_online_come_back_in_both_forms_within_their_bounds() {
    let users = |count: usize| (0..count).map(|n| format!("u{n}").parse().unwrap()).collect::<Vec<Uid>>();
    for codec in CODECS {
        let watch = ClientPacket { client_id: 0, body: ClientBody::Watch(users(WATCHED_MAX)) };
        let bytes = client_bytes(codec, &watch);
        assert_eq!(decode_client(codec, &bytes), Ok(watch));
        let many = ClientPacket { client_id: 0, body: ClientBody::Watch(users(WATCHED_MAX + 1)) };
        assert_eq!(decode_client(codec, &client_bytes(codec, &many)).unwrap_err().field, "watch.users");
        let online = |uid| UserPresence { uid, online: true, since_ms: 7 };
        let told = ServerBody::Presence(users(3).into_iter().map(online).collect());
        let bytes = server_bytes(codec, &ServerPacket::plain(told.clone()));
        assert_eq!(decode_server(codec, &bytes).unwrap().body, told);
    }
}

#[test]
fn json_can_be_written_by_hand() {
    let hi = Submit { target: Target::User("bob".parse().unwrap()), body: Body::Text("hi".into()) };
    let packet = ClientPacket { client_id: 1, body: ClientBody::Submit(hi) };
    for text in [
        r#"{"clientId":"1","submit":{"to":"bob","text":"hi"}}"#,
        r#"{"clientId":1,"submit":{"to":"bob","text":"hi"}}"#,
        r#"{ "submit": {"text":"h\u0069", "to":"bob"}, "client_id": 1 }"#,
    ] {
        assert_eq!(decode_client(Codec::Json, text.as_bytes()), Ok(packet.clone()), "{text}");
    }
    let written = client_bytes(Codec::Json, &packet);
    assert_eq!(written, br#"{"clientId":"1","submit":{"to":"bob","text":"hi"}}"#);
    let refused = Refused::new(RefusedCode::NotAMember, "submit.to", "no");
    let answer = server_bytes(Codec::Json, &ServerPacket::answer(7, ServerBody::Refused(refused)));
    assert_eq!(
        std::str::from_utf8(&answer).unwrap(),
        r#"{"clientId":"7","refused":{"code":"REFUSED_CODE_NOT_A_MEMBER","field":"submit.to","text":"no"}}"#
    );
}

#[test]
fn the_constant_heartbeats_are_what_the_encoders_write() {
    let (up, down) = (
        ClientPacket { client_id: 0, body: ClientBody::Heartbeat },
        ServerPacket::plain(ServerBody::Heartbeat),
    );
    for codec in CODECS {
        assert_eq!(client_bytes(codec, &up), codec.heartbeat(Direction::Up));
        assert_eq!(server_bytes(codec, &down), codec.heartbeat(Direction::Down));
    }
}

/// The field that is blamed for a JSON packet from a client.
fn blamed(packet: serde_json::Value) -> &'static str {
    decode_client(Codec::Json, packet.to_string().as_bytes()).unwrap_err().field
}

#[test]
fn a_bad_field_is_named() {
    let long = "x".repeat(NAME_BYTES_MAX + 1);
    let text = "x".repeat(BODY_BYTES_MAX + 1);
    for (field, packet) in [
        ("packet", json!({})),
        ("packet", json!({"shout": {}})),
        ("packet", json!({"heartbeat": {}, "logout": {}})),
        ("client_id", json!({"submit": {"to": "b", "text": ""}})),
        ("client_id", json!({"clientId": 1, "heartbeat": {}})),
        ("client_id", json!({"clientId": 1, "pull": {"conversation": "g.a"}})),
        ("login.uid", json!({"login": {"device": "d", "token": "t"}})),
        ("login.device", json!({"login": {"uid": "u", "device": long}})),
        ("login.client", json!({"login": {"uid": "u", "device": "d", "client": long}})),
        ("login.client", json!({"login": {"uid": "u", "device": "d", "client": "a\nb"}})),
        ("resume.secret", json!({"resume": {"uid": "u", "device": "d"}})),
        ("resume.secret", json!({"resume": {"uid": "u", "device": "d", "secret": "AAAA"}})),
        ("resume.session", json!({"resume": {"uid": "u", "device": "d", "session": long}})),
        ("submit", json!({"clientId": 1, "submit": {"text": "x"}})),
        ("submit", json!({"clientId": 1, "submit": {"to": "b"}})),
        ("submit.to", json!({"clientId": 1, "submit": {"to": "", "text": "x"}})),
        ("submit.conversation", json!({"clientId": 1, "submit": {"conversation": "club", "text": "x"}})),
        ("submit.text", json!({"clientId": 1, "submit": {"to": "b", "text": text}})),
        ("pull.conversation", json!({"pull": {}})),
        ("create_group.conversation", json!({"clientId": 1, "createGroup": {"conversation": "s.a"}})),
        (
            "create_group.members",
            json!({"clientId": 1, "createGroup": {"conversation": "g.a", "members": [""]}}),
        ),
        (
            "create_group.members",
            json!({"clientId": 1, "createGroup": {"conversation": "g.a", "members": vec!["u"; GROUP_MEMBERS_MAX + 1]}}),
        ),
    ] {
        assert_eq!(blamed(packet.clone()), field, "{packet}");
    }
    let data =
        Submit { target: Target::User("b".parse().unwrap()), body: Body::Data(vec![0; BODY_BYTES_MAX + 1]) };
    let packet = ClientPacket { client_id: 1, body: ClientBody::Submit(data) };
    let bytes = client_bytes(Codec::Proto, &packet);
    assert_eq!(decode_client(Codec::Proto, &bytes).unwrap_err().field, "submit.data");
}

#[test]
fn the_largest_body_fits_a_packet_in_either_form() {
    let target = Target::User("b".repeat(NAME_BYTES_MAX).parse().unwrap());
    let submit = Submit { target, body: Body::Data(vec![0xFF; BODY_BYTES_MAX]) };
    let packet = ClientPacket { client_id: u64::MAX, body: ClientBody::Submit(submit) };
    for codec in CODECS {
        assert_eq!(decode_client(codec, &client_bytes(codec, &packet)), Ok(packet.clone()));
    }
    let over = vec![b' '; PACKET_BYTES_MAX + 1];
    for codec in CODECS {
        assert_eq!(decode_client(codec, &over).unwrap_err().field, "packet");
    }
}

#[test]
fn a_peek_refuses_what_a_decoder_would_forgive() {
    for (bytes, text) in [
        (&b""[..], "has no body"),
        (b"\x12\x00\x12\x00", "has more than one body"),
        (b"\x12\x00\x7a\x00", "has an unknown field 15"),
        (b"\x12\x00\x78\x00", "has an unknown field 15"),
        (b"\x12\x05\x00", "has a field of 5 bytes in 1"),
        (b"\x12", "has a bad varint"),
        (b"\x15\0\0\0\0", "has a field of wire type 5"),
        (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x2a\x00", "has a bad varint"),
    ] {
        let error = peek_client(bytes).unwrap_err();
        assert_eq!((error.field, error.text.as_str()), ("packet", text), "{bytes:x?}");
    }
    assert_eq!(peek_client(b"\x2a\x00").unwrap_err().field, "client_id");
    assert_eq!(peek_client(b"\x08\x01\x12\x00").unwrap_err().field, "client_id");
}

#[test]
fn a_refusal_is_cut_to_its_bound_between_characters() {
    let refused = Refused::new(RefusedCode::Invalid, &"é".repeat(200), format!("a{}", "é".repeat(200)));
    assert_eq!(
        (refused.field.len(), refused.text.len()),
        (REFUSED_TEXT_BYTES_MAX, REFUSED_TEXT_BYTES_MAX - 1)
    );
}
