//! The names of things: [`ConnId`], [`Slot`], [`Uid`], [`DeviceId`], [`ConversationId`]. Owns their layout, their bounds and
//! the hash that partitions users; leaves their meaning to the machines.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::limits::{NAME_BYTES_MAX, SLOTS};

/// Names a connection anywhere in the cluster, and is the whole routing table (docs/wire.md, "ConnId"):
///
/// ```text
/// 63        52 51    46 45      36 35        24 23            0
/// | gateway 12 | reactor 6 | slot 10 | generation 12 | index 24 |
/// ```
///
/// Upward it routes by `slot`, downward by `gateway`, `reactor` and `index`; `generation` makes a reused index
/// harmless.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub u64);

/// The parts of a [`ConnId`]. Bits beyond a part's width are cut off by [`ConnId::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnParts {
    /// The gateway process, 12 bits.
    pub gateway: u16,
    /// The reactor thread in it, 6 bits.
    pub reactor: u8,
    /// The partition of the user, 10 bits.
    pub slot: Slot,
    /// How often the index has been used before, 12 bits, wrapping.
    pub generation: u16,
    /// The place in the reactor's table, 24 bits.
    pub index: u32,
}

impl ConnId {
    /// Packs the parts.
    pub fn new(parts: ConnParts) -> Self {
        Self(
            (u64::from(parts.gateway) & 0xFFF) << 52
                | (u64::from(parts.reactor) & 0x3F) << 46
                | (u64::from(parts.slot.0) & 0x3FF) << 36
                | (u64::from(parts.generation) & 0xFFF) << 24
                | (u64::from(parts.index) & 0xFF_FFFF),
        )
    }

    /// Unpacks the parts.
    pub fn parts(self) -> ConnParts {
        ConnParts {
            gateway: self.gateway(),
            reactor: self.reactor(),
            slot: self.slot(),
            generation: self.generation(),
            index: self.index(),
        }
    }

    /// The gateway process, 0 to 4095.
    pub fn gateway(self) -> u16 {
        (self.0 >> 52) as u16
    }

    /// The reactor thread of that gateway, 0 to 63.
    pub fn reactor(self) -> u8 {
        (self.0 >> 46 & 0x3F) as u8
    }

    /// The partition of the connection's user.
    pub fn slot(self) -> Slot {
        Slot((self.0 >> 36 & 0x3FF) as u16)
    }

    /// How often the index was used before, modulo 4096.
    pub fn generation(self) -> u16 {
        (self.0 >> 24 & 0xFFF) as u16
    }

    /// The place in the reactor's table.
    pub fn index(self) -> u32 {
        (self.0 & 0xFF_FFFF) as u32
    }
}

impl fmt::Debug for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConnParts { gateway, reactor, slot, generation, index } = self.parts();
        write!(f, "g{gateway}.r{reactor}.s{}.{index}#{generation}", slot.0)
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Reads what [`fmt::Display`] writes: `g0.r1.s7.42#3`.
impl FromStr for ConnId {
    type Err = NoConnId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let mut parts = text.splitn(4, '.');
            let gateway = parts.next()?.strip_prefix('g')?.parse().ok()?;
            let reactor = parts.next()?.strip_prefix('r')?.parse().ok()?;
            let slot = Slot(parts.next()?.strip_prefix('s')?.parse().ok()?);
            let (index, generation) = parts.next()?.split_once('#')?;
            let (index, generation) = (index.parse().ok()?, generation.parse().ok()?);
            let parts = ConnParts { gateway, reactor, slot, generation, index };
            let id = Self::new(parts);
            // What does not fit its bits was cut off.
            (id.parts() == parts).then_some(id)
        };
        read().ok_or(NoConnId)
    }
}

/// A text names no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoConnId;

impl fmt::Display for NoConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is no connection (expected one like g0.r1.s7.42#3)")
    }
}

impl std::error::Error for NoConnId {}

/// One of the [`SLOTS`] partitions of the users. All sessions of a user are in one slot, and a slot has one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u16);

impl Slot {
    /// The slot of a user: FNV-1a (64 bits) of the uid's UTF-8 bytes, its two halves XORed, modulo 1024.
    pub fn of(uid: &str) -> Self {
        let hash = fnv1a(uid.as_bytes());
        Self(((hash ^ (hash >> 32)) % u64::from(SLOTS)) as u16)
    }

    /// Which of `shard_count` shards owns this slot.
    pub fn shard(self, shard_count: u32) -> u32 {
        u32::from(self.0) % shard_count.max(1)
    }
}

/// FNV-1a, 64 bits: offset basis and prime from the reference (<http://www.isthe.com/chongo/tech/comp/fnv/>).
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// Why a name was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// It has no bytes.
    Empty,
    /// It has more than [`NAME_BYTES_MAX`] bytes.
    TooLong,
    /// It has an ASCII control character, which would forge log lines.
    Control,
    /// A group's name does not begin with `g.`, or a conversation's with neither `g.` nor `s.`.
    Prefix,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong => write!(f, "is longer than {NAME_BYTES_MAX} bytes"),
            Self::Control => f.write_str("has a control character"),
            Self::Prefix => f.write_str("must begin with \"g.\" (a group) or \"s.\" (a single chat)"),
        }
    }
}

impl std::error::Error for NameError {}

fn check(name: &str) -> Result<(), NameError> {
    match name.len() {
        0 => Err(NameError::Empty),
        n if n > NAME_BYTES_MAX => Err(NameError::TooLong),
        _ if name.bytes().any(|b| b < 0x20 || b == 0x7F) => Err(NameError::Control),
        _ => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into()
            }
        }
    };
}

name! {
    /// A user: 1 to 64 bytes of UTF-8 without control characters.
    Uid
}
name! {
    /// One device of a user: 1 to 64 bytes of UTF-8 without control characters.
    DeviceId
}
name! {
    /// A conversation: `s.` and 22 characters for a single chat ([`ConversationId::single`]), `g.` and 1 to 62 bytes for a group.
    ConversationId
}

impl TryFrom<String> for Uid {
    type Error = NameError;
    fn try_from(name: String) -> Result<Self, NameError> {
        check(&name).map(|()| Self(name.into()))
    }
}

impl TryFrom<String> for DeviceId {
    type Error = NameError;
    fn try_from(name: String) -> Result<Self, NameError> {
        check(&name).map(|()| Self(name.into()))
    }
}

impl TryFrom<String> for ConversationId {
    type Error = NameError;
    fn try_from(name: String) -> Result<Self, NameError> {
        check(&name)?;
        match name.as_bytes() {
            [b's' | b'g', b'.', _, ..] => Ok(Self(name.into())),
            _ => Err(NameError::Prefix),
        }
    }
}

macro_rules! parse {
    ($($name:ident),*) => {$(
        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::try_from(name.to_owned())
            }
        }
    )*};
}
parse!(Uid, DeviceId, ConversationId);

impl ConversationId {
    /// The single chat of two users, the same whichever comes first: `s.` and the base64url (RFC 4648 section 5, no padding) of the first
    /// 16 bytes of SHA-256 over, for the smaller uid and then the larger by byte order, one byte of length and the uid.
    pub fn single(one: &Uid, other: &Uid) -> Self {
        use base64::Engine as _;
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        let mut hash = Sha256::new();
        for uid in [low, high] {
            hash.update([uid.0.len() as u8]);
            hash.update(uid.0.as_bytes());
        }
        let digest = hash.finalize();
        let mut name = String::with_capacity(2 + 22);
        name.push_str("s.");
        base64::prelude::BASE64_URL_SAFE_NO_PAD.encode_string(&digest[..16], &mut name);
        Self(name.into())
    }

    /// Whether this names a group.
    pub fn is_group(&self) -> bool {
        self.0.starts_with("g.")
    }
}

const _: () = assert!(NAME_BYTES_MAX <= u8::MAX as usize, "a name's length is hashed as one byte");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conn_id_gives_back_what_was_packed() {
        let parts = ConnParts {
            gateway: 0xABC,
            reactor: 0x3F,
            slot: Slot(1023),
            generation: 0xFFF,
            index: 0xFF_FFFF,
        };
        assert_eq!(ConnId::new(parts).parts(), parts);
        let small = ConnParts { gateway: 1, reactor: 2, slot: Slot(3), generation: 4, index: 5 };
        assert_eq!(ConnId::new(small).0, 0x0010_8030_0400_0005);
        assert_eq!(ConnId::new(small).to_string(), "g1.r2.s3.5#4");
        assert_eq!("g1.r2.s3.5#4".parse(), Ok(ConnId::new(small)));
        for text in ["", "g1.r2.s3.5", "g1.r2.s3.5#4096", "g1.r64.s3.5#4", "g1.r2.s1024.5#4", "1.2.3.4#5"] {
            assert_eq!(text.parse::<ConnId>(), Err(NoConnId), "{text}");
        }
    }

    #[test]
    fn the_slot_hash_is_the_documented_one() {
        // Test vectors of the FNV reference: fnv1a64("") and fnv1a64("foobar").
        assert_eq!(fnv1a(b""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_F739_67E8);
        // docs/wire.md prints these two.
        assert_eq!(Slot::of("alice"), Slot(956));
        assert_eq!(Slot::of("bob"), Slot(589));
    }

    #[test]
    fn slots_are_used_evenly() {
        let mut counts = vec![0u32; SLOTS as usize];
        (0..102_400).for_each(|n| counts[Slot::of(&format!("user-{n}")).0 as usize] += 1);
        assert!(counts.iter().all(|count| (50..=160).contains(count)));
    }

    #[test]
    fn a_single_chat_has_one_name_whoever_asks() {
        let (alice, bob): (Uid, Uid) = ("alice".parse().unwrap(), "bob".parse().unwrap());
        let id = ConversationId::single(&alice, &bob);
        assert_eq!(id, ConversationId::single(&bob, &alice));
        assert_eq!(id.as_str().len(), 24);
        assert!(!id.is_group());
        // The length byte keeps ("ab", "c") and ("a", "bc") apart.
        let of = |a: &str, b: &str| ConversationId::single(&a.parse().unwrap(), &b.parse().unwrap());
        assert_ne!(of("ab", "c"), of("a", "bc"));
    }

    #[test]
    fn names_are_refused_with_the_reason() {
        assert_eq!("".parse::<Uid>(), Err(NameError::Empty));
        assert_eq!("x".repeat(65).parse::<Uid>(), Err(NameError::TooLong));
        assert_eq!("a\nb".parse::<DeviceId>(), Err(NameError::Control));
        assert_eq!("club".parse::<ConversationId>(), Err(NameError::Prefix));
        assert_eq!("g.".parse::<ConversationId>(), Err(NameError::Prefix));
        assert!("g.club".parse::<ConversationId>().unwrap().is_group());
    }
}
