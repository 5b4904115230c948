//! Every limit, close reason, metric and test that docs/threats.md names is there, and every row has at least one test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proto::close::CloseReason;

const THREATS: &str = include_str!("../../docs/threats.md");
const LIMITS: &str = include_str!("../../proto/src/limits.rs");
const SETTINGS: &str = include_str!("../../docs/settings.toml");
const RUNBOOK: &str = include_str!("../../docs/runbook.md");

/// The words of a cell that are set as code.
fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn is_limit(name: &str) -> bool {
    LIMITS.contains(&format!("pub const {name}: ")) || SETTINGS.contains(&format!("\n#{name} = "))
}

/// Another test compares the runbook's metrics with those that there are.
fn is_seen(name: &str) -> bool {
    CloseReason::LABELS.contains(&name) || RUNBOOK.contains(&format!("\n| `{name}` |"))
}

/// The names of all tests in these folders of the repository.
fn tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<_> =
        ["proto/src", "reactor/src", "gateway/src", "fuzz", "tests"].map(|folder| root.join(folder)).into();
    let mut found = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(path).unwrap();
                let named = text.split("#[test]").skip(1).filter_map(|rest| {
                    let (_, rest) = rest.split_once("fn ")?;
                    Some(rest.split('(').next()?.to_owned())
                });
                found.extend(named);
            }
        }
    }
    found
}

#[test]
fn every_name_in_the_table_of_threats_exists() {
    let tests = tests();
    let rows = THREATS.lines().filter(|line| {
        line.starts_with("| ") && !line.starts_with("| attack |") && !line.starts_with("| --- |")
    });
    let mut count = 0;
    for row in rows {
        let [attack, limit, seen, by] = row.trim_matches('|').split(" | ").collect::<Vec<_>>()[..] else {
            panic!("not four columns: {row}");
        };
        for name in names(limit) {
            assert!(is_limit(name), "{attack}: there is no limit {name}");
        }
        for name in names(seen) {
            assert!(is_seen(name), "{attack}: there is no close reason and no metric {name}");
        }
        assert!(!names(by).is_empty(), "{attack}: no test performs it");
        for name in names(by) {
            assert!(tests.contains(name), "{attack}: there is no test {name}");
        }
        count += 1;
    }
    assert!(count >= 20, "the table was not found");
}
