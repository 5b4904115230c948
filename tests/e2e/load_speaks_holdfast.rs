//! `holdfast load` against the three servers: users log in, chat, are told things in groups, lose their connections; and whatever was done to the servers,
//! nothing is lost, doubled or out of order.

use serde_json::Value;

use crate::holdfast::{Holdfast, run};

struct Servers {
    dev: Holdfast,
    folder: tempfile::TempDir,
}

impl Servers {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dev = Holdfast::start(&["dev", "--any-port", "--data", folder.path().to_str().unwrap()]);
        Self { dev, folder }
    }

    /// The report of a run that went well, but for the tool perhaps being late on a busy machine.
    fn load(&self, arguments: &[&str]) -> Value {
        let data = self.folder.path().to_str().unwrap();
        let output = run(&[&["load"], arguments, &["--json", "--data", data]].concat());
        assert!([Some(0), Some(3)].contains(&output.status.code()), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["faults"], serde_json::json!([]), "{report}");
        report
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.dev.address(&["gateway", "listen"]))
    }
}

/// What was counted in a part while messages were sent.
fn count(report: &Value, part: usize, what: &str) -> u64 {
    report["parts"][part]["run"]["counts"][what].as_u64().unwrap()
}

#[test]
fn users_chat_are_told_things_and_come_back() {
    let servers = Servers::start();
    let (ws, tcp) = (servers.url("ws"), servers.url("tcp"));
    for form in ["proto", "json"] {
        let report =
            servers.load(&["chat", &ws, "--pairs", "5", "--rate", "50", "--duration", "1s", "--form", form]);
        assert_eq!(
            ["sent", "answered", "delivered"].map(|what| count(&report, 0, what)),
            [50; 3],
            "{report}"
        );
    }
    let storm = ["storm", &tcp, "--pairs", "5", "--rate", "40", "--duration", "2s", "--every", "1s"];
    let report = servers.load(&[&storm[..], &["--share", "0.5", "--patience", "30s"]].concat());
    assert_eq!((count(&report, 0, "resumed"), count(&report, 0, "disconnects")), (10, 0), "{report}");
    assert_eq!(count(&report, 0, "delivered"), 80);
    let fanout =
        ["fanout", &ws, "--groups", "2", "--group-size", "20", "--duration", "900ms", "--every", "300ms"];
    let report = servers.load(&fanout);
    assert_eq!((count(&report, 0, "sent"), count(&report, 0, "delivered")), (6, 6 * 19), "{report}");
    assert_eq!(report["parts"][0]["run"]["times"]["round"]["count"], 3, "{report}");
    let groups = ["groups", &tcp, "--groups", "4", "--group-size", "5", "--rate", "20", "--duration", "1s"];
    let report = servers.load(&[&groups[..], &["--workers", "2"]].concat());
    assert_eq!((count(&report, 0, "sent"), count(&report, 0, "delivered")), (20, 80), "{report}");
}

#[test]
fn a_file_puts_scenarios_together_and_those_who_do_not_read_harm_nobody() {
    let servers = Servers::start();
    let file = servers.folder.path().join("scenario.toml");
    let text = format!(
        "url = '{}'\nduration = '2s'\npatience = '30s'\n[[part]]\nscenario = 'slow'\npairs = 4\nslow_pairs = 2\nrate = 40\nevery = '2s'\nstall = '600ms'\n[[part]]\nscenario = 'idle'\nlogin = true\nconnections = 10\n",
        servers.url("ws")
    );
    std::fs::write(&file, text).unwrap();
    let report = servers.load(&["mixed", file.to_str().unwrap()]);
    assert_eq!((&report["connected"], &report["connected_at_the_end"]), (&22.into(), &22.into()), "{report}");
    assert_eq!((count(&report, 0, "delivered"), count(&report, 1, "delivered")), (80, 40), "{report}");
    std::fs::write(&file, "[[part]]\nscenario = 'chat'\npears = 3\n").unwrap();
    let output = run(&["load", "mixed", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("scenario.toml:3: unexpected argument '--pears'"), "{said}");
}
