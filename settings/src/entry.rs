//! What can be set, as data: [`Entry`]. Owns the names of a setting on the command line and in the environment, and the
//! reference; leaves the values to the reader.

use std::fmt::Write as _;

use crate::Settings;

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
    /// Whether a running server takes on another value when it reads its settings again.
    pub live: bool,
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

    fn in_toml(&self, value: &str) -> String {
        match self.kind {
            "NUMBER" | "BOOL" => value.to_owned(),
            "LIST" => format!("{:?}", value.split(',').filter(|item| !item.is_empty()).collect::<Vec<_>>()),
            _ => format!("{value:?}"),
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
        let live = entry.live.then(|| "Read again on SIGHUP.".to_owned());
        for line in entry.doc.lines().map(str::to_owned).chain(range).chain(live) {
            let _ = writeln!(text, "# {line}");
        }
        let default = if entry.secret { "" } else { &entry.default };
        let _ = writeln!(text, "#{} = {}\n", entry.key, entry.in_toml(default));
    }
    text
}

/// The section as a TOML file that gives every key the value it has, but for secrets, of which only is told whether there is one.
pub fn effective<S: Settings>(settings: &S) -> String {
    let mut text = format!("[{}]\n", S::SECTION);
    for (entry, (key, value)) in S::entries().iter().zip(settings.values()) {
        let _ = match (entry.secret, value.is_empty()) {
            (true, false) => writeln!(text, "# {key} is set, and secret."),
            _ => writeln!(text, "{key} = {}", entry.in_toml(&value)),
        };
    }
    text
}
