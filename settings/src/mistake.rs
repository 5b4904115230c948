//! What is wrong and where it was said: [`Mistake`], [`Place`], [`Mistakes`]. Owns the wording; leaves finding them to the reader.

use std::fmt;

/// Where something was said. Ordered as a list of mistakes is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a file, on a line counted from 1.
    File(String, usize),
    /// In an environment variable of this name.
    Environment(String),
    /// On the command line, by this flag with its dashes.
    Flag(String),
    /// Nowhere: it is the default.
    Default,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it was said.
    pub place: Place,
    /// The section and key, `gateway.listen`; empty where there is none.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, key, reason } = self;
        match place {
            Place::File(name, line) if key.is_empty() => write!(f, "{name}:{line}: {reason}"),
            Place::File(name, line) => write!(f, "{name}:{line}: {key}: {reason}"),
            Place::Environment(name) => write!(f, "environment {name}: {reason}"),
            Place::Flag(flag) => write!(f, "{flag}: {reason}"),
            Place::Default => write!(f, "default of {key}: {reason}"),
        }
    }
}

/// Everything that is wrong, one line each, in the order of [`Place`]. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Mistake::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Mistakes {}

/// Says that a name is not known, and which one was probably meant.
pub(crate) fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(name, known.clone()) {
        Some(near) => format!("unknown {what} {name:?}; did you mean {near:?}?"),
        None => format!("unknown {what} {name:?}; known are {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// The known name that a slip of the fingers could have turned into `name`: at most a third of it differs.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bound = (name.chars().count() / 3).max(1);
    let near = known.map(|known| (edits(name, known), known)).filter(|(edits, _)| *edits <= bound);
    near.min_by_key(|(edits, _)| *edits).map(|(_, known)| known)
}

/// How many letters must be put in, taken out or exchanged to make `to` of `from` (Levenshtein), one row of the table at a time.
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.chars().enumerate() {
            let exchanged = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = exchanged.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.chars().count()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (from, to, count) in [("", "abc", 3), ("kitten", "sitting", 3), ("listen", "listen", 0)] {
            assert_eq!(edits(from, to), count);
            assert_eq!(edits(to, from), count);
        }
    }

    #[test]
    fn only_a_slip_is_taken_for_a_known_name() {
        let known = ["listen", "reactors"];
        assert_eq!(nearest("lisen", known.into_iter()), Some("listen"));
        assert_eq!(nearest("reactor", known.into_iter()), Some("reactors"));
        assert_eq!(nearest("service_host", known.into_iter()), None);
        assert_eq!(nearest("", known.into_iter()), None);
    }
}
