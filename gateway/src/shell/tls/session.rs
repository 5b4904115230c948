//! One connection's TLS, over rustls: bytes in, bytes out, no socket. Owns the steps that rustls asks for; who does them is the pool for a handshake, and the
//! reactor from then on.

use rustls::Error;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};

/// What a record has beside its payload, at most: head, explicit nonce, content type, tag.
const RECORD_OVERHEAD_BYTES: usize = 64;
/// Bytes of a record's payload, at most (RFC 8446 section 5.1).
const RECORD_BYTES_MAX: usize = 16 * 1024;

/// What has become of bytes that came.
#[derive(Debug)]
pub(super) struct Opened {
    /// So many of them are not needed any more; the rest must be there the next time, unchanged and in front.
    pub(super) consumed: usize,
    /// The client has said that nothing more will come, or has broken the protocol.
    pub(super) end: Option<Result<(), Error>>,
}

/// Takes what has come, appends what it says to `plain` and what must be sent back to `out`.
///
/// rustls keeps places in `incoming` from one call to the next: it must always be given all that was not consumed.
pub(super) fn open(
    connection: &mut UnbufferedServerConnection,
    incoming: &mut [u8],
    plain: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Opened {
    let (mut consumed, mut end) = (0, None);
    loop {
        let UnbufferedStatus { mut discard, state } =
            connection.process_tls_records(&mut incoming[consumed..]);
        let mut idle = false;
        match state {
            Ok(ConnectionState::ReadTraffic(mut records)) => {
                while let Some(Ok(record)) = records.next_record() {
                    discard += record.discard;
                    plain.extend_from_slice(record.payload);
                }
            }
            Ok(ConnectionState::EncodeTlsData(data)) => encode(data, out),
            Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
            Ok(ConnectionState::PeerClosed) => end = Some(Ok(())),
            // Blocked, open or over: whatever comes next comes from outside. (There is no early data: it is not offered.)
            Ok(_) => idle = true,
            Err(error) => end = Some(Err(error)),
        }
        consumed += discard;
        if let Some(Err(_)) = end {
            last_words(connection, &mut incoming[consumed..], out);
            idle = true;
        }
        if idle {
            return Opened { consumed, end };
        }
    }
}

/// After an error: the alert that tells the client.
fn last_words(connection: &mut UnbufferedServerConnection, incoming: &mut [u8], out: &mut Vec<u8>) {
    while connection.wants_write() {
        match connection.process_tls_records(incoming).state {
            Ok(ConnectionState::EncodeTlsData(data)) => encode(data, out),
            // What was said before the error does not count any more.
            Ok(ConnectionState::ReadTraffic(mut records)) => while records.next_record().is_some() {},
            _ => return,
        }
    }
}

/// Encrypts what is to be sent, and at the end, if it is the end, says so. `incoming` is what [`open`] left.
pub(super) fn seal(
    connection: &mut UnbufferedServerConnection,
    incoming: &mut [u8],
    plain: &[u8],
    ends: bool,
    out: &mut Vec<u8>,
) -> Result<(), EncryptError> {
    loop {
        match connection.process_tls_records(incoming).state {
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                write(&mut traffic, plain, ends, out)?;
                return Ok(());
            }
            Ok(ConnectionState::EncodeTlsData(data)) => encode(data, out),
            Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
            // It is over, or has not begun.
            _ => return Ok(()),
        }
    }
}

fn write(
    traffic: &mut WriteTraffic<'_, ServerConnectionData>,
    plain: &[u8],
    ends: bool,
    out: &mut Vec<u8>,
) -> Result<(), EncryptError> {
    let records = plain.len().div_ceil(RECORD_BYTES_MAX) + 1;
    let start = out.len();
    out.resize(start + plain.len() + records * RECORD_OVERHEAD_BYTES, 0);
    let mut end = start;
    let mut result = Ok(());
    if !plain.is_empty() {
        result = traffic.encrypt(plain, &mut out[end..]).map(|written| end += written);
    }
    if ends && result.is_ok() {
        result = traffic.queue_close_notify(&mut out[end..]).map(|written| end += written);
    }
    out.truncate(end);
    result
}

fn encode(mut data: EncodeTlsData<'_, ServerConnectionData>, out: &mut Vec<u8>) {
    let start = out.len();
    let mut written = data.encode(&mut []);
    if let Err(EncodeError::InsufficientSize(needed)) = written {
        out.resize(start + needed.required_size, 0);
        written = data.encode(&mut out[start..]);
    }
    debug_assert!(written.is_ok(), "it says itself how much room it needs");
}

/// The length of the record in front, if it is whole: until then nothing can be done with it, so that a hello that comes in drops is not tried at each of them.
/// What is no record is taken as one: rustls will say so.
pub(super) fn record(incoming: &[u8]) -> Option<usize> {
    let ([_, major, _, high, low], payload) = incoming.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if *major != 3 || length > RECORD_BYTES_MAX + 2048 {
        return Some(incoming.len());
    }
    (payload.len() >= length).then_some(5 + length)
}
