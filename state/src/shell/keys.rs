//! Reads the keys that the configuration names. Owns the files; what is in them is judged in [`crate::token`].

use std::fs;

use crate::token::{Key, KeySource, KeySpec};

/// The keys, and what is wrong with those that cannot be used.
pub(crate) fn load(specs: &[KeySpec]) -> (Vec<Key>, Vec<String>) {
    let (mut keys, mut unusable) = (Vec::new(), Vec::new());
    for spec in specs {
        match read(spec) {
            Ok(key) => keys.push(key),
            Err(text) => unusable.push(format!("has a key {:?} that {text}", spec.kid)),
        }
    }
    (keys, unusable)
}

fn read(spec: &KeySpec) -> Result<Key, String> {
    let KeySource::File(path) = &spec.source else {
        return spec.key(&[]).map_err(|error| error.to_string());
    };
    let file = fs::read(path)
        .map_err(|error| format!("is in a file that cannot be read: {}: {error}", path.display()))?;
    spec.key(&file).map_err(|error| format!("{error} ({})", path.display()))
}
