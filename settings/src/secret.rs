//! [`Secret`]: a setting that is used and never shown. Owns the redaction; what is secret is said by the type in the declaration.

use std::fmt;

use crate::value::Setting;

/// A value that no log, help text or mistake repeats.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, to be used.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl<T: Setting> Setting for Secret<T> {
    const KIND: &'static str = T::KIND;
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        T::parse(text).map(Self)
    }

    fn parse_list(items: &[String]) -> Result<Self, String> {
        T::parse_list(items).map(Self)
    }

    fn show(&self) -> String {
        self.0.show()
    }
}
