//! What to log: [`LogFilter`]. Owns the spelling; leaves the logging to the binary.

use std::fmt;

use crate::value::Setting;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A level (`info`), or levels for the parts of the program that a path names (`info,gateway=debug,gateway::trace=off`). Empty says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// The filter as it was written; `None` if it says nothing.
    pub fn text(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|text| !text.is_empty())
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Setting for LogFilter {
    const KIND: &'static str = "FILTER";

    fn parse(text: &str) -> Result<Self, String> {
        let is_level = |text: &str| LEVELS.iter().any(|level| text.eq_ignore_ascii_case(level));
        let is_path = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:-".contains(&b))
        };
        let is_part = |part: &str| match part.split_once('=') {
            Some((path, level)) => is_path(path) && is_level(level),
            None => is_level(part),
        };
        if text.is_empty() || text.split(',').all(is_part) {
            return Ok(Self(text.into()));
        }
        Err(format!(
            "is no filter (expected one of {}, or PATH=LEVEL, with commas between)",
            LEVELS.join(", ")
        ))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_levels_with_or_without_the_parts_they_are_for() {
        for text in ["", "info", "INFO", "warn,gateway=debug", "gateway::trace=off,state=trace"] {
            assert_eq!(LogFilter::parse(text).map(|filter| filter.show()), Ok(text.to_owned()));
        }
        for text in ["loud", "gateway=loud", "=info", "info,", "gateway", "a b=info"] {
            assert!(LogFilter::parse(text).unwrap_err().starts_with("is no filter"), "{text}");
        }
    }
}
