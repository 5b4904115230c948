//! What the fixed layouts of the hot RPC frames buy: each frame written and read again, beside the same frame as a prost message.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark may panic, and its groups are made by a macro"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use prost::Message;
use proto::ids::ConnId;
use proto::{link, rpc};

/// Frames that wait in one buffer, as after a turn of a reactor.
const FRAMES: usize = 100;

/// An uplink as a schema would have it.
#[derive(Clone, PartialEq, Message)]
struct Uplink {
    #[prost(fixed64, tag = "1")]
    conn: u64,
    #[prost(bytes = "vec", tag = "2")]
    packet: Vec<u8>,
}

/// A downlink as a schema would have it.
#[derive(Clone, PartialEq, Message)]
struct Downlink {
    #[prost(message, repeated, tag = "1")]
    targets: Vec<Target>,
    #[prost(bytes = "vec", tag = "2")]
    shared: Vec<u8>,
}

/// One receiver of a downlink.
#[derive(Clone, PartialEq, Message)]
struct Target {
    #[prost(fixed64, tag = "1")]
    conn: u64,
    #[prost(bytes = "vec", tag = "2")]
    prefix: Vec<u8>,
}

/// Runs `read` over the bodies of all frames in the buffer.
fn each(buffer: &[u8], mut read: impl FnMut(u8, &[u8])) {
    let mut at = 0;
    while let Some(found) = rpc::next(buffer, at).unwrap() {
        at = found.body.end;
        read(found.kind, &buffer[found.body]);
    }
}

fn uplink(c: &mut Criterion) {
    let mut group = c.benchmark_group("uplink");
    group.throughput(Throughput::Elements(FRAMES as u64));
    for size in [20, 125, 1024] {
        let (packet, mut out) = (vec![b'x'; size], Vec::new());
        group.bench_function(BenchmarkId::new("fixed", size), |b| {
            b.iter(|| {
                out.clear();
                (0..FRAMES).for_each(|conn| link::uplink(&mut out, ConnId(conn as u64), black_box(&packet)));
                each(&out, |kind, body| {
                    black_box(link::FromGateway::decode(kind, body).unwrap());
                });
            });
        });
        group.bench_function(BenchmarkId::new("prost", size), |b| {
            b.iter(|| {
                out.clear();
                for conn in 0..FRAMES {
                    let body = Uplink { conn: conn as u64, packet: black_box(&packet).clone() };
                    rpc::frame(&mut out, 4, |out| body.encode_raw(out));
                }
                each(&out, |_, body| {
                    black_box(Uplink::decode(body).unwrap());
                });
            });
        });
    }
}

fn downlink(c: &mut Criterion) {
    let mut group = c.benchmark_group("downlink");
    let (shared, mut out) = (vec![b'x'; 125], Vec::new());
    let prefix = &[0x08, 0x80, 0x01][..];
    for receivers in [1, 100] {
        group.throughput(Throughput::Elements((FRAMES * receivers) as u64));
        group.bench_function(BenchmarkId::new("fixed", receivers), |b| {
            b.iter(|| {
                out.clear();
                for _ in 0..FRAMES {
                    let targets = (0..receivers).map(|conn| (ConnId(conn as u64), black_box(prefix)));
                    link::downlink(&mut out, targets, black_box(&shared));
                }
                each(&out, |kind, body| match link::FromState::decode(kind, body).unwrap() {
                    link::FromState::Downlink { targets, shared } => {
                        targets.for_each(|target| _ = black_box((target, shared)));
                    }
                    other => panic!("{other:?}"),
                });
            });
        });
        group.bench_function(BenchmarkId::new("prost", receivers), |b| {
            b.iter(|| {
                out.clear();
                for _ in 0..FRAMES {
                    let target = |conn| Target { conn: conn as u64, prefix: black_box(prefix).to_vec() };
                    let targets = (0..receivers).map(target).collect();
                    let body = Downlink { targets, shared: black_box(&shared).clone() };
                    rpc::frame(&mut out, 0x42, |out| body.encode_raw(out));
                }
                each(&out, |_, body| {
                    let body = Downlink::decode(body).unwrap();
                    body.targets.iter().for_each(|target| _ = black_box((target, &body.shared)));
                });
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = uplink, downlink
}
criterion_main!(benches);
