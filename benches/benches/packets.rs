//! What a packet costs: read and written in both forms, looked at without decoding, and spliced for many receivers.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark may panic, and its groups are made by a macro"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use proto::packet::*;

const CODECS: [Codec; 2] = [Codec::Proto, Codec::Json];

fn submit() -> ClientPacket {
    let submit = Submit { target: Target::User("bob".parse().unwrap()), body: Body::Text("x".repeat(125)) };
    ClientPacket { client_id: 42, body: ClientBody::Submit(submit) }
}

fn push() -> ServerPacket {
    let (alice, bob) = ("alice".parse().unwrap(), "bob".parse().unwrap());
    ServerPacket::plain(ServerBody::Push(Message {
        conversation: proto::ids::ConversationId::single(&alice, &bob),
        seq: 7,
        sender: alice,
        to: Some(bob),
        time_ms: 1_790_000_000_000,
        body: Body::Text("x".repeat(125)),
    }))
}

fn codec(c: &mut Criterion) {
    for form in CODECS {
        let mut group = c.benchmark_group(format!("packet {form:?}"));
        let (mut up, mut down) = (Vec::new(), Vec::new());
        encode_client(form, submit(), &mut up);
        encode_server(form, push(), &mut down);
        group.bench_function("decode a submit", |b| b.iter(|| decode_client(form, black_box(&up)).unwrap()));
        group.bench_function("decode a push", |b| b.iter(|| decode_server(form, black_box(&down)).unwrap()));
        let mut out = Vec::new();
        group.bench_function("encode a push", |b| {
            b.iter_batched(
                push,
                |packet| {
                    out.clear();
                    encode_server(form, packet, &mut out);
                },
                criterion::BatchSize::SmallInput,
            );
        });
    }
}

fn peek(c: &mut Criterion) {
    let mut bytes = Vec::new();
    encode_client(Codec::Proto, submit(), &mut bytes);
    c.bench_function("peek at a submit", |b| b.iter(|| peek_client(black_box(&bytes)).unwrap().client_id));
}

/// One push for 100 receivers: a prefix each and one shared part, beside a whole encoding each.
fn fan_out(c: &mut Criterion) {
    let mut group = c.benchmark_group("push to 100");
    for form in CODECS {
        let (mut packet, mut out) = (Vec::new(), Vec::new());
        encode_server(Codec::Proto, push(), &mut packet);
        group.bench_function(BenchmarkId::new("spliced", format!("{form:?}")), |b| {
            b.iter(|| {
                out.clear();
                shared(form, black_box(&packet), &mut out).unwrap();
                (1..=100).for_each(|push_seq| prefix(form, push_seq, &mut out));
            });
        });
        group.bench_function(BenchmarkId::new("encoded each", format!("{form:?}")), |b| {
            let packet = push();
            b.iter(|| {
                out.clear();
                for push_seq in 1..=100 {
                    encode_server(form, ServerPacket { push_seq, ..packet.clone() }, &mut out);
                }
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = codec, peek, fan_out
}
criterion_main!(benches);
