//! Two saved reports side by side. Owns which figures are compared and how a difference is shown; judges nothing.

use std::fmt::Write as _;

use serde_json::Value;

/// Figures of a timing that are compared.
const SHARES: [&str; 5] = ["p50", "p90", "p99", "p99.9", "max"];

/// A table of what both have; parts are those of the same name.
///
/// # Errors
/// When one of them is no report.
pub fn compare(before: &Value, after: &Value) -> Result<String, String> {
    for (report, which) in [(before, "first"), (after, "second")] {
        if report["version"] != 1 || !report["parts"].is_array() {
            return Err(format!(
                "the {which} file is no report of `holdfast load` (or one of another version)"
            ));
        }
    }
    let mut table = String::new();
    let line = |table: &mut String, name: &str, cells: [&str; 3]| {
        let [one, other, change] = cells;
        let _ = writeln!(table, "{name:<36} {one:>14} {other:>14} {change:>9}");
    };
    line(&mut table, "", ["first", "second", "change"]);
    let mut row = |name: &str, one: &Value, other: &Value| {
        if let (Some(one), Some(other)) = (one.as_f64(), other.as_f64())
            && (one != 0.0 || other != 0.0)
        {
            line(&mut table, name, [&figure(one), &figure(other), &change(one, other)]);
        }
    };
    for name in ["connected", "ramp_ms", "rate", "kernel_bytes_per_connection"] {
        row(name, &before[name], &after[name]);
    }
    let named = |list: &Value, name: &Value| {
        list.as_array().into_iter().flatten().find(|member| &member["name"] == name).cloned()
    };
    for process in before["processes"].as_array().into_iter().flatten() {
        let Some(other) = named(&after["processes"], &process["name"]) else { continue };
        for figure in ["cpu_seconds", "bytes_per_connection"] {
            let name = process["name"].as_str().unwrap_or_default();
            row(&format!("{name}.{figure}"), &process[figure], &other[figure]);
        }
    }
    for part in before["parts"].as_array().into_iter().flatten() {
        let Some(other) = named(&after["parts"], &part["name"]) else { continue };
        let name = part["name"].as_str().unwrap_or_default();
        for (count, one) in part["run"]["counts"].as_object().into_iter().flatten() {
            row(&format!("{name}.{count}"), one, &other["run"]["counts"][count]);
        }
        for (timing, one) in part["run"]["times"].as_object().into_iter().flatten() {
            for share in SHARES {
                row(&format!("{name}.{timing}.{share}"), &one[share], &other["run"]["times"][timing][share]);
            }
        }
    }
    for (report, which) in [(before, "first"), (after, "second")] {
        if report["valid"] == false {
            let _ = writeln!(table, "the {which} run is not valid: {}", report["invalid"]);
        }
    }
    Ok(table)
}

fn figure(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

fn change(one: f64, other: f64) -> String {
    if one == 0.0 { "new".into() } else { format!("{:+.1} %", (other / one - 1.0) * 100.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_both_have_is_compared_and_what_is_no_report_is_refused() {
        let report = |rate: f64, p99: f64| {
            json!({ "version": 1, "rate": rate, "valid": true, "processes": [], "parts": [{
                "name": "chat",
                "run": { "counts": { "sent": 100, "lost": 0 }, "times": { "ack": { "p99": p99 } } },
            }] })
        };
        let table = compare(&report(1000.0, 10.0), &report(1500.0, 9.0)).unwrap();
        let lines: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(lines.contains(&vec!["rate", "1000", "1500", "+50.0", "%"]), "{table}");
        assert!(lines.contains(&vec!["chat.ack.p99", "10", "9", "-10.0", "%"]), "{table}");
        assert!(!table.contains("lost"), "{table}");
        assert!(compare(&json!({}), &report(1.0, 1.0)).unwrap_err().contains("first file"));
    }
}
