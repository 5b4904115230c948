//! What must hold for any bytes from a peer, a function for each decoder: for the fuzzer, and for the test that replays its corpora (`fuzz/corpus`). Owns the
//! oracles of everything but WebSocket, whose are in [`crate::ws::fuzz`]. Compiled for tests and under the feature `fuzz` only.

use crate::auth::{AuthError, Claim, Dialing, Listening, Progress, Role, Secrets};
use crate::backend;
use crate::link::{self, FromGateway, FromState, Hello, Open};
use crate::packet::{
    Codec, PacketError, decode_client, decode_server, encode_client, encode_server, peek_client, shared,
    to_json, to_proto,
};
use crate::{rpc, tcp};

/// Raw TCP: packets lie one after the other, and are the same however much has come after them.
pub fn tcp(bytes: &[u8]) {
    const LIMIT: usize = 300;
    let mut at = 0;
    while let Ok(Some(packet)) = tcp::next(bytes, at, LIMIT) {
        assert!(packet.start == at + tcp::HEAD_BYTES && packet.end <= bytes.len() && packet.len() <= LIMIT);
        assert_eq!(tcp::next(&bytes[..packet.end], at, LIMIT), Ok(Some(packet.clone())));
        assert_eq!(tcp::next(&bytes[..packet.end - 1], at, LIMIT), Ok(None));
        at = packet.end;
    }
}

/// RPC frames: the same, and each body goes to the decoders of all links.
pub fn rpc(bytes: &[u8]) {
    let mut at = 0;
    while let Ok(Some(found)) = rpc::next(bytes, at) {
        assert!(found.body.start == at + rpc::HEAD_BYTES && found.body.end <= bytes.len());
        assert_eq!(rpc::next(&bytes[..found.body.end], at), Ok(Some(found.clone())));
        assert_eq!(rpc::next(&bytes[..found.body.end - 1], at), Ok(None));
        let (kind, body) = (found.kind, &bytes[found.body.clone()]);
        from_gateway(kind, body);
        from_state(kind, body);
        backend_from_state(kind, body);
        backend_from_logic(kind, body);
        at = found.body.end;
    }
}

/// What either end of a link says before it is believed. The first byte tells how long the pieces are in which it comes. A secret of 32 bytes of 7 is known.
pub fn auth(bytes: &[u8]) {
    let Some((length, said)) = bytes.split_first() else { return };
    let pieces = usize::from(*length).max(1);
    let secrets = || Secrets::new(&[[7; 32]]).expect("long enough");
    let claim = Claim::Gateway(Hello { gateway: 7, reactor: 3, boot_epoch: 1 << 40, shard: 5 });
    let dialing = || Dialing::new(secrets(), claim, [0xD; 32], &mut Vec::new());
    let (mut whole, mut cut) = (dialing(), dialing());
    believed(said, pieces, |piece, out| whole.receive(piece, out), |piece, out| cut.receive(piece, out));
    for role in [Role::Gateway, Role::State] {
        let listening = || Listening::new(secrets(), role, [0xA; 32]);
        let (mut whole, mut cut) = (listening(), listening());
        believed(said, pieces, |piece, out| whole.receive(piece, out), |piece, out| cut.receive(piece, out));
    }
}

/// However the bytes come, the same is believed or nothing, as many are taken, and the same is answered, which is never much.
fn believed<T: PartialEq + std::fmt::Debug>(
    said: &[u8],
    pieces: usize,
    mut whole: impl FnMut(&[u8], &mut Vec<u8>) -> Result<Progress<T>, AuthError>,
    mut cut: impl FnMut(&[u8], &mut Vec<u8>) -> Result<Progress<T>, AuthError>,
) {
    let (mut answer, mut answer_to_pieces) = (Vec::new(), Vec::new());
    let at_once = whole(said, &mut answer);
    let (mut in_pieces, mut before) = (Ok(Progress::More), 0);
    for piece in said.chunks(pieces) {
        in_pieces = cut(piece, &mut answer_to_pieces);
        match &mut in_pieces {
            Ok(Progress::More) => before += piece.len(),
            Ok(Progress::Proved { taken, .. }) => {
                *taken += before;
                break;
            }
            Err(_) => break,
        }
    }
    match (at_once, in_pieces) {
        // Which fault is seen first may differ.
        (Err(_), Err(_)) => {}
        (at_once, in_pieces) => assert_eq!(at_once, in_pieces),
    }
    assert_eq!(answer, answer_to_pieces);
    assert!(answer.len() <= 128);
}

/// Bodies of the link between gateway and state. The first byte is the kind.
pub fn link(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else { return };
    from_gateway(*kind, body);
    from_state(*kind, body);
}

/// Bodies of the link between state and logic. The first byte is the kind.
pub fn backend(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else { return };
    backend_from_state(*kind, body);
    backend_from_logic(*kind, body);
}

/// What was understood is said again and understood alike.
fn from_gateway(kind: u8, body: &[u8]) {
    let Ok(frame) = FromGateway::decode(kind, body) else { return };
    let mut out = Vec::new();
    match frame.clone() {
        FromGateway::Hello(hello) => link::hello(&mut out, hello),
        FromGateway::Live { conns, last } => link::live(&mut out, &conns, last),
        FromGateway::Open { conn, form, peer, packet } => {
            link::open(&mut out, Open { conn, form, peer, packet: &packet });
        }
        FromGateway::Uplink { conn, packet } => link::uplink(&mut out, conn, packet),
        FromGateway::Alive(alive) => {
            // The list is read lazily: it ends at the first fault.
            let indices: Vec<_> = alive.clone().collect();
            assert!(indices.len() <= body.len());
            let good: Vec<u32> = indices.iter().map_while(|index| index.ok()).collect();
            assert!(good.is_sorted() && good.len() + 1 >= indices.len());
            return;
        }
        FromGateway::Closed { conn, reason } => link::closed(&mut out, conn, reason),
        FromGateway::Blocked(conn) => link::blocked(&mut out, conn),
        FromGateway::Writable(conn) => link::writable(&mut out, conn),
    }
    let said = rpc::next(&out, 0).expect("our own frame").expect("a whole one");
    assert_eq!(FromGateway::decode(said.kind, &out[said.body]), Ok(frame));
}

fn from_state(kind: u8, body: &[u8]) {
    let Ok(frame) = FromState::decode(kind, body) else { return };
    let mut out = Vec::new();
    match frame.clone() {
        FromState::Welcome(welcome) => link::welcome(&mut out, welcome),
        FromState::Downlink { targets, shared } => {
            let promised = targets.len();
            let targets: Vec<_> = targets.collect();
            assert_eq!(targets.len(), promised, "every target that was checked comes out");
            link::downlink(&mut out, targets.into_iter(), shared);
        }
        FromState::Close { conn, reason } => link::close(&mut out, conn, reason),
        FromState::Superseded => link::superseded(&mut out),
    }
    let said = rpc::next(&out, 0).expect("our own frame").expect("a whole one");
    assert_eq!(FromState::decode(said.kind, &out[said.body]), Ok(frame));
}

fn backend_from_state(kind: u8, body: &[u8]) {
    let Ok(frame) = backend::FromState::decode(kind, body) else { return };
    let mut out = Vec::new();
    backend::to_logic(&mut out, frame.clone());
    let said = rpc::next(&out, 0).expect("our own frame").expect("a whole one");
    assert_eq!(backend::FromState::decode(said.kind, &out[said.body]), Ok(frame));
}

fn backend_from_logic(kind: u8, body: &[u8]) {
    let Ok(frame) = backend::FromLogic::decode(kind, body) else { return };
    let mut out = Vec::new();
    backend::to_state(&mut out, frame.clone());
    let said = rpc::next(&out, 0).expect("our own frame").expect("a whole one");
    assert_eq!(backend::FromLogic::decode(said.kind, &out[said.body]), Ok(frame));
}

/// Packets of clients in protobuf form. What decodes survives both forms, and whoever only peeks sees the same.
pub fn client_proto(bytes: &[u8]) {
    let peeked = peek_client(bytes);
    if let Ok(peek) = &peeked {
        let _ = peek.ack();
    }
    let Ok(packet) = decode_client(Codec::Proto, bytes) else { return };
    if let Ok(peek) = peeked {
        assert_eq!(peek.client_id, packet.client_id);
    }
    for codec in [Codec::Proto, Codec::Json] {
        let mut out = Vec::new();
        encode_client(codec, packet.clone(), &mut out);
        again(decode_client(codec, &out).as_ref(), &packet);
    }
}

/// The same in JSON form. What is turned to protobuf is what would have been decoded.
pub fn client_json(bytes: &[u8]) {
    let mut proto = Vec::new();
    let turned = to_proto(bytes, &mut proto);
    let Ok(packet) = decode_client(Codec::Json, bytes) else { return };
    turned.expect("what decodes can be turned");
    again(decode_client(Codec::Proto, &proto).as_ref(), &packet);
    assert_eq!(peek_client(&proto).map(|peek| peek.client_id), Ok(packet.client_id));
}

/// Packets to clients in protobuf form, as clients read them and as the state server turns them to JSON.
pub fn server_proto(bytes: &[u8]) {
    let _ = crate::packet::peek_refused(bytes);
    let (mut json, mut part) = (Vec::new(), Vec::new());
    let turned = to_json(bytes, &mut json);
    let _ = shared(Codec::Json, bytes, &mut part);
    let Ok(packet) = decode_server(Codec::Proto, bytes) else { return };
    turned.expect("what decodes can be turned");
    again(decode_server(Codec::Json, &json).as_ref(), &packet);
    let mut out = Vec::new();
    encode_server(Codec::Proto, packet.clone(), &mut out);
    again(decode_server(Codec::Proto, &out).as_ref(), &packet);
}

/// The same in JSON form.
pub fn server_json(bytes: &[u8]) {
    let Ok(packet) = decode_server(Codec::Json, bytes) else { return };
    let mut out = Vec::new();
    encode_server(Codec::Proto, packet.clone(), &mut out);
    again(decode_server(Codec::Proto, &out).as_ref(), &packet);
}

/// A form may need more bytes than another, and then the packet can be too large; nothing else may be wrong with it.
fn again<T: PartialEq + std::fmt::Debug>(decoded: Result<&T, &PacketError>, packet: &T) {
    match decoded {
        Err(error) if error.field == "packet" && error.text.contains("bytes, more than") => {}
        decoded => assert_eq!(decoded, Ok(packet)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use crate::{proxy, ws};

    type Target = fn(&[u8]);

    const TARGETS: [(&str, Target); 15] = [
        ("auth", super::auth),
        ("backend", super::backend),
        ("client_json", super::client_json),
        ("client_proto", super::client_proto),
        ("link", super::link),
        ("proxy", proxy::fuzz),
        ("rpc", super::rpc),
        ("server_json", super::server_json),
        ("server_proto", super::server_proto),
        ("tcp", super::tcp),
        ("ws_answer", ws::fuzz::answer),
        ("ws_deflate", ws::fuzz::deflate),
        ("ws_stream", ws::fuzz::stream),
        ("ws_upgrade", ws::fuzz::upgrade),
        ("ws_utf8", ws::fuzz::utf8),
    ];

    #[test]
    fn the_corpus_of_every_decoder_is_replayed_with_all_beginnings_of_its_inputs() {
        for (name, target) in TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
            let mut inputs = 0;
            for input in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            {
                let bytes = fs::read(input.unwrap().path()).unwrap();
                (0..=bytes.len()).for_each(|end| target(&bytes[..end]));
                inputs += 1;
            }
            assert!(inputs > 0, "{name} has no inputs");
        }
    }

    #[test]
    fn every_corpus_has_a_target_that_is_fed_with_it() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
        let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
        for corpus in fs::read_dir(fuzz.join("corpus")).unwrap() {
            let name = corpus.unwrap().file_name().into_string().unwrap();
            assert!(fuzz.join("fuzz_targets").join(format!("{name}.rs")).exists(), "{name}");
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        }
    }
}
