//! What two processes say to each other in a handover: [`Message`]. Owns the layouts of the messages and their checks; who may say what, and when, is `giver`'s and `taker`'s.
//!
//! Each message is one of a Unix socket for messages (SOCK_SEQPACKET): a byte for its kind, then its body. The two processes have one such socket between their main
//! threads, and one from each reactor to the reactor that takes its place.

use super::bytes::{Malformed, Reader, put_bytes};

/// The version of the handover that this code speaks: of the messages and of the snapshot. A successor that speaks another one is told to go before anybody is
/// kept waiting.
pub(crate) const VERSION: u32 = 2;

/// What every Hello begins with, so that a stranger's bytes are known for such.
const MAGIC: [u8; 4] = *b"HFHO";

/// A message between the main threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// The successor's first word.
    Hello { version: u32 },
    /// The answer: what there is to be handed over.
    Offer(Offer),
    /// The successor has opened what it needs: its reactors wait.
    Standby,
    /// The successor cannot take over. Why, for people.
    Refused(String),
    /// The successor has everything and serves from now on: whoever said this owns the connections. There is one such word in a handover, and it is its commit.
    Taken,
    /// All reactors of the successor have done a turn: the microseconds of the system's monotonic clock at which each of them had.
    Serving(Vec<u64>),
}

/// What is to be handed over, by what has to fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    /// The number of the gateway, which ConnIds have in them.
    pub(crate) gateway: u16,
    /// It echoes.
    pub(crate) echo: bool,
    /// See [`crate::Settings::boot_epoch`].
    pub(crate) boot_epoch: u64,
    /// How often the gateway was handed over before.
    pub(crate) handovers: u32,
    /// Where the state server is.
    pub(crate) state: String,
    /// What the listeners were told, by the setting, in the order of the snapshots' places. "admin" is last; its descriptor comes with this message.
    pub(crate) doors: Vec<OfferedDoor>,
    /// The descriptor of stdin comes with this message, too: whoever holds its other end ends the gateway with it.
    pub(crate) stdin: bool,
    /// The settings that listening sockets are for which the gateway was started with. Their descriptors come with this message, too.
    pub(crate) passed: Vec<String>,
    /// How many descriptors each reactor has. For each, one end of a socket comes with this message.
    pub(crate) descriptors: Vec<u32>,
}

/// A listener of the giver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OfferedDoor {
    /// The setting that names its address.
    pub(crate) setting: String,
    /// What the setting said.
    pub(crate) told: String,
    /// Where it listens: the kernel may have chosen the port.
    pub(crate) bound: String,
}

/// A message from a reactor to its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// How many bytes of snapshot follow, and then how many descriptors.
    Begin { bytes: u64, descriptors: u32 },
    /// Some of the bytes.
    Bytes(&'a [u8]),
    /// So many of the descriptors come with this message.
    Descriptors(u32),
}

mod kind {
    pub(super) const HELLO: u8 = 1;
    pub(super) const OFFER: u8 = 2;
    pub(super) const STANDBY: u8 = 3;
    pub(super) const REFUSED: u8 = 4;
    pub(super) const TAKEN: u8 = 5;
    pub(super) const SERVING: u8 = 6;
    pub(super) const BEGIN: u8 = 16;
    pub(super) const BYTES: u8 = 17;
    pub(super) const DESCRIPTORS: u8 = 18;
}

/// Bytes of a refusal that are passed on.
const REFUSED_BYTES_MAX: usize = 1024;

fn passed_on(why: &str) -> &str {
    &why[..why.floor_char_boundary(REFUSED_BYTES_MAX)]
}

impl Message {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Hello { version } => {
                out.push(kind::HELLO);
                out.extend_from_slice(&MAGIC);
                out.extend_from_slice(&version.to_le_bytes());
            }
            Self::Offer(offer) => {
                out.push(kind::OFFER);
                offer.encode(&mut out);
            }
            Self::Standby => out.push(kind::STANDBY),
            Self::Refused(why) => {
                out.push(kind::REFUSED);
                out.extend_from_slice(passed_on(why).as_bytes());
            }
            Self::Taken => out.push(kind::TAKEN),
            Self::Serving(since) => {
                out.push(kind::SERVING);
                out.extend(since.iter().flat_map(|micros| micros.to_le_bytes()));
            }
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut body = Reader::new(bytes, "handover message");
        let message = match body.u8()? {
            kind::HELLO if body.take(MAGIC.len())? == MAGIC => Self::Hello { version: body.u32()? },
            kind::OFFER => Self::Offer(Offer::decode(&mut body)?),
            kind::STANDBY => Self::Standby,
            kind::REFUSED => Self::Refused(passed_on(&String::from_utf8_lossy(body.rest())).to_owned()),
            kind::TAKEN => Self::Taken,
            kind::SERVING => {
                let mut since = Vec::new();
                while !body.is_empty() {
                    since.push(body.u64()?);
                }
                Self::Serving(since)
            }
            _ => return Err(body.wrong()),
        };
        body.end()?;
        Ok(message)
    }
}

impl Offer {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.gateway.to_le_bytes());
        out.extend([u8::from(self.echo), u8::from(self.stdin)]);
        out.extend_from_slice(&self.boot_epoch.to_le_bytes());
        out.extend_from_slice(&self.handovers.to_le_bytes());
        put_bytes(out, self.state.as_bytes());
        out.push(self.doors.len() as u8);
        for OfferedDoor { setting, told, bound } in &self.doors {
            [setting, told, bound].into_iter().for_each(|text| put_bytes(out, text.as_bytes()));
        }
        out.push(self.passed.len() as u8);
        self.passed.iter().for_each(|name| put_bytes(out, name.as_bytes()));
        out.push(self.descriptors.len() as u8);
        out.extend(self.descriptors.iter().flat_map(|count| count.to_le_bytes()));
    }

    fn decode(body: &mut Reader<'_>) -> Result<Self, Malformed> {
        let gateway = body.u16()?;
        let (echo, stdin) = (body.bool()?, body.bool()?);
        let (boot_epoch, handovers) = (body.u64()?, body.u32()?);
        let state = body.text()?;
        let mut doors = Vec::new();
        for _ in 0..body.u8()? {
            doors.push(OfferedDoor { setting: body.text()?, told: body.text()?, bound: body.text()? });
        }
        let mut passed = Vec::new();
        for _ in 0..body.u8()? {
            passed.push(body.text()?);
        }
        let mut descriptors = Vec::new();
        for _ in 0..body.u8()? {
            descriptors.push(body.u32()?);
        }
        Ok(Self { gateway, echo, boot_epoch, handovers, state, doors, stdin, passed, descriptors })
    }

    /// How many descriptors come with it.
    pub(crate) fn attached(&self) -> usize {
        1 + usize::from(self.stdin) + self.passed.len() + self.descriptors.len()
    }
}

impl<'a> Piece<'a> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Begin { bytes, descriptors } => {
                out.push(kind::BEGIN);
                out.extend_from_slice(&bytes.to_le_bytes());
                out.extend_from_slice(&descriptors.to_le_bytes());
            }
            Self::Bytes(bytes) => {
                out.push(kind::BYTES);
                out.extend_from_slice(bytes);
            }
            Self::Descriptors(count) => {
                out.push(kind::DESCRIPTORS);
                out.extend_from_slice(&count.to_le_bytes());
            }
        }
        out
    }

    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Reader::new(bytes, "piece of a snapshot");
        let piece = match body.u8()? {
            kind::BEGIN => Self::Begin { bytes: body.u64()?, descriptors: body.u32()? },
            kind::BYTES => Self::Bytes(body.rest()),
            kind::DESCRIPTORS => Self::Descriptors(body.u32()?),
            _ => return Err(body.wrong()),
        };
        body.end()?;
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_read_as_it_was_written_and_no_beginning_of_it_is() {
        let offer = Offer {
            gateway: 4095,
            echo: true,
            boot_epoch: u64::MAX,
            handovers: 7,
            state: "127.0.0.1:7410".into(),
            doors: vec![
                OfferedDoor {
                    setting: "listen".into(),
                    told: "127.0.0.1:0".into(),
                    bound: "127.0.0.1:4242".into(),
                },
                OfferedDoor::default(),
            ],
            stdin: true,
            passed: vec!["listen".into(), String::new()],
            descriptors: vec![1, 1 << 24],
        };
        assert_eq!(offer.attached(), 6);
        let messages = [
            Message::Hello { version: 3 },
            Message::Offer(offer),
            Message::Standby,
            Message::Taken,
            Message::Serving(vec![1, 2]),
        ];
        for message in messages {
            let bytes = message.encode();
            assert_eq!(Message::decode(&bytes), Ok(message.clone()));
            assert!(Message::decode(&[&bytes[..], &[0]].concat()).is_err(), "{message:?} and more");
            let whole_numbers = matches!(message, Message::Serving(_));
            for end in (0..bytes.len()).filter(|end| !whole_numbers || end % 8 != 1) {
                assert!(Message::decode(&bytes[..end]).is_err(), "{end} bytes of {message:?}");
            }
        }
        for piece in
            [Piece::Begin { bytes: 9, descriptors: 8 }, Piece::Bytes(b"some"), Piece::Descriptors(253)]
        {
            assert_eq!(Piece::decode(&piece.encode()), Ok(piece));
        }
        let long = Message::Refused("ä".repeat(REFUSED_BYTES_MAX)).encode();
        assert!(long.len() <= 1 + REFUSED_BYTES_MAX && Message::decode(&long).is_ok());
        assert!(Message::decode(b"\x01HFHX\x01\0\0\0").is_err(), "a stranger");
    }
}
