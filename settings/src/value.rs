//! What a setting can be: [`Setting`], with the types that most parts need. Owns their spelling and what is said of a bad one; leaves
//! where a text came from to [`crate::Reader`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A type whose values can be written as text. A crate adds its own by implementing this.
///
/// The error of a reading completes the sentence `"text" …`, as in `is no address (expected host:port)`, and never repeats the text,
/// which may be a secret.
pub trait Setting: Sized + 'static {
    /// What `--help` and the reference call a value of this type, in capitals.
    const KIND: &'static str;

    /// Whether a value must never be printed.
    const SECRET: bool = false;

    /// Reads one value.
    fn parse(text: &str) -> Result<Self, String>;

    /// Reads a list, as only a file can write one.
    fn parse_list(_items: &[String]) -> Result<Self, String> {
        Err("is a list (expected one value)".into())
    }

    /// Writes the value so that [`Setting::parse`] gives it back.
    fn show(&self) -> String;
}

/// What can stand for a `T` in a declaration: a `T`, or text that reads as one.
pub trait Given<T> {
    /// The value.
    ///
    /// # Panics
    /// When the text does not read as a `T`: the declaration is wrong, and any test that makes the default settings finds it.
    fn value(self) -> T;
}

impl<T: Setting> Given<T> for T {
    fn value(self) -> T {
        self
    }
}

impl<T: Setting> Given<T> for &'static str {
    fn value(self) -> T {
        T::parse(self).unwrap_or_else(|reason| panic!("declared {self:?} {reason}"))
    }
}

impl<T: Setting, const N: usize> Given<Vec<T>> for [&'static str; N] {
    fn value(self) -> Vec<T> {
        self.map(Given::value).into()
    }
}

macro_rules! whole_numbers {
    ($($number:ty),+) => {$(
        impl Setting for $number {
            const KIND: &'static str = "NUMBER";

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!("is no whole number from 0 to {}", Self::MAX))
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )+};
}
whole_numbers!(u8, u16, u32, u64, usize);

macro_rules! as_the_library_reads {
    ($($type:ty, $kind:literal, $expected:literal;)+) => {$(
        impl Setting for $type {
            const KIND: &'static str = $kind;

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| $expected.into())
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )+};
}
as_the_library_reads! {
    SocketAddr, "ADDRESS", "is no address (expected host:port, the host as a number)";
    bool, "BOOL", "is neither true nor false";
    String, "TEXT", "is no text";
}

impl Setting for PathBuf {
    const KIND: &'static str = "PATH";

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("is no path".into()) } else { Ok(text.into()) }
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

/// Nothing is written as empty text.
impl<T: Setting> Setting for Option<T> {
    const KIND: &'static str = T::KIND;
    const SECRET: bool = T::SECRET;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::parse(text).map(Some) }
    }

    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }
}

/// Items stand between commas; a file may write a list instead.
impl<T: Setting> Setting for Vec<T> {
    const KIND: &'static str = "LIST";
    const SECRET: bool = T::SECRET;

    fn parse(text: &str) -> Result<Self, String> {
        let items = text.split(',').map(|item| item.trim().to_owned());
        Self::parse_list(&items.filter(|item| !item.is_empty()).collect::<Vec<_>>())
    }

    fn parse_list(items: &[String]) -> Result<Self, String> {
        let item = |(index, text): (usize, &String)| {
            T::parse(text).map_err(|reason| format!("has an item (number {}) that {reason}", index + 1))
        };
        items.iter().enumerate().map(item).collect()
    }

    fn show(&self) -> String {
        self.iter().map(T::show).collect::<Vec<_>>().join(",")
    }
}

const DURATION_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Whole milliseconds, written with the largest unit that fits: `250ms`, `10s`, `2m`, `24h`, `7d`.
impl Setting for Duration {
    const KIND: &'static str = "DURATION";

    fn parse(text: &str) -> Result<Self, String> {
        let expected = "is no duration (expected a number with ms, s, m, h or d, like 10s)";
        scaled(text, &DURATION_UNITS).map(Self::from_millis).ok_or_else(|| expected.into())
    }

    fn show(&self) -> String {
        unscaled(self.as_millis() as u64, &DURATION_UNITS).unwrap_or_else(|| "0s".into())
    }
}

/// A number of bytes, written `65536`, `64KiB`, `16MiB` or `1GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub usize);

const SIZE_UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)];

impl Setting for ByteSize {
    const KIND: &'static str = "SIZE";

    fn parse(text: &str) -> Result<Self, String> {
        let bytes = scaled(text, &SIZE_UNITS).and_then(|bytes| usize::try_from(bytes).ok());
        bytes.map(Self).ok_or_else(|| "is no size (expected bytes, or a number with KiB, MiB or GiB)".into())
    }

    fn show(&self) -> String {
        unscaled(self.0 as u64, &SIZE_UNITS).unwrap_or_else(|| "0".into())
    }
}

/// Reads a whole number and its unit.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Writes a number with the largest unit that divides it; `None` for zero, which every unit divides.
fn unscaled(number: u64, units: &[(&str, u64)]) -> Option<String> {
    let (name, factor) = units.iter().find(|(_, factor)| number != 0 && number.is_multiple_of(*factor))?;
    Some(format!("{}{name}", number / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn both_ways<T: Setting + PartialEq + std::fmt::Debug>(text: &str, value: T) {
        assert_eq!(T::parse(text).as_ref(), Ok(&value));
        assert_eq!(value.show(), text);
    }

    #[test]
    fn values_are_shown_as_they_are_read() {
        both_ways("127.0.0.1:0", SocketAddr::from(([127, 0, 0, 1], 0)));
        both_ways("64", 64u32);
        both_ways("true", true);
        both_ways("250ms", Duration::from_millis(250));
        both_ways("90s", Duration::from_secs(90));
        both_ways("2m", Duration::from_mins(2));
        both_ways("7d", Duration::from_hours(7 * 24));
        both_ways("0s", Duration::ZERO);
        both_ways("64KiB", ByteSize(65_536));
        both_ways("1000", ByteSize(1000));
        both_ways("0", ByteSize(0));
        both_ways("a,b", vec!["a".to_owned(), "b".to_owned()]);
        both_ways("", Vec::<String>::new());
        both_ways("", None::<PathBuf>);
        both_ways("data", Some(PathBuf::from("data")));
    }

    #[test]
    fn what_is_no_value_says_what_was_expected() {
        assert_eq!(u8::parse("-1"), Err("is no whole number from 0 to 255".into()));
        for text in ["", "10", "s", "1.5s", "10 parsecs", "99999999999999999999s", "999999999999999999d"] {
            assert!(Duration::parse(text).unwrap_err().starts_with("is no duration"), "{text}");
        }
        for text in ["", "KiB", "1KB", "-1", "99999999999GiB"] {
            assert!(ByteSize::parse(text).unwrap_err().starts_with("is no size"), "{text}");
        }
        assert_eq!(
            Vec::<u8>::parse("1,x"),
            Err("has an item (number 2) that is no whole number from 0 to 255".into())
        );
    }
}
