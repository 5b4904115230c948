//! Tokens that somebody made up, for the fuzzer and for the test that replays its corpus (`fuzz/corpus/token`). Compiled for tests and under the feature
//! `fuzz` only.

use proto::time::Now;

use super::{KeySpec, Keys};

/// The secret that the corpus's good tokens are signed with. It is no secret.
const SPEC: &str = "fuzz:HS256:base64:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A token is refused or it is for this user and device; a text that is read as a key is shown as it was read.
pub fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let key = KeySpec::parse(SPEC).and_then(|spec| spec.key(b"")).expect("a good key");
    let (uid, device) = ("alice".parse().expect("a name"), "phone".parse().expect("a name"));
    let now = Now { mono_ms: 0, unix_ms: 1_000_000 };
    let _ = Keys::new("holdfast", vec![key]).check(text, &uid, &device, now);
    if let Ok(spec) = KeySpec::parse(text) {
        let shown = spec.to_text();
        assert_eq!(KeySpec::parse(&shown).map(|spec| spec.to_text()).ok(), Some(shown));
        let _ = spec.key(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn the_corpus_is_replayed_with_all_beginnings_of_its_inputs() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/token");
        let mut inputs = 0;
        for input in fs::read_dir(folder).unwrap() {
            let bytes = fs::read(input.unwrap().path()).unwrap();
            (0..=bytes.len()).for_each(|end| super::token(&bytes[..end]));
            inputs += 1;
        }
        assert!(inputs > 0, "there are no inputs");
    }
}
