//! UTF-8 checked as it arrives: a text may be cut anywhere, also inside a character. Owns the carried bytes of a cut character; the text
//! itself is the caller's.

/// Whether a whole text is UTF-8.
#[inline]
pub fn is_utf8(text: &[u8]) -> bool {
    simdutf8::basic::from_utf8(text).is_ok()
}

/// Not UTF-8, whatever may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Invalid;

/// The check of one text. It carries at most three bytes: a character that has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Utf8 {
    carried: [u8; 3],
    length: u8,
}

impl Utf8 {
    /// Nothing has come yet.
    pub(super) const fn new() -> Self {
        Self { carried: [0; 3], length: 0 }
    }

    /// The beginning of a character.
    pub(super) fn carried(&self) -> &[u8] {
        &self.carried[..usize::from(self.length)]
    }

    /// A text that was cut inside a character, of which this has come; `None` if no character begins so.
    pub(super) fn begun(carried: &[u8]) -> Option<Self> {
        let mut text = Self::new();
        text.feed(carried).ok().filter(|()| text.length as usize == carried.len())?;
        Some(text)
    }

    /// Checks the next bytes of the text.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), Invalid> {
        let bytes = if self.length == 0 { bytes } else { self.complete(bytes)? };
        let (whole, begun) = bytes.split_at(bytes.len() - begun_at_end(bytes));
        simdutf8::basic::from_utf8(whole).map_err(|_| Invalid)?;
        if !begun.is_empty() {
            may_become_a_character(begun)?;
            self.carried[..begun.len()].copy_from_slice(begun);
            self.length = begun.len() as u8;
        }
        Ok(())
    }

    /// Whether the text may end here: no character is cut.
    pub(super) fn is_complete(self) -> bool {
        self.length == 0
    }

    /// Leads the carried character to its end and returns what follows it.
    fn complete<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Invalid> {
        let carried = usize::from(self.length);
        let taken = bytes.len().min(character_bytes(self.carried[0]) - carried);
        let mut character = [0; 4];
        character[..carried].copy_from_slice(&self.carried[..carried]);
        character[carried..carried + taken].copy_from_slice(&bytes[..taken]);
        let there = &character[..carried + taken];
        if there.len() < character_bytes(there[0]) {
            may_become_a_character(there)?;
            self.carried[..there.len()].copy_from_slice(there);
            self.length = there.len() as u8;
        } else {
            std::str::from_utf8(there).map_err(|_| Invalid)?;
            self.length = 0;
        }
        Ok(&bytes[taken..])
    }
}

/// How many bytes at the end are the beginning of a longer character.
fn begun_at_end(bytes: &[u8]) -> usize {
    let lead = bytes.iter().rev().take(3).position(|byte| byte & 0xC0 != 0x80);
    match lead {
        Some(behind) if character_bytes(bytes[bytes.len() - 1 - behind]) > behind + 1 => behind + 1,
        _ => 0,
    }
}

/// The length of a character, by its first byte; 1 for a byte that begins none.
fn character_bytes(lead: u8) -> usize {
    match lead {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 1,
    }
}

/// A cut character may be wrong already: `E0 80` and `F4 90` lead nowhere.
fn may_become_a_character(begun: &[u8]) -> Result<(), Invalid> {
    match std::str::from_utf8(begun) {
        Err(error) if error.error_len().is_none() => Ok(()),
        _ => Err(Invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First and last of each length, both sides of each hole, and what is never UTF-8.
    const TRICKY: &[&[u8]] = &[
        b"",
        b"\x00",
        b"\x7F",
        b"\xC2\x80",
        b"\xDF\xBF",
        b"\xE0\xA0\x80",
        b"\xED\x9F\xBF",
        b"\xEE\x80\x80",
        b"\xEF\xBF\xBF",
        b"\xF0\x90\x80\x80",
        b"\xF4\x8F\xBF\xBF",
        b"\x80",
        b"\xBF",
        b"\xC0\x80",
        b"\xC1\xBF",
        b"\xE0\x9F\xBF",
        b"\xED\xA0\x80",
        b"\xED\xBF\xBF",
        b"\xF0\x8F\xBF\xBF",
        b"\xF4\x90\x80\x80",
        b"\xF5\x80\x80\x80",
        b"\xFF",
        b"\xC2",
        b"\xE2\x82",
        b"\xF0\x9F\x92",
        b"\xC3\x28",
        b"\xE2\x28\xA1",
        b"\xF0\x28\x8C\xBC",
    ];

    fn is_text(pieces: &[&[u8]]) -> bool {
        let mut check = Utf8::new();
        pieces.iter().all(|piece| check.feed(piece).is_ok()) && check.is_complete()
    }

    #[test]
    fn every_cut_of_every_tricky_pair_agrees_with_the_standard_library() {
        for first in TRICKY {
            for second in TRICKY {
                let text = [b"a", *first, *second, b"z"].concat();
                let expected = std::str::from_utf8(&text).is_ok();
                for one in 0..=text.len() {
                    for two in one..=text.len() {
                        let pieces = [&text[..one], &text[one..two], &text[two..]];
                        assert_eq!(is_text(&pieces), expected, "{pieces:x?}");
                    }
                }
                assert_eq!(is_text(&text.chunks(1).collect::<Vec<_>>()), expected, "{text:x?}");
            }
        }
    }

    #[test]
    fn what_leads_nowhere_is_found_at_the_first_byte_that_says_so() {
        for text in TRICKY {
            let mut check = Utf8::new();
            for (index, byte) in text.iter().enumerate() {
                let hopeless = matches!(
                    std::str::from_utf8(&text[..=index]),
                    Err(error) if error.error_len().is_some()
                );
                assert_eq!(check.feed(&[*byte]).is_err(), hopeless, "{text:x?} at {index}");
                if hopeless {
                    break;
                }
            }
        }
    }
}
