//! Reads settings one by one from all sources: [`Reader`]. Owns the precedence, the bounds and unknown keys; leaves what a text
//! means to the value's type and the shape of the file to the document.

use std::fmt;
use std::ops::RangeInclusive;

use crate::Sources;
use crate::document::{self, Values, Written};
use crate::entry::{Entry, environment};
use crate::mistake::{Mistake, Mistakes, Place, nearest, unknown};
use crate::value::{Given, Setting};

/// The least and the greatest value that a setting may have.
pub struct Bounds<T> {
    low: T,
    high: T,
    hold: fn(&T, &T, &T) -> bool,
}

impl<T: Setting> fmt::Debug for Bounds<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.low.show(), self.high.show())
    }
}

/// The bounds that a declaration gives.
pub fn between<T: Setting + PartialOrd, G: Given<T>>(range: RangeInclusive<G>) -> Bounds<T> {
    let (low, high) = range.into_inner();
    Bounds { low: low.value(), high: high.value(), hold: |low, value, high| low <= value && value <= high }
}

/// Gives each field of a settings struct its value, and notes what is wrong.
#[derive(Debug)]
pub struct Reader<'a> {
    section: &'static str,
    flags: &'a [(&'a str, String)],
    environment: &'a [(String, String)],
    file: Values,
    file_name: &'a str,
    /// What was taken, with the place that its value came from.
    taken: Vec<(Entry, Place)>,
    mistakes: Vec<Mistake>,
}

impl<'a> Reader<'a> {
    /// Looks through the file for the section.
    pub fn new(section: &'static str, sources: &Sources<'a>) -> Self {
        let mut mistakes = Vec::new();
        let file = sources.file.map(|file| document::read(file, section, &mut mistakes)).unwrap_or_default();
        let Sources { flags, environment, .. } = *sources;
        let file_name = sources.file.map_or("", |file| file.name);
        Self { section, flags, environment, file, file_name, taken: Vec::new(), mistakes }
    }

    /// The value of a key: of the strongest source that has it. A mistake is noted in whatever source it is, and leaves the value as it was.
    pub fn take<T: Setting>(
        &mut self,
        key: &'static str,
        doc: &str,
        default: T,
        bounds: Option<Bounds<T>>,
        live: bool,
    ) -> T {
        let entry = Entry {
            section: self.section,
            key,
            kind: T::KIND,
            default: default.show(),
            range: bounds.as_ref().map(|bounds| (bounds.low.show(), bounds.high.show())),
            doc: doc.lines().map(str::trim).collect::<Vec<_>>().join("\n"),
            secret: T::SECRET,
            live,
        };
        let (mut value, mut place) = (default, Place::Default);
        for (found, written) in self.said(&entry) {
            match read(&written, bounds.as_ref()) {
                Ok(read) => (value, place) = (read, found),
                Err(reason) => self.wrong(found, key, reason),
            }
        }
        self.taken.push((entry, place));
        value
    }

    /// Everything that was said about a setting, the strongest last.
    fn said(&mut self, entry: &Entry) -> Vec<(Place, Written)> {
        let file = self
            .file
            .remove(entry.key)
            .map(|(line, written)| (Place::File(self.file_name.into(), line), written));
        let name = entry.environment();
        let variables = self.environment.iter().filter(|(said, _)| *said == name);
        let variables =
            variables.map(|(name, text)| (Place::Environment(name.clone()), Written::One(text.clone())));
        let flags = self.flags.iter().filter(|(key, _)| *key == entry.key);
        let flags =
            flags.map(|(_, text)| (Place::Flag(format!("--{}", entry.flag())), Written::One(text.clone())));
        file.into_iter().chain(variables).chain(flags).collect()
    }

    /// Ends the reading: `Ok` when nothing was wrong. `wrong` are complaints about keys whose values are each fine.
    pub fn finish(mut self, wrong: Vec<(&'static str, String)>) -> Result<(), Mistakes> {
        for (key, reason) in wrong {
            let place = self.taken.iter().find(|(entry, _)| entry.key == key).map(|(_, place)| place.clone());
            debug_assert!(place.is_some(), "a check complains about {key}, which is no setting");
            self.wrong(place.unwrap_or(Place::Default), key, reason);
        }
        self.note_unknown_keys();
        self.note_misspelt_variables();
        if self.mistakes.is_empty() {
            return Ok(());
        }
        self.mistakes.sort_by(|a, b| a.place.cmp(&b.place));
        Err(Mistakes(self.mistakes))
    }

    /// What can be set.
    pub fn into_entries(self) -> Vec<Entry> {
        self.taken.into_iter().map(|(entry, _)| entry).collect()
    }

    fn wrong(&mut self, place: Place, key: &str, reason: String) {
        self.mistakes.push(Mistake { place, key: format!("{}.{key}", self.section), reason });
    }

    fn note_unknown_keys(&mut self) {
        for (key, (line, _)) in std::mem::take(&mut self.file) {
            let reason = unknown("key", &key, self.taken.iter().map(|(entry, _)| entry.key));
            self.wrong(Place::File(self.file_name.into(), line), &key, reason);
        }
    }

    /// Of the unknown variables only those that look like a slip are mistakes: a service called `holdfast-gateway` has its orchestrator
    /// set `HOLDFAST_GATEWAY_SERVICE_HOST`, and that must not stop it.
    fn note_misspelt_variables(&mut self) {
        let prefix = environment(self.section, "");
        for (name, _) in self.environment {
            let Some(key) = name.strip_prefix(&prefix).map(str::to_lowercase) else { continue };
            let known = self.taken.iter().map(|(entry, _)| entry.key);
            let Some(near) = nearest(&key, known).filter(|near| *near != key) else { continue };
            let reason = format!("unknown; did you mean {}?", environment(self.section, near));
            self.wrong(Place::Environment(name.clone()), &key, reason);
        }
    }
}

/// The value of what was written, or a sentence on what is wrong with it.
fn read<T: Setting>(written: &Written, bounds: Option<&Bounds<T>>) -> Result<T, String> {
    let value = match written {
        Written::One(text) => T::parse(text),
        Written::Many(items) => T::parse_list(items),
        Written::Nested => return Err("is a table or holds one (expected plain values)".into()),
    };
    let value = value.and_then(|value| match bounds {
        Some(Bounds { low, high, hold }) if !hold(low, &value, high) => {
            Err(format!("is not between {} and {}", low.show(), high.show()))
        }
        _ => Ok(value),
    });
    value.map_err(|reason| match written {
        Written::One(text) if !T::SECRET => format!("{text:?} {reason}"),
        Written::Many(items) if !T::SECRET => format!("{items:?} {reason}"),
        _ => format!("the value {reason}"),
    })
}
