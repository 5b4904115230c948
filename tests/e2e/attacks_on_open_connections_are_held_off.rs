//! Whoever attacks a gateway on a connection that it has taken gains nothing, is counted, and delays nobody who is served.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::Duration;

use proto::close::CloseReason;
use proto::limits::PACKET_BYTES_MAX;
use proto::tcp;
use proto::ws::deflate::Deflater;
use proto::ws::negotiate::Window;
use proto::ws::{Opcode, frame};
use rustls::StreamOwned;
use rustls::pki_types::ServerName;

use crate::certificates::{Authority, ServerFiles};
use crate::victim::{MALLORY, Victim, close_frame, ended, upgrade};

const MASK: Option<[u8; 4]> = Some([1, 2, 3, 4]);

fn masked(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::append(&mut bytes, opcode, MASK, &[payload]);
    bytes
}

/// Not the last one of its message.
fn fragment(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = masked(opcode, payload);
    bytes[0] &= 0x7F;
    bytes
}

/// Sends until nothing is taken any more for a moment: how much that was.
fn send_until_full(stream: &mut TcpStream, bytes: &[u8], at_most: usize) -> usize {
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut sent = 0;
    while sent < at_most {
        match stream.write(&bytes[sent % bytes.len()..]) {
            Ok(count) => sent += count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            // It is closed, which the counters tell.
            Err(_) => break,
        }
    }
    sent
}

#[test]
fn frames_that_lie_are_closed_at_their_head() {
    let victim = Victim::start(&[]);
    let mut alice = victim.client();
    let mut unmasked = Vec::new();
    frame::append(&mut unmasked, Opcode::Text, None, &[b"hello"]);
    let long = |first: u8, length: u64| [&[first, 0xFF][..], &length.to_be_bytes(), &[0; 4]].concat();
    let broken: [&[u8]; 12] = [
        &unmasked,
        // A length with its top bit set, and one that is longer than it need be.
        &long(0x81, 1 << 63),
        &long(0x82, u64::MAX),
        &long(0x81, 5),
        &[0x81, 0xFE, 0, 5, 0, 0, 0, 0],
        // Bits that nobody has agreed on, and opcodes that mean nothing.
        &[0xC1, 0x80, 0, 0, 0, 0],
        &[0xA1, 0x80, 0, 0, 0, 0],
        &[0x83, 0x80, 0, 0, 0, 0],
        &[0x8B, 0x80, 0, 0, 0, 0],
        // A ping in fragments, and one that is too long.
        &[0x09, 0x80, 0, 0, 0, 0],
        &[0x89, 0xFE, 0, 126, 0, 0, 0, 0],
        // The end of a message that has not begun.
        &[0x80, 0x80, 0, 0, 0, 0],
    ];
    for (times, bytes) in (1..).zip(broken) {
        let mut stream = victim.websocket(None);
        stream.write_all(bytes).unwrap();
        assert_eq!(ended(&mut stream), close_frame(CloseReason::FrameProtocol), "{bytes:02X?}");
        victim.await_closed(CloseReason::FrameProtocol, times);
    }
    // Lengths that could be, but are over the limit: nothing is allocated for them.
    for length in [64 * 1024 + 1, u64::from(u32::MAX), (1 << 63) - 14, (1 << 63) - 1] {
        let mut stream = victim.websocket(None);
        stream.write_all(&long(0x82, length)).unwrap();
        assert_eq!(ended(&mut stream), close_frame(CloseReason::TooBig), "{length:X}");
    }
    for length in [64 * 1024 + 1, u32::MAX] {
        let mut stream = victim.connect_from(MALLORY).unwrap();
        stream.write_all(&[&tcp::MAGIC[..], &length.to_be_bytes()].concat()).unwrap();
        assert_eq!(ended(&mut stream), b"");
    }
    victim.await_closed(CloseReason::TooBig, 6);
    assert_eq!(victim.count("client_memory_bytes"), 0);
    alice.is_served();
}

#[test]
fn a_flood_of_fragments_is_stopped_though_they_are_empty() {
    let victim = Victim::start(&[]);
    let mut alice = victim.client();
    for (times, payload) in (1..).zip([&b""[..], b"x"]) {
        let mut stream = victim.websocket(None);
        stream.write_all(&fragment(Opcode::Text, payload)).unwrap();
        let flood = fragment(Opcode::Continuation, payload).repeat(5000);
        // The gateway may go before all of it is sent.
        drop(stream.write_all(&flood));
        let said = ended(&mut stream);
        assert!(said.is_empty() || said == close_frame(CloseReason::TooBig), "{said:02X?}");
        victim.await_closed(CloseReason::TooBig, times);
    }
    alice.is_served();
    victim.await_count("client_memory_bytes", 0);
}

#[test]
fn messages_that_never_end_are_not_waited_for_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, files) = (Authority::new(folder.path()), ServerFiles::at(folder.path()));
    authority.issue(&files);
    let [cert, key] = files.settings().map(|(name, path)| format!("--{name}={path}"));
    let victim = Victim::start(&["--message-deadline=1s", &cert, &key]);
    let mut alice = victim.client();
    let half = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let beginnings = [half(masked(Opcode::Text, &[b'x'; 9000])), fragment(Opcode::Text, b"x"), vec![0x81]];
    let mut waiting: Vec<TcpStream> = Vec::new();
    for bytes in &beginnings {
        let mut stream = victim.websocket(None);
        stream.write_all(bytes).unwrap();
        waiting.push(stream);
    }
    for stream in &mut waiting {
        assert_eq!(ended(stream), close_frame(CloseReason::MessageTimeout));
    }
    victim.await_closed(CloseReason::MessageTimeout, 3);
    // The same inside of TLS: a message of which a part has come in a whole record, and a record of which a part has come.
    let mut closed = 3;
    for whole in [true, false] {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = rustls::ClientConnection::new(authority.client(), name).unwrap();
        let mut stream = StreamOwned::new(connection, victim.connect_from(MALLORY).unwrap());
        upgrade(&mut stream, None);
        if !whole && victim.count("tls_given_to_kernel_total") > 0 {
            // With the feature `kernel-tls`, on a kernel that has it: what is no whole record is the kernel's, and stays in the socket.
            break;
        }
        stream.conn.writer().write_all(&beginnings[0]).unwrap();
        let mut record = Vec::new();
        stream.conn.write_tls(&mut record).unwrap();
        let length = if whole { record.len() } else { record.len() / 2 };
        stream.sock.write_all(&record[..length]).unwrap();
        victim.await_more("client_memory_bytes", 4000);
        ended(&mut stream.sock);
        closed += 1;
    }
    victim.await_closed(CloseReason::MessageTimeout, closed);
    victim.await_count("client_memory_bytes", 0);
    alice.is_served();
}

#[test]
fn a_flood_of_pings_from_a_client_that_never_reads_is_not_read_on() {
    let victim = Victim::start(&["--stall-deadline=2s"]);
    let mut alice = victim.client();
    let mut stream = victim.websocket(None);
    let pings = masked(Opcode::Ping, &[b'p'; 125]).repeat(1000);
    let sent = send_until_full(&mut stream, &pings, 256 << 20);
    assert!(sent < 256 << 20, "it goes on reading");
    alice.is_served();
    assert!(victim.count("client_memory_bytes") <= 8 << 20, "what waits is bounded");
    victim.await_closed(CloseReason::SlowReader, 1);
    victim.await_count("client_memory_bytes", 0);
    alice.is_served();
}

#[test]
fn a_bomb_of_deflated_bytes_is_stopped_at_the_limit() {
    let victim = Victim::start(&["--deflate=true"]);
    let mut alice = victim.client();
    let zeros = vec![0; 4 << 20];
    for (times, megabytes) in (1..).zip([1, 4]) {
        let mut deflater = Deflater::new();
        let bomb = deflater.deflate(&zeros[..megabytes << 20], Window::Bits15).expect("zeros get smaller");
        assert!(bomb.len() < PACKET_BYTES_MAX, "it is itself no larger than a message may be");
        let mut frame = masked(Opcode::Binary, bomb);
        frame[0] |= 0x40;
        let mut stream = victim.websocket(Some("permessage-deflate; client_no_context_takeover"));
        drop(stream.write_all(&frame));
        assert_eq!(ended(&mut stream), close_frame(CloseReason::TooBig));
        victim.await_closed(CloseReason::TooBig, times);
        alice.is_served();
    }
}

#[test]
fn clients_that_take_nothing_are_closed_when_their_patience_or_the_memory_is_used_up() {
    let victim = Victim::start(&["--client-memory=16MiB", "--stall-deadline=10m"]);
    let mut alice = victim.client();
    // Each has a large message sent back and takes none of it; and half of another, and no more.
    let echo = masked(Opcode::Binary, &vec![0; 60_000]);
    let mut crowd = Vec::new();
    while victim.count("closed_total{reason=\"memory_pressure\"}") == 0 {
        assert!(crowd.len() < 2000, "nobody is closed");
        let mut stream = victim.websocket(None);
        if crowd.len() % 2 == 0 {
            drop(stream.write_all(&echo[..echo.len() - 1]));
        } else {
            send_until_full(&mut stream, &echo, 64 << 20);
        }
        crowd.push(stream);
    }
    // It was the costliest who had to go, and not all of them; it is below the mark.
    alice.is_served();
    assert!(victim.count("client_memory_bytes") <= 16 << 20);
    assert!(victim.count("connections") > 1);
    drop(crowd);
    victim.await_count("client_memory_bytes", 0);

    let victim = Victim::start(&["--stall-deadline=1s"]);
    let mut stream = victim.websocket(None);
    send_until_full(&mut stream, &echo, 64 << 20);
    victim.await_closed(CloseReason::SlowReader, 1);
}

#[test]
fn whoever_sends_too_fast_is_made_to_wait_and_nobody_else() {
    let victim = Victim::start(&["--message-rate=200", "--message-burst=20"]);
    let mut alice = victim.client();
    let mut stream = victim.websocket(None);
    let flood = masked(Opcode::Pong, b"").repeat(1000);
    stream.write_all(&flood).unwrap();
    victim.await_more("clients_throttled_total", 0);
    alice.is_served();
    // All of it is taken in the end, and in no less time than it has to take.
    victim.await_count("client_control_frames_total", 1000);
    assert!(victim.count("clients_throttled_total") > 3);
    assert_eq!(victim.count("closed_total{reason=\"frame_protocol\"}"), 0);
}
