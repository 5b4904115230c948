//! Every limit of Holdfast, with the sum that gives it and compile-time assertions that relate them. Owns the numbers; what happens
//! at a limit is told where it is enforced. Those an operator may change are the defaults of settings of the same name.

use std::time::Duration;

// ---- Names and partitions (ids) ----

/// Partitions of the users; the 10 slot bits of a ConnId.
pub const SLOTS: u16 = 1024;
/// Bytes of a uid, a device id or a conversation id.
pub const NAME_BYTES_MAX: usize = 64;
/// Reactors in one gateway; the 6 reactor bits of a ConnId.
pub const REACTORS_MAX: usize = 64;
/// Gateways in one cluster; the 12 gateway bits of a ConnId.
pub const GATEWAYS_MAX: u32 = 4096;
/// Connections of one reactor; the 24 index bits of a ConnId.
pub const CONNECTIONS_PER_REACTOR_MAX: usize = 1 << 24;
/// Shards in one state server: no more than slots, and far more than cores.
pub const SHARDS_MAX: u32 = 64;

// ---- Client packets ----

/// Bytes of one client packet, either way: text or data and its envelope.
pub const PACKET_BYTES_MAX: usize = 64 * 1024;
/// Bytes of the first packet of a connection: two names, a JWT (rarely over 2 KiB) and a client name.
pub const LOGIN_PACKET_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a client's name and version.
pub const CLIENT_NAME_BYTES_MAX: usize = 64;
/// Bytes of a message's text or data: a packet less the envelope of a Push (two uids, a conversation, numbers: below 256), and in JSON
/// base64 makes 4 bytes of 3 while one byte of text may need 6 ("\u0001"); the state server checks what the JSON form comes to.
pub const BODY_BYTES_MAX: usize = 32 * 1024;
/// Messages in one Pulled, at most; their bytes are bounded by the packet.
pub const PULL_MESSAGES_MAX: u32 = 256;
/// Members of a group that one CreateGroup may name.
pub const GROUP_MEMBERS_MAX: usize = 512;
/// Bytes of a session's secret: 128 bits cannot be guessed.
pub const SECRET_BYTES: usize = 16;
/// Bytes of a session's name: three numbers in hexadecimal and what stands between them.
pub const SESSION_NAME_BYTES_MAX: usize = 48;
/// Conversations that one Resync names; of more it says "everything".
pub const RESYNC_MISSED_MAX: usize = 256;
/// Bytes of `field` and of `text` in a refusal: a peer's own bytes are never echoed beyond that.
pub const REFUSED_TEXT_BYTES_MAX: usize = 256;

const _: () =
    assert!(BODY_BYTES_MAX * 4 / 3 + 1024 <= PACKET_BYTES_MAX, "data of full size fits a JSON packet");
const _: () =
    assert!(GROUP_MEMBERS_MAX * (NAME_BYTES_MAX + 4) + 256 <= PACKET_BYTES_MAX, "a full CreateGroup fits");
const _: () = assert!(LOGIN_PACKET_BYTES_MAX <= PACKET_BYTES_MAX);
const _: () = assert!(2 * 16 + 8 + 2 <= SESSION_NAME_BYTES_MAX);
const _: () = assert!(
    RESYNC_MISSED_MAX * (2 * NAME_BYTES_MAX + 96) <= PACKET_BYTES_MAX,
    "a full Resync fits, in JSON as well, where a quote in a name takes two bytes"
);

// ---- WebSocket (proto::ws) ----

/// Bytes of an upgrade request's head.
pub const UPGRADE_HEAD_BYTES_MAX: usize = 8 * 1024;
/// Header lines of an upgrade request.
pub const UPGRADE_HEADERS_MAX: usize = 64;
/// Payload of a control frame (RFC 6455 section 5.5).
pub const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;
/// Fragments of one message, empty ones counted: a flood of tiny fragments costs time, not only memory.
pub const FRAGMENTS_MAX: u32 = 1024;

// ---- PROXY protocol (proto::proxy) ----

/// Bytes of a line of version 1, its end included (proxy-protocol.txt section 2.1).
pub const PROXY_LINE_BYTES_MAX: usize = 107;
/// Bytes of a header of version 2, which may announce 64 KiB: room for a Unix address and for extensions with a certificate's names.
pub const PROXY_HEADER_BYTES_MAX: usize = 4096;

const _: () = assert!(PROXY_LINE_BYTES_MAX <= PROXY_HEADER_BYTES_MAX);

// ---- RPC between our own processes (proto::rpc) ----

/// Bytes of one RPC frame's body: a fan-out of the largest packet to [`DOWNLINK_TARGETS_MAX`] targets.
pub const RPC_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Targets of one downlink frame; a larger fan-out takes several frames.
pub const DOWNLINK_TARGETS_MAX: usize = 8192;
/// Bytes of one target's prefix: `{"pushSeq":"18446744073709551615",` is 34, its protobuf form 11.
pub const DOWNLINK_PREFIX_BYTES_MAX: usize = 40;
/// ConnIds in one `Live` frame.
pub const LIVE_CONNS_MAX: usize = 16 * 1024;
/// Targets of one backend push frame.
pub const PUSH_TARGETS_MAX: usize = 4096;

const _: () = assert!(
    2 + DOWNLINK_TARGETS_MAX * (8 + 1 + DOWNLINK_PREFIX_BYTES_MAX) + PACKET_BYTES_MAX <= RPC_BODY_BYTES_MAX,
    "a full downlink fits a frame"
);
/// Links to one listener that have not yet said whose they are; of more the oldest must go. All reactors of a large cluster may come at once.
pub const NEWCOMERS_MAX: usize = 1024;
/// Bytes that such a link may send: more than any introduction has.
pub const NEWCOMER_BYTES_MAX: usize = 256;
/// Bytes of a secret that both ends of a link prove to know: 256 bits cannot be guessed, whatever was seen of the proofs …
pub const RPC_SECRET_BYTES_MIN: usize = 32;
/// … and more than this is a mistake.
pub const RPC_SECRET_BYTES_MAX: usize = 1024;
/// Secrets that are good at a time: the one that is used, and while it is exchanged for another, that one.
pub const RPC_SECRETS_MAX: usize = 2;

const _: () = assert!(LIVE_CONNS_MAX * 9 < RPC_BODY_BYTES_MAX);
const _: () =
    assert!(PUSH_TARGETS_MAX * (2 * (NAME_BYTES_MAX + 2) + 4) + PACKET_BYTES_MAX + 256 <= RPC_BODY_BYTES_MAX);

// ---- Gateway ----

/// From accept to the end of the first packet.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// How long a client may take nothing of what waits for it.
pub const STALL_DEADLINE: Duration = Duration::from_secs(30);
/// Bytes waiting for one client that reads too slowly; then the connection is closed.
pub const CLIENT_OUT_BYTES_MAX: usize = 1024 * 1024;
/// Bytes waiting for one state shard; at half of it the reactor stops reading from the clients of that shard's slots.
pub const SHARD_OUT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How often a reactor tells a shard which connections were alive.
pub const ALIVE_REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// A packet to a client that negotiated compression is compressed from this many bytes on: below, little is gained.
pub const DEFLATED_BYTES_MIN: usize = 512;
/// What compressed messages in one read of a client may come to before the rest of that read is put off: as much as a plain read.
pub const INFLATED_BYTES_PER_READ: usize = 256 * 1024;
/// From telling a client to move to closing its connection.
pub const MOVE_GRACE: Duration = Duration::from_secs(1);
/// Clients that are told to move are told to wait for up to so long, each for another time: a drain without a duration would otherwise send them all back at once.
pub const MOVE_SPREAD: Duration = Duration::from_secs(1);
/// From the start of a gateway's successor to its word that it stands ready: it reads its settings and its certificate, and opens its sockets.
pub const HANDOVER_READY_DEADLINE: Duration = Duration::from_secs(20);
/// How long a handover may keep clients waiting before it is given up, if they are few …
pub const HANDOVER_FREEZE_DEADLINE: Duration = Duration::from_secs(2);
/// … and how much longer for each connection: six times what one costs.
pub const HANDOVER_FREEZE_PER_CONNECTION: Duration = Duration::from_micros(30);
/// How long a successor may take for its first turns, before whoever asked for the handover is told that it does not say how long it kept clients waiting.
pub const HANDOVER_SERVING_DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of one message of a handover: a Unix socket's buffer holds some of them, whatever the system's settings.
pub const HANDOVER_MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a reactor's snapshot: a million connections have 64 MiB when they are idle.
pub const HANDOVER_SNAPSHOT_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Descriptors that a reactor needs beside those that are handed to it: its poll, its mailbox, its listeners, and the standard streams.
pub const HANDOVER_DESCRIPTORS_SPARE: u64 = 64;
/// Places of a reactor's table that are looked at in one turn for an operator's question: a system call each at most, half a millisecond in all.
pub const CONNECTIONS_SCANNED: u32 = 1024;
/// From the first byte of a message to its last: a full packet over a line of 10 kbit/s.
pub const MESSAGE_DEADLINE: Duration = Duration::from_mins(1);
/// Bytes of memory that one process holds for all its clients from one turn to the next; then the costliest connections are closed. A thousand that are at their
/// bound, or ten thousand with a packet each and some air.
pub const CLIENT_MEMORY_MAX: usize = 1024 * 1024 * 1024;
/// Bytes of one read of a connection whose rate is limited: with the least, a hundred of the smallest frames; with the most, what a plain read may bring.
pub const METERED_READ_BYTES_MIN: usize = 512;
/// See [`METERED_READ_BYTES_MIN`].
pub const METERED_READ_BYTES_MAX: usize = 256 * 1024;
/// For this long a connection that sent too fast may have to wait, at worst: heartbeats come through it before the session's deadline.
pub const THROTTLED_MAX: Duration = Duration::from_secs(20);
/// Receivers of a reactor that are kept for reuse.
pub const SPARE_RECEIVERS_MAX: usize = 1024;
/// Accepted connections in one turn of a reactor.
pub const ACCEPT_BUDGET: usize = 256;
/// Connections that a reactor must be allowed to have: one in sixteen is air for those who come while it stops listening.
pub const CONNECTIONS_MIN: u32 = 16;
/// Open files of a reactor that are kept for what is no client: links to all shards, listeners, a spare one, the poll, pipes, and those that were passed.
pub const FILES_KEPT: u64 = 128;
/// Connections for which a reactor's tables have room from the start. It is room that the system gives when it is first used: a table that grew would have to be copied, and would leave holes.
pub const PLACES_RESERVED_MAX: usize = 1 << 20;
/// Sources of connections that one reactor remembers, if sources are limited: at some 50 bytes each, below 8 MiB, and more than it can have descriptors on most machines.
pub const SOURCES_MAX: usize = 128 * 1024;
/// Connections of one reactor that are in their handshake: a second's worth of a storm that lets in 8,000 a second, which is more than TLS can take on one core,
/// and with all that a handshake may make the gateway hold 128 MiB.
pub const HANDSHAKES_MAX: u32 = 8192;
/// A handshake that has taken this part of its deadline gives its place up when the places are full; younger ones keep theirs.
pub const HANDSHAKE_GRACE_DIVISOR: u32 = 4;

const _: () = assert!(FILES_KEPT >= SHARDS_MAX as u64 + 32);
const _: () = assert!(CLIENT_OUT_BYTES_MAX >= 2 * PACKET_BYTES_MAX);
const _: () = assert!(CLIENT_MEMORY_MAX >= 512 * CLIENT_OUT_BYTES_MAX);
const _: () =
    assert!(THROTTLED_MAX.as_secs() + HEARTBEAT_INTERVAL.as_secs() + 1 < HEARTBEAT_DEADLINE.as_secs());
const _: () = assert!(MESSAGE_DEADLINE.as_secs() >= 2 * THROTTLED_MAX.as_secs());
const _: () =
    assert!(HANDSHAKES_MAX as usize * (UPGRADE_HEAD_BYTES_MAX + LOGIN_PACKET_BYTES_MAX) <= 128 * 1024 * 1024);
const _: () = assert!(SHARD_OUT_BYTES_MAX >= 16 * RPC_BODY_BYTES_MAX);

// ---- TLS at the gateway ----

/// Bytes that a client may send before its handshake is over: a hello with the largest of keys is below 4 KiB, a record of any kind below 17 KiB.
pub const TLS_HANDSHAKE_BYTES_MAX: usize = 32 * 1024;
/// Times that one handshake may ask for the worker pool. TLS 1.3 needs two, with a retry three; who cuts its hello into many records needs more.
pub const TLS_HANDSHAKE_JOBS_MAX: u32 = 32;
/// Handshakes of one reactor in the pool, waiting or at work: at half a millisecond each, two threads are done with them in a quarter of a second.
pub const TLS_JOBS_MAX: usize = 1024;

const _: () =
    assert!(TLS_HANDSHAKE_BYTES_MAX > 16 * 1024 + 2048 + 5, "any record fits (RFC 8446 section 5.2)");

// ---- State ----

/// What a client is told to keep to: a sign of life this often …
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);
/// … and a session without one for this long is over: two intervals, a report and some air.
pub const HEARTBEAT_DEADLINE: Duration = Duration::from_secs(75);
/// Commands of a session that may be unanswered; those that came early wait within it.
pub const UPLINK_WINDOW: u32 = 64;
/// Bytes of commands that one session may have waiting or unanswered.
pub const UPLINK_BYTES_MAX: usize = 1024 * 1024;
/// Pulls of one session that may be unanswered.
pub const PULLS_IN_FLIGHT_MAX: u32 = 16;
/// Pushed packets of a session that are kept until they are acknowledged; of more the client is told what to pull.
pub const IN_FLIGHT_MAX: u32 = 1024;
/// Their bytes. All of them may be sent twice before a reader counts as slow.
pub const IN_FLIGHT_BYTES_MAX: usize = 512 * 1024;
/// A push that is not acknowledged for so long is sent again: an ack's delay, and a bad mobile network there and back.
pub const RESEND_TIMEOUT: Duration = Duration::from_secs(5);
/// The wait doubles with each try, up to this.
pub const RESEND_TIMEOUT_MAX: Duration = Duration::from_secs(30);
/// So many tries without any progress, then the connection is presumed dead: 5 + 10 + 20 + 30 s and another 30, give or take the jitter.
pub const RESEND_TRIES: u32 = 4;
/// Pushes that one try sends again, the oldest: what is lost with a link or a connection is replayed anyhow, so this is a question rather than a repair.
pub const RESEND_BURST: usize = 32;
/// A session outlives its connection by this: a tunnel, a lift, a change of networks.
pub const RESUME_GRACE: Duration = Duration::from_mins(2);
/// A gateway whose link is lost for this long counts as dead: several times what a reconnect takes.
pub const GATEWAY_LEASE: Duration = Duration::from_secs(10);
/// A client acknowledges at the latest after this …
pub const ACK_DELAY: Duration = Duration::from_millis(200);
/// … or when so many pushes wait for it.
pub const ACK_EVERY: u32 = 32;
/// A client sends a command again when it has had no answer for this long.
pub const SUBMIT_TIMEOUT: Duration = Duration::from_secs(5);
/// Full-jitter back-off of a client's reconnect: base and ceiling.
pub const RECONNECT_BASE: Duration = Duration::from_millis(200);
/// See [`RECONNECT_BASE`].
pub const RECONNECT_MAX: Duration = Duration::from_secs(30);
/// A login waits this long for logic, then it is refused as unavailable.
pub const ATTACH_DEADLINE: Duration = Duration::from_secs(5);
/// A client that is asked to log in again has this long: after a restart of the state server all of them log in at once.
pub const LOGIN_AGAIN_DEADLINE: Duration = Duration::from_mins(1);
/// When a client is told to try again after a refusal as unavailable.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Sessions of one shard: 4 million, which take less than 1 GiB.
pub const SESSIONS_PER_SHARD_MAX: usize = 1 << 22;
/// Links of gateway reactors to one shard, dead ones that still have sessions included.
pub const GATEWAY_LINKS_MAX: usize = 4096;
/// Calls of one shard that logic has not answered; one bit for each of 20 in a call's number.
pub const CALLS_MAX: usize = 1 << 20;
/// Bytes of these calls, all kept until they are answered; also what may wait for logic: half of it is a login of each of a million clients.
pub const CALLS_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Bytes waiting for one gateway reactor; over it the link is dropped, and its reactor comes back and reconciles.
pub const GATEWAY_OUT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// With so many bytes waiting for a reactor its sessions are pushed nothing more for now: pushes are kept, and sent when it has taken some. What comes in between
/// is answers, and never comes to the rest.
pub const GATEWAY_PACED_BYTES: usize = GATEWAY_OUT_BYTES_MAX / 4;
/// How often is looked whether it has: for this time a fast network takes what may wait.
pub const GATEWAY_PACE: Duration = Duration::from_millis(5);
/// Bytes of the JSON form of a packet to a client: one byte of text needs up to 6, and a message of few bytes 7 times as many.
pub const JSON_PACKET_BYTES_MAX: usize = 8 * PACKET_BYTES_MAX;
/// Devices of one user that may have sessions at a time, whatever an operator allows: every push looks at all of them.
pub const DEVICES_PER_USER_MAX: u32 = 1024;
/// Devices of one user that may have sessions at a time, unless an operator says otherwise.
pub const DEVICES_PER_USER: u32 = 64;
/// Users whose presence one user may watch.
pub const WATCHED_MAX: usize = 256;
/// Watchers of one user that are told of each change; more are not.
pub const WATCHERS_MAX: usize = 1024;
/// Revocations that one shard remembers, users and tokens together: at some 150 bytes each, below 40 MiB.
pub const REVOCATIONS_MAX: usize = 256 * 1024;
/// Bytes of a token's id (`jti`) as it is named in a revocation.
pub const TOKEN_ID_BYTES_MAX: usize = 256;
/// Sessions that one report names; of more it tells the number.
pub const REPORTED_SESSIONS_MAX: usize = DEVICES_PER_USER_MAX as usize;
/// Users in one frame about who is online: at some 80 bytes each, a tenth of a frame.
pub const PRESENCE_USERS_MAX: usize = 1024;
/// Users of one shard whose coming or going logic has not been told yet, while it takes what it was told; of more it is told anew who is there.
pub const PRESENCE_PENDING_MAX: usize = 64 * 1024;
/// Sessions that are looked at in one go for the list of all who are online, or for an operator's question.
pub const SESSIONS_SCANNED: u32 = 4096;
/// Bytes of the key of a mergeable push.
pub const MERGE_KEY_BYTES_MAX: usize = 128;
/// Mergeable pushes that wait for one session; of more the oldest is dropped.
pub const MERGEABLE_MAX: usize = 64;
/// Their bytes.
pub const MERGEABLE_BYTES_MAX: usize = 32 * 1024;
/// Bytes of a segment of the journal, give or take a commit: removing one must not keep the disk busy for long.
pub const JOURNAL_SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes that one commit takes together, give or take a turn's: a disk writes them in some ten milliseconds.
pub const JOURNAL_COMMIT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of one shard that wait for the journal, records and what was said; then its links are not read until it has caught up, and back-pressure does the rest.
pub const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A journal in Redis: how long a connection to a server may take, its greeting included …
pub const REDIS_CONNECT_PATIENCE: Duration = Duration::from_secs(1);
/// … and one answer: a disk that syncs slowly is no reason to connect anew, a server that hangs is.
pub const REDIS_ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// How long a start waits for it: machines that start together come up in any order.
pub const REDIS_START_PATIENCE: Duration = Duration::from_secs(20);
/// Before it is connected to again, about so long, doubled with every failure …
pub const REDIS_RECONNECT_BASE: Duration = Duration::from_millis(50);
/// … up to this.
pub const REDIS_RECONNECT_MAX: Duration = Duration::from_secs(2);
/// Bytes that one commit sends, give or take a push: its packet goes to every slot that it is for, so the records of a commit may become five hundred times as many.
pub const REDIS_COMMIT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Times that a request follows the servers of a cluster from one to the next: more than once or twice means that they do not agree.
pub const REDIS_REDIRECTS_MAX: usize = 8;
/// Entries of a slot's log that are read at a time, some hundred bytes each …
pub const REDIS_ENTRIES_PER_READ: usize = 256;
/// … and so many logs together.
pub const REDIS_LOGS_PER_READ: usize = 8;
/// Bytes by which a journal has grown when a checkpoint is worth while: read again in a fraction of a second.
pub const CHECKPOINT_BYTES_MIN: u64 = 64 * 1024 * 1024;
/// Bytes of a checkpoint in one turn, give or take a step: their commit takes no longer than a sync …
pub const CHECKPOINT_BYTES_PER_TURN: usize = 64 * 1024;
/// … and places of the table that are looked at in one turn, some tens of microseconds …
pub const CHECKPOINT_PLACES_PER_TURN: u32 = 512;
/// … in steps of so many: what these keep may be 8 MiB if all of them have as much in flight as they may.
pub const CHECKPOINT_PLACES_PER_STEP: u32 = 16;
/// The clock of who issues tokens may be so much ahead of ours before a token counts as not valid yet.
pub const TOKEN_CLOCK_SKEW: Duration = Duration::from_secs(30);

const _: () = assert!(HEARTBEAT_DEADLINE.as_secs() > 2 * HEARTBEAT_INTERVAL.as_secs());
const _: () = assert!(
    GATEWAY_PACED_BYTES + 8 * IN_FLIGHT_BYTES_MAX + 2 * RPC_BODY_BYTES_MAX <= GATEWAY_OUT_BYTES_MAX / 2,
    "one more session's pushes, as JSON, and one more fan-out fit"
);
const _: () = assert!(ACK_EVERY * 4 <= IN_FLIGHT_MAX, "acks come well before the queue is full");
const _: () = assert!(IN_FLIGHT_BYTES_MAX >= 4 * PACKET_BYTES_MAX);
const _: () =
    assert!(2 * IN_FLIGHT_BYTES_MAX <= CLIENT_OUT_BYTES_MAX, "a reader may be sent everything twice");
const _: () = assert!(RESEND_TIMEOUT.as_millis() >= 4 * ACK_DELAY.as_millis(), "acks may take their time");
const _: () = assert!(GATEWAY_LEASE.as_secs() < HEARTBEAT_DEADLINE.as_secs());
const _: () = assert!(WATCHED_MAX * (NAME_BYTES_MAX + 24) <= PACKET_BYTES_MAX);
const _: () = assert!(PRESENCE_USERS_MAX * (NAME_BYTES_MAX + 16) <= RPC_BODY_BYTES_MAX);
const _: () = assert!(DEVICES_PER_USER <= DEVICES_PER_USER_MAX);
const _: () =
    assert!(REPORTED_SESSIONS_MAX * (SESSION_NAME_BYTES_MAX + NAME_BYTES_MAX + 64) <= RPC_BODY_BYTES_MAX);
const _: () = assert!(UPLINK_BYTES_MAX >= 8 * PACKET_BYTES_MAX);
const _: () =
    assert!(CALLS_BYTES_MAX >= 16 * RPC_BODY_BYTES_MAX && GATEWAY_OUT_BYTES_MAX >= 16 * RPC_BODY_BYTES_MAX);
const _: () = assert!(
    2 + DOWNLINK_TARGETS_MAX * (8 + 1 + DOWNLINK_PREFIX_BYTES_MAX) + JSON_PACKET_BYTES_MAX
        <= RPC_BODY_BYTES_MAX,
    "a full downlink of a JSON packet fits a frame"
);

// ---- Logic ----

/// Answers kept for each device, so that a late retry gets the answer it would have had: far more than a window.
pub const OUTCOMES_KEPT: u64 = 1024;
/// Requests in one transaction.
pub const COMMIT_REQUESTS_MAX: usize = 1024;
/// Requests waiting for the writer, in all; then logic stops reading from the state shards.
pub const WRITER_QUEUE_MAX: usize = 16 * 1024;
/// Links from state shards that logic holds: a generation of them that is going and one that is coming; more connections are closed.
pub const STATE_LINKS_MAX: usize = 4 * SHARDS_MAX as usize;
/// Bytes waiting for one state shard that does not read; then its link is closed. At half of it logic stops reading from the shard.
pub const STATE_OUT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of pushes that one state shard was sent and has not confirmed: two seconds of 50,000 messages each. With more, the next ones wait.
pub const PUSHES_SENT_BYTES_MAX: usize = 24 * 1024 * 1024;
/// Bytes of pushes that one state shard has not confirmed, those that it was not sent yet among them: more than 2,000 messages to 512 people each, some seconds' work.
/// With more, what would be pushed to it is refused as unavailable.
pub const PUSHES_UNCONFIRMED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What one receiver of a push weighs while it waits: the name, its place, and its memory's share of the allocator.
pub const PUSH_TARGET_BYTES: usize = 48;
/// What a client waits before it tries again when the store took nothing: long enough for an operator's alarm, short for a person.
pub const UNAVAILABLE_RETRY_AFTER: Duration = Duration::from_secs(1);
/// Members of conversations that the store keeps in memory, in all: at some 200 bytes for a single chat's two, below 32 MiB.
pub const MEMBERS_CACHED: usize = 256 * 1024;
/// Devices that the store keeps in memory: at some 150 bytes each, below 32 MiB.
pub const DEVICES_CACHED: usize = 128 * 1024;
/// Bytes of messages or outcomes in one row of the store: whoever wants one of them reads all, a page of a pull has as many.
pub const STORE_RUN_BYTES: usize = 32 * 1024;
/// Bytes of a row of the store's journal, give or take a message; a transaction that has more writes several.
pub const STORE_ROW_BYTES: usize = 1024 * 1024;
/// What a record costs in the tail beside its bytes, in bytes: 16 for its place, in a list that has up to twice the room it needs.
pub const STORE_RECORD_COST: usize = 32;
/// What a log costs in the tail beside its records, in bytes: its entry in a table that is half empty at most, and an allocation.
pub const STORE_LOG_COST: usize = 128;
/// A transaction takes so many times its own cost from the tail to the tables, and deletes as many bytes that are of no more use from the journal: half of
/// the tail comes while the other half leaves, and is deleted from the journal, one after the other.
pub const STORE_FOLD_PACE: usize = 2;
/// Tails that the rows of the store's journal may take, or one row's bytes if that is more: beyond that, those with messages that no shard has confirmed are deleted like all others, and are not pushed again by the next
/// process.
pub const STORE_JOURNAL_TAILS: usize = 3;

const _: () = assert!(OUTCOMES_KEPT >= 8 * UPLINK_WINDOW as u64);
const _: () = assert!(STATE_OUT_BYTES_MAX >= 16 * RPC_BODY_BYTES_MAX);
const _: () = assert!(
    PUSHES_SENT_BYTES_MAX + RPC_BODY_BYTES_MAX <= STATE_OUT_BYTES_MAX / 2,
    "a link that has come back takes all of them, and the shard is still read"
);
const _: () = assert!(
    2000 * (GROUP_MEMBERS_MAX * PUSH_TARGET_BYTES + 1024) <= PUSHES_UNCONFIRMED_BYTES_MAX,
    "a burst of messages to large groups waits"
);
const _: () = assert!(
    GROUP_MEMBERS_MAX < PUSH_TARGETS_MAX && WATCHERS_MAX <= PUSH_TARGETS_MAX,
    "a push is one frame for each shard"
);
const _: () =
    assert!(STORE_FOLD_PACE >= 2, "half of the tail has left and is deleted when the other half is full");
const _: () =
    assert!(MEMBERS_CACHED >= 4 * (GROUP_MEMBERS_MAX + 1), "half the cache holds the largest group");

// ---- Client ----

/// Commands that a client holds for its app: queued while offline, and unanswered; far more than a window.
pub const CLIENT_COMMANDS_MAX: usize = 1024;
/// Bytes of those commands.
pub const CLIENT_COMMAND_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of the commands that a client has unanswered at any time: a quarter of what a session may have, since JSON makes them larger.
pub const CLIENT_IN_FLIGHT_BYTES_MAX: usize = UPLINK_BYTES_MAX / 4;
/// The least time between a refusal for now and the next try.
pub const CLIENT_RETRY_MIN: Duration = Duration::from_millis(200);
/// Pulls of a client that are unanswered.
pub const CLIENT_PULLS_IN_FLIGHT_MAX: usize = 8;
/// Pulls of the app that wait for their turn.
pub const CLIENT_PULLS_MAX: usize = 64;
/// Messages of one conversation that came before one that is missing; more are dropped and pulled later.
pub const CLIENT_EARLY_MAX: usize = 256;
/// Bytes of early messages in all conversations.
pub const CLIENT_EARLY_BYTES_MAX: usize = 1024 * 1024;
/// Conversations whose place a client remembers; then the one longest unheard of is forgotten.
pub const CLIENT_CONVERSATIONS_MAX: usize = 4096;
/// Events that wait for an app to take them; then its client stands still.
pub const CLIENT_EVENTS_MAX: usize = 4096;
/// A client waits this long for the answer to its login: longer than the server waits for logic.
pub const CLIENT_LOGIN_PATIENCE: Duration = Duration::from_secs(10);
/// … for the server's close after a logout.
pub const CLIENT_LOGOUT_PATIENCE: Duration = Duration::from_secs(2);
/// … and for a connection to open, its upgrade included.
pub const CLIENT_CONNECT_PATIENCE: Duration = Duration::from_secs(10);

const _: () = assert!(CLIENT_PULLS_IN_FLIGHT_MAX as u32 <= PULLS_IN_FLIGHT_MAX);
const _: () = assert!(CLIENT_IN_FLIGHT_BYTES_MAX >= 2 * PACKET_BYTES_MAX);
const _: () = assert!(CLIENT_LOGIN_PATIENCE.as_secs() > ATTACH_DEADLINE.as_secs());
const _: () = assert!(CLIENT_CONNECT_PATIENCE.as_secs() <= HANDSHAKE_DEADLINE.as_secs());
