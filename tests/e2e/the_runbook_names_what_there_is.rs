//! docs/runbook.md has a row for each metric of each server and each close reason, and none for what does not exist.

use std::collections::BTreeSet;

use proto::close::CloseReason;

use crate::cluster::Cluster;
use crate::metrics::ask;

const RUNBOOK: &str = include_str!("../../docs/runbook.md");

#[test]
fn every_metric_and_every_close_reason_has_its_row() {
    let cluster = Cluster::start();
    for (server, admin, section) in [
        (&cluster.gateway, "admin", "## Metrics of the gateway"),
        (&cluster.state, "admin", "## Metrics of the state server"),
        (&cluster.logic, "http", "## Metrics of the logic server"),
    ] {
        let page = ask(server.address(admin), "GET", "/metrics");
        let metrics: BTreeSet<_> =
            page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        assert_eq!(rows(section), metrics);
    }
    assert_eq!(rows("## Why connections end"), CloseReason::LABELS.iter().copied().collect());
}

/// The names in the first column of a section's table.
fn rows(section: &str) -> BTreeSet<&'static str> {
    let (_, text) = RUNBOOK.split_once(section).expect("the section is there");
    let text = text.split("\n## ").next().unwrap_or_default();
    text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect()
}
