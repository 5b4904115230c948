//! What a received frame costs: ours beside tungstenite and fastwebsockets on the same stream, the masking beside a loop over bytes, and the opening handshake.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark may panic, and its groups are made by a macro"
)]

use std::hint::black_box;
use std::io::Read as _;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use benches::stream::{Connection, Endless, client_frames};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use proto::ws::{Opcode, mask, request, upgrade};

/// Messages in one measured step.
const MESSAGES: usize = 1000;

fn receive(c: &mut Criterion) {
    let ascii = "The quick brown fox jumps over the lazy dog. ".repeat(365);
    let mixed = "Grüße aus Zürich, 你好,世界。".repeat(450);
    let payloads: [(&str, Opcode, &str, &[usize]); 3] = [
        ("binary", Opcode::Binary, &ascii, &[20, 125, 1024, 16 * 1024]),
        ("ascii text", Opcode::Text, &ascii, &[20, 125, 1024]),
        ("mixed text", Opcode::Text, &mixed, &[125, 1024]),
    ];
    for (name, opcode, text, sizes) in payloads {
        let mut group = c.benchmark_group(format!("receive {name}"));
        for size in sizes {
            let payload = &text[..text.floor_char_boundary(*size)];
            let frames = client_frames(opcode, payload.as_bytes());
            group.throughput(Throughput::Elements(MESSAGES as u64));
            let mut ours = Connection::new(Endless::new(frames.clone()));
            group.bench_function(BenchmarkId::new("holdfast", size), |b| {
                b.iter(|| (0..MESSAGES).map(|_| ours.next_message()).sum::<usize>());
            });
            let mut theirs = tungstenite::WebSocket::from_raw_socket(
                Endless::new(frames.clone()),
                tungstenite::protocol::Role::Server,
                None,
            );
            group.bench_function(BenchmarkId::new("tungstenite", size), |b| {
                b.iter(|| (0..MESSAGES).map(|_| theirs.read().unwrap().len()).sum::<usize>());
            });
            let mut theirs =
                fastwebsockets::FragmentCollector::new(fastwebsockets::WebSocket::after_handshake(
                    Ready(Endless::new(frames)),
                    fastwebsockets::Role::Server,
                ));
            group.bench_function(BenchmarkId::new("fastwebsockets", size), |b| {
                b.iter(|| {
                    (0..MESSAGES).map(|_| at_once(theirs.read_frame()).unwrap().payload.len()).sum::<usize>()
                });
            });
        }
    }
}

fn unmask(c: &mut Criterion) {
    let mut group = c.benchmark_group("unmask");
    for size in [20, 125, 1024, 16 * 1024] {
        let mut bytes = vec![b'x'; size];
        let key = [0x37, 0xFA, 0x21, 0x3D];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("by words", size), |b| {
            b.iter(|| mask::apply(black_box(&mut bytes), black_box(key), 0));
        });
        group.bench_function(BenchmarkId::new("by bytes", size), |b| {
            b.iter(|| {
                let key = black_box(key);
                black_box(&mut bytes).iter_mut().enumerate().for_each(|(i, byte)| *byte ^= key[i % 4]);
            });
        });
    }
}

fn handshake(c: &mut Criterion) {
    let browser = "GET /chat HTTP/1.1\r\nHost: im.example.com:7400\r\nConnection: Upgrade\r\nPragma: no-cache\r\n\
        Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
        Upgrade: websocket\r\nOrigin: https://example.com\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br\r\n\
        Accept-Language: en-GB,en;q=0.9\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: holdfast.v1.json\r\n\r\n";
    let mut ours = Vec::new();
    request::write(&mut ours, "im.example.com:7400", "/", [7; 16], Some("holdfast.v1.proto"));
    let mut group = c.benchmark_group("upgrade");
    for (name, request) in [("of a browser", browser.as_bytes()), ("of our client", &ours)] {
        group.bench_function(BenchmarkId::new("parse", name), |b| {
            b.iter(|| upgrade::parse(black_box(request)).unwrap().unwrap().head_len);
        });
    }
    let mut out = Vec::new();
    group.bench_function("accept", |b| {
        b.iter(|| {
            out.clear();
            upgrade::accept(&mut out, black_box("dGhlIHNhbXBsZSBub25jZQ=="), Some("holdfast.v1.proto"));
        });
    });
}

/// A socket of fastwebsockets that never waits.
struct Ready(Endless);

impl tokio::io::AsyncRead for Ready {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let count = self.0.read(into.initialize_unfilled())?;
        into.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Ready {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("the socket is always ready"),
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = receive, unmask, handshake
}
criterion_main!(benches);
