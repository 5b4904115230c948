//! A TOML file as one section's values with their lines. Owns what may stand in the file outside of the values: sections,
//! syntax; leaves the keys and the values to the reader. The only file that knows the TOML library.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use crate::File;
use crate::mistake::{Mistake, Place, unknown};

/// A value as it was written.
#[derive(Clone, Debug)]
pub(crate) enum Written {
    /// A scalar.
    One(String),
    /// A list of scalars.
    Many(Vec<String>),
    /// Something deeper, which no setting takes.
    Nested,
}

/// The values of one section, by key, each with its line.
pub(crate) type Values = BTreeMap<String, (usize, Written)>;

/// Reads the file: the values of `section`, and what is wrong with the rest.
pub(crate) fn read(file: File<'_>, section: &str, mistakes: &mut Vec<Mistake>) -> Values {
    let (root, errors) = DeTable::parse_recoverable(file.text);
    let line = |at: usize| 1 + file.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count();
    let mut wrong = |at: usize, key: String, reason: String| {
        mistakes.push(Mistake { place: Place::File(file.name.into(), line(at)), key, reason });
    };
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        wrong(at, String::new(), error.message().replace('\n', " "));
    }
    let sections = || std::iter::once(section).chain(file.other_sections.iter().copied());
    let mut values = Values::new();
    for (name, value) in root.get_ref() {
        let (name, at) = (name.get_ref().as_ref(), name.span().start);
        match value.get_ref() {
            DeValue::Table(table) if name == section => {
                values = table
                    .iter()
                    .map(|(key, value)| {
                        (key.get_ref().to_string(), (line(key.span().start), written(value.get_ref())))
                    })
                    .collect();
            }
            DeValue::Table(_) if sections().any(|known| known == name) => {}
            DeValue::Table(_) => wrong(at, String::new(), unknown("section", name, sections())),
            _ if sections().any(|known| known == name) => {
                wrong(at, String::new(), format!("{name:?} is no section (expected [{name}])"));
            }
            _ => wrong(at, String::new(), format!("{name:?} stands outside of a section like [{section}]")),
        }
    }
    values
}

fn written(value: &DeValue<'_>) -> Written {
    let texts = match value {
        DeValue::Array(items) => {
            items.iter().map(|item| scalar(item.get_ref())).collect::<Option<_>>().map(Written::Many)
        }
        value => scalar(value).map(Written::One),
    };
    texts.unwrap_or(Written::Nested)
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(number) => {
            let plain = i128::from_str_radix(number.as_str(), number.radix()).ok();
            Some(plain.map_or_else(|| number.to_string(), |number| number.to_string()))
        }
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(value) => Some(value.to_string()),
        DeValue::Datetime(moment) => Some(moment.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
