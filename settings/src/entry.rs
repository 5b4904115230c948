//! What can be set, as data: [`Entry`]. Owns the names of a setting on the command line and in the environment, and the
//! reference; leaves the values to the reader.

use std::fmt::Write as _;

/// The prefix of every environment variable.
pub(crate) const ENVIRONMENT_PREFIX: &str = "HOLDFAST_";

/// One setting, as help texts and the reference describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its section in a file.
    pub section: &'static str,
    /// Its key there.
    pub key: &'static str,
    /// What its values are, in capitals.
    pub kind: &'static str,
    /// The default as text.
    pub default: String,
    /// The least and the greatest value as text, where they are bounded.
    pub range: Option<(String, String)>,
    /// What it means, one line per line of the declaration.
    pub doc: String,
    /// Whether its value must never be shown.
    pub secret: bool,
}

impl Entry {
    /// The flag, without dashes: `handshake-deadline`.
    pub fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    /// The environment variable: `HOLDFAST_GATEWAY_HANDSHAKE_DEADLINE`.
    pub fn environment(&self) -> String {
        environment(self.section, self.key)
    }

    /// The documentation with default and range, as `--help` shows it.
    pub fn help(&self) -> String {
        let mut notes = Vec::new();
        if let Some((low, high)) = &self.range {
            notes.push(format!("{low} to {high}"));
        }
        if !self.secret && !self.default.is_empty() {
            notes.push(format!("default {}", self.default));
        }
        let doc = self.doc.replace('\n', " ");
        if notes.is_empty() { doc } else { format!("{doc} [{}]", notes.join(", ")) }
    }

    fn default_in_toml(&self) -> String {
        let default = if self.secret { "" } else { &self.default };
        match self.kind {
            "NUMBER" | "BOOL" => default.to_owned(),
            "LIST" => format!("{:?}", default.split(',').filter(|item| !item.is_empty()).collect::<Vec<_>>()),
            _ => format!("{default:?}"),
        }
    }
}

/// The name of a key in the environment.
pub(crate) fn environment(section: &str, key: &str) -> String {
    format!("{ENVIRONMENT_PREFIX}{section}_{key}").to_uppercase()
}

/// The section as a TOML file in which every key is commented out and has its default.
pub fn reference(entries: &[Entry]) -> String {
    let mut text = entries.first().map(|entry| format!("[{}]\n", entry.section)).unwrap_or_default();
    for entry in entries {
        let range = entry.range.iter().map(|(low, high)| format!("{low} to {high}."));
        for line in entry.doc.lines().map(str::to_owned).chain(range) {
            let _ = writeln!(text, "# {line}");
        }
        let _ = writeln!(text, "#{} = {}\n", entry.key, entry.default_in_toml());
    }
    text
}
