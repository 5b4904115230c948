//! The tables of the store and every statement on them. Owns the layout on disk and its version; a change is a new entry in [`MIGRATIONS`],
//! never a change of one that was released.

/// What an SQLite file of ours is marked with: "HOLD".
pub(super) const APPLICATION_ID: i32 = 0x484F_4C44;

/// What turns a store of version n into one of version n + 1; an empty file is version 0.
pub(super) const MIGRATIONS: [&str; 4] = [V1, V2, V3, V4];

/// * Rows that are written with each message refer to others by integers. References are not enforced: a look-up for each would cost more
///   than it could find, since all of them are made by this crate.
/// * `members.number` is the place in the order of uids; `messages.sender` is such a number.
/// * `messages.body` is TEXT for a text and BLOB for data.
/// * The last message of a conversation and the last outcome of a device are what the next one counts from: they must never be deleted.
const V1: &str = "
    CREATE TABLE conversations (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE members (
        conversation INTEGER NOT NULL,
        number INTEGER NOT NULL,
        uid TEXT NOT NULL,
        PRIMARY KEY (conversation, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE messages (
        conversation INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        sender INTEGER NOT NULL,
        time_ms INTEGER NOT NULL,
        body ANY NOT NULL,
        PRIMARY KEY (conversation, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE devices (
        id INTEGER PRIMARY KEY,
        uid TEXT NOT NULL,
        device TEXT NOT NULL,
        UNIQUE (uid, device)
    ) STRICT;
    CREATE TABLE outcomes (
        device INTEGER NOT NULL,
        client_id INTEGER NOT NULL,
        digest INTEGER NOT NULL,
        reply BLOB NOT NULL,
        PRIMARY KEY (device, client_id)
    ) STRICT, WITHOUT ROWID;
";

/// * A revocation without a token is of all that were issued before a second since the Unix epoch.
/// * `watches` leads from a user to who wants to know whether they are online; its index the other way.
const V2: &str = "
    CREATE TABLE revocations (
        uid TEXT NOT NULL,
        token TEXT NOT NULL,
        before_s INTEGER NOT NULL,
        PRIMARY KEY (uid, token)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE seen (
        uid TEXT NOT NULL PRIMARY KEY,
        at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE watches (
        watched TEXT NOT NULL,
        watcher TEXT NOT NULL,
        PRIMARY KEY (watched, watcher)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX watches_of ON watches (watcher);
";

/// * `journal` has the newest records of all logs, a row for each transaction (`record::changes`), until they are in the two tables after it. Where both have a
///   record, they say the same.
/// * A row of these has a run of a log (`record::records`), and `last` is the number of the last of them.
/// * The rows of the tables before become runs of one record.
const V3: &str = "
    CREATE TABLE journal (
        id INTEGER PRIMARY KEY,
        changes BLOB NOT NULL
    ) STRICT;
    CREATE TABLE message_runs (
        conversation INTEGER NOT NULL,
        last INTEGER NOT NULL,
        records BLOB NOT NULL,
        PRIMARY KEY (conversation, last)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE outcome_runs (
        device INTEGER NOT NULL,
        last INTEGER NOT NULL,
        records BLOB NOT NULL,
        PRIMARY KEY (device, last)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO message_runs SELECT conversation, seq, CAST(
        unhex(format('%08X%016X%08X%016X%02X',
            13 + length(CAST(body AS BLOB)), seq, sender, time_ms, typeof(body) = 'blob'))
        || CAST(body AS BLOB) AS BLOB) FROM messages;
    INSERT INTO outcome_runs SELECT device, client_id, CAST(
        unhex(format('%08X%016X%016X', 8 + length(reply), client_id, digest)) || reply AS BLOB) FROM outcomes;
    DROP TABLE messages;
    DROP TABLE outcomes;
";

/// `taken` is the last row whose messages all had been taken when this one was written; nothing is known of rows that are older than the column, and nothing is owed.
const V4: &str = "ALTER TABLE journal ADD COLUMN taken INTEGER NOT NULL DEFAULT 9223372036854775807";

pub(super) const KEEP_REVOCATION: &str = "
    INSERT INTO revocations (uid, token, before_s) VALUES (?1, ?2, ?3)
    ON CONFLICT (uid, token) DO UPDATE SET before_s = max(before_s, excluded.before_s)";
pub(super) const READ_REVOCATIONS: &str = "SELECT uid, token, before_s FROM revocations";
pub(super) const KEEP_SEEN: &str = "
    INSERT INTO seen (uid, at_ms) VALUES (?1, ?2)
    ON CONFLICT (uid) DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)";
pub(super) const FIND_SEEN: &str = "SELECT at_ms FROM seen WHERE uid = ?1";
pub(super) const FORGET_WATCHES: &str = "DELETE FROM watches WHERE watcher = ?1";
pub(super) const ADD_WATCH: &str = "INSERT OR IGNORE INTO watches (watched, watcher) VALUES (?1, ?2)";
pub(super) const FIND_WATCHERS: &str =
    "SELECT watcher FROM watches WHERE watched = ?1 ORDER BY watcher LIMIT ?2";

pub(super) const FIND_DEVICE: &str = "SELECT id FROM devices WHERE uid = ?1 AND device = ?2";
pub(super) const ADD_DEVICE: &str = "INSERT INTO devices (uid, device) VALUES (?1, ?2)";

pub(super) const FIND_CONVERSATION: &str = "SELECT id FROM conversations WHERE name = ?1";
pub(super) const NAME_CONVERSATION: &str = "SELECT name FROM conversations WHERE id = ?1";
pub(super) const ADD_CONVERSATION: &str = "INSERT INTO conversations (name) VALUES (?1)";
pub(super) const FIND_MEMBERS: &str = "SELECT uid FROM members WHERE conversation = ?1 ORDER BY number";
pub(super) const ADD_MEMBER: &str = "INSERT INTO members (conversation, number, uid) VALUES (?1, ?2, ?3)";

pub(super) const ADD_TO_JOURNAL: &str = "INSERT INTO journal (id, changes, taken) VALUES (?1, ?2, ?3)";
pub(super) const READ_JOURNAL: &str = "SELECT id, changes, taken FROM journal ORDER BY id";
pub(super) const READ_NOT_TAKEN: &str =
    "SELECT id, changes FROM journal WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT 1";
pub(super) const DROP_FROM_JOURNAL: &str = "DELETE FROM journal WHERE id <= ?1";

pub(super) const ADD_MESSAGES: &str =
    "INSERT INTO message_runs (conversation, last, records) VALUES (?1, ?2, ?3)";
pub(super) const LAST_MESSAGES: &str =
    "SELECT ifnull(max(last), 0) FROM message_runs WHERE conversation = ?1";
pub(super) const NEWEST_MESSAGES: &str =
    "SELECT records FROM message_runs WHERE conversation = ?1 ORDER BY last DESC LIMIT 1";
pub(super) const READ_ON: &str =
    "SELECT records FROM message_runs WHERE conversation = ?1 AND last >= ?2 ORDER BY last";
/// From the run that reaches a seq, or from the last.
pub(super) const READ_BACK: &str = "
    SELECT records FROM message_runs WHERE conversation = ?1 AND last <= ifnull(
        (SELECT min(last) FROM message_runs WHERE conversation = ?1 AND last >= ?2), ?2)
    ORDER BY last DESC";

pub(super) const ADD_OUTCOMES: &str = "INSERT INTO outcome_runs (device, last, records) VALUES (?1, ?2, ?3)";
pub(super) const LAST_OUTCOMES: &str = "SELECT ifnull(max(last), 0) FROM outcome_runs WHERE device = ?1";
pub(super) const FIND_OUTCOMES: &str =
    "SELECT records FROM outcome_runs WHERE device = ?1 AND last >= ?2 ORDER BY last LIMIT 1";
pub(super) const PRUNE_OUTCOMES: &str = "DELETE FROM outcome_runs WHERE device = ?1 AND last <= ?2";
