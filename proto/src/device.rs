//! The classes that devices fall into: [`DeviceClass`]. Owns their names; how many devices of a class a user may have at a time is the state server's policy.

use std::fmt;
use std::str::FromStr;

/// What kind of device a token was issued for: its claim `cls`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DeviceClass {
    /// The token does not say, or says something that is not known here.
    #[default]
    Other = 0,
    /// A phone.
    Phone = 1,
    /// A tablet.
    Tablet = 2,
    /// A desktop or a laptop.
    Desktop = 3,
    /// A tab of a browser.
    Web = 4,
}

impl DeviceClass {
    /// All classes, by their number.
    pub const ALL: [Self; 5] = [Self::Other, Self::Phone, Self::Tablet, Self::Desktop, Self::Web];

    /// Its name in tokens, settings and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Phone => "phone",
            Self::Tablet => "tablet",
            Self::Desktop => "desktop",
            Self::Web => "web",
        }
    }

    /// Its place in [`DeviceClass::ALL`].
    pub fn ordinal(self) -> usize {
        usize::from(self as u8)
    }

    /// The class with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl fmt::Display for DeviceClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl FromStr for DeviceClass {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|class| class.label() == text);
        known.ok_or("is no class of devices (expected other, phone, tablet, desktop or web)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back() {
        for class in DeviceClass::ALL {
            assert_eq!(class.label().parse(), Ok(class));
            assert_eq!(DeviceClass::from_number(class as u8), Some(class));
            assert_eq!(DeviceClass::ALL[class.ordinal()], class);
        }
        assert!("watch".parse::<DeviceClass>().is_err() && DeviceClass::from_number(5).is_none());
    }
}
