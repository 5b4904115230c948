//! A report as one page that needs nothing from elsewhere. Owns what is shown and how it looks; it is made of the JSON form, so that a saved report can be
//! shown as well as a new one.

use std::fmt::Write as _;

use serde_json::Value;

use super::chart::{Chart, escaped, short};

const STYLE: &str = include_str!("html.css");
const SHARES: [&str; 6] = ["p50", "p90", "p99", "p99.9", "p99.99", "max"];

/// The page of a report in its JSON form.
pub fn html(report: &Value) -> String {
    let target = escaped(text(&report["target"]));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Load on {target}</title>\n<style>{STYLE}</style>\n<main><h1>Load on {target}</h1>"
    );
    verdict(report, &mut page);
    summary(report, &mut page);
    for part in list(&report["parts"]) {
        write_part(part, &mut page);
    }
    let seconds = list(&report["seconds"]);
    section(&mut page, "Clients connected", &series(seconds, "clients", &[("connected", "/ready")]));
    let rates =
        [("sent", "/sent"), ("answered", "/answered"), ("delivered", "/delivered"), ("missed", "/missed")];
    section(&mut page, "Messages in a second", &series(seconds, "messages", &rates));
    for timing in ["connect", "echo", "ack", "delivery"] {
        let names = [("p50", "p50"), ("p99", "p99"), ("max", "max")];
        let paths = names.map(|(name, member)| (name, format!("/times/{timing}/{member}")));
        let paths: Vec<_> = paths.iter().map(|(name, path)| (*name, path.as_str())).collect();
        let mut chart = series(seconds, "ms", &paths);
        chart.logarithmic = true;
        section(&mut page, &format!("Time of {timing}, second by second"), &chart);
    }
    section(&mut page, "CPU of the watched processes", &cores(report, seconds));
    page.push_str("</main></html>\n");
    page
}

fn verdict(report: &Value, page: &mut String) {
    let why = |name: &str| list(&report[name]).iter().map(text).collect::<Vec<_>>().join("; ");
    let ended = text(&report["ended"]);
    if ended != "complete" {
        let _ = write!(
            page,
            "<p class=\"bad\">Ended early: {}. What follows is what there was until then.</p>",
            escaped(ended)
        );
    }
    if report["valid"] == false {
        let _ = write!(page, "<p class=\"bad\">Not valid: {}</p>", escaped(&why("invalid")));
    }
    let faults = why("faults");
    if !faults.is_empty() {
        let _ = write!(page, "<p class=\"bad\">The server did wrong: {}</p>", escaped(&faults));
    }
}

fn summary(report: &Value, page: &mut String) {
    let number = |value: &Value| short(value.as_f64().unwrap_or(0.0));
    let seconds = |value: &Value| short(value.as_f64().unwrap_or(0.0) / 1000.0);
    page.push_str("<table class=\"summary\">");
    let mut row = |name: &str, value: String| {
        let _ = write!(page, "<tr><th>{}<td>{}", escaped(name), escaped(&value));
    };
    row("clients", format!("{} of {}", report["connected"], report["clients"]));
    row("ramp", format!("{} s", seconds(&report["ramp_ms"])));
    row("sending", format!("{} s", seconds(&report["sending_ms"])));
    row("answered", format!("{} a second", number(&report["rate"])));
    for process in list(&report["processes"]) {
        let name = text(&process["name"]);
        let (cpu, bytes) = (number(&process["cpu_seconds"]), number(&process["bytes_per_connection"]));
        row(name, format!("{cpu} s of CPU, {bytes} bytes of memory a connection"));
    }
    row("kernel", format!("{} bytes a connection", number(&report["kernel_bytes_per_connection"])));
    page.push_str("</table>");
}

fn write_part(part: &Value, page: &mut String) {
    let (name, task) = (escaped(text(&part["name"])), escaped(text(&part["task"])));
    let _ = write!(page, "<h2>{name}</h2><p>{} clients: {task}</p>", part["clients"]);
    let mut counts: Vec<String> = Vec::new();
    for (count, many) in part["run"]["counts"].as_object().into_iter().flatten() {
        let many = many.as_u64().unwrap_or(0) + part["ramp"]["counts"][count].as_u64().unwrap_or(0);
        if many > 0 && count != "answered_in_time" {
            counts.push(format!("{} {many}", escaped(count)));
        }
    }
    let _ = write!(page, "<p>{}</p><table><tr><th>ms<th>count", counts.join(", "));
    SHARES.iter().for_each(|share| {
        let _ = write!(page, "<th>{share}");
    });
    let stages = ["ramp", "run"].map(|stage| (stage, part[stage]["times"].as_object()));
    for (stage, times) in stages {
        for (timing, times) in times.into_iter().flatten() {
            let _ = write!(page, "<tr><th>{} ({stage})<td>{}", escaped(timing), times["count"]);
            SHARES.iter().for_each(|share| {
                let _ = write!(page, "<td>{}", short(times[*share].as_f64().unwrap_or(0.0)));
            });
        }
    }
    page.push_str("</table>");
    for stage in ["ramp", "run"] {
        for (reason, many) in part[stage]["errors"].as_object().into_iter().flatten() {
            let _ = write!(page, "<p class=\"error\">{many} times: {}</p>", escaped(reason));
        }
    }
    section(page, "How long it took for what share", &percentiles(&part["run"]["times"]));
}

/// The curve of each timing over shares, drawn so that each further nine has as much room as the last.
fn percentiles(times: &Value) -> Chart {
    let place = |share: f64| -(1.0 - share).max(1e-6).log10();
    let shown = |(timing, _): &(&String, &Value)| !matches!(timing.as_str(), "turn" | "lateness");
    let curves = times.as_object().into_iter().flatten().filter(shown).map(|(timing, times)| {
        let points = list(&times["curve"]).iter().filter_map(|point| {
            let (share, ms) = (point[0].as_f64()?, point[1].as_f64()?);
            (share < 1.0).then_some((place(share), ms))
        });
        (timing.clone(), points.collect())
    });
    let ticks = [
        (0.0, "0 %"),
        (0.5, "50 %"),
        (0.9, "90 %"),
        (0.99, "99 %"),
        (0.999, "99.9 %"),
        (0.9999, "99.99 %"),
        (0.99999, "99.999 %"),
    ];
    Chart {
        x_name: "share",
        y_name: "ms",
        x_ticks: ticks.map(|(share, text)| (place(share), text.to_owned())).into(),
        logarithmic: true,
        curves: curves.collect(),
    }
}

/// Members of the seconds as curves; those that are always 0 are left out.
fn series(seconds: &[Value], y_name: &'static str, members: &[(&str, &str)]) -> Chart {
    let curves = members.iter().map(|(name, path)| {
        let points = seconds
            .iter()
            .filter_map(|second| Some((second["second"].as_f64()?, second.pointer(path)?.as_f64()?)));
        ((*name).to_owned(), points.collect::<Vec<_>>())
    });
    let curves = curves.filter(|(_, points)| points.iter().any(|(_, y)| *y > 0.0)).collect();
    Chart { x_name: "seconds", y_name, x_ticks: Vec::new(), logarithmic: false, curves }
}

fn cores(report: &Value, seconds: &[Value]) -> Chart {
    let names: Vec<_> =
        list(&report["processes"]).iter().map(|process| text(&process["name"]).to_owned()).collect();
    let paths: Vec<_> = (0..names.len().saturating_sub(1)).map(|place| format!("/cores/{place}")).collect();
    let members: Vec<_> = names.iter().map(String::as_str).zip(paths.iter().map(String::as_str)).collect();
    series(seconds, "cores", &members)
}

fn section(page: &mut String, title: &str, chart: &Chart) {
    let drawn = chart.draw();
    if !drawn.is_empty() {
        let _ = write!(page, "<h3>{}</h3>{drawn}", escaped(title));
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_shows_what_there_is_and_needs_nothing_from_elsewhere() {
        let times = json!({ "count": 2, "p50": 1.0, "p99": 2.0, "max": 2.0, "curve": [[0.0, 1.0], [0.5, 1.5], [1.0, 2.0]] });
        let second = |second: u64| json!({ "second": second, "ready": 5, "sent": 10, "times": { "echo": { "p50": 1.0, "p99": 2.0, "max": 3.0 } }, "cores": [0.5] });
        let report = json!({
            "target": "ws://<host>/", "ended": "died", "valid": false, "invalid": ["the tool was late"], "faults": [],
            "connected": 5, "clients": 5, "processes": [{ "name": "gateway" }, { "name": "load" }],
            "parts": [{ "name": "echo", "task": "echo", "clients": 5, "ramp": {}, "run": {
                "counts": { "sent": 10 }, "times": { "echo": times }, "errors": { "a < b": 3 } } }],
            "seconds": [second(0), second(1)],
        });
        let page = html(&report);
        for shown in [
            "ws://&lt;host&gt;/",
            "Ended early: died",
            "the tool was late",
            "3 times: a &lt; b",
            "Clients connected",
        ] {
            assert!(page.contains(shown), "{shown} is not in {page}");
        }
        assert_eq!(page.matches("<svg").count(), 5, "{page}");
        assert_eq!(page.matches("<table").count(), page.matches("</table>").count());
        assert!(
            !["http:", "https:", "<script", "NaN"].iter().any(|foreign| page.contains(foreign)),
            "{page}"
        );
    }
}
