//! `holdfast load` against servers that are not ours, good and bad: figures that add up, a message that names the cause, the right exit code, and a report of
//! what there was until then.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::holdfast::run;

/// The tool may find itself too late on a machine that others use: it then says so, and its figures are good for nothing but this test.
const WELL: [Option<i32>; 2] = [Some(0), Some(3)];

/// A server that does this with each connection; where it listens.
fn serve(each: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let each = Arc::new(each);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let each = Arc::clone(&each);
            thread::spawn(move || each(stream));
        }
    });
    format!("tcp://{address}")
}

/// Sends back what comes, in pieces of its own.
fn echo(mut stream: TcpStream) {
    let mut bytes = [0; 1000];
    while let Ok(read) = stream.read(&mut bytes) {
        if read == 0 || stream.write_all(&bytes[..read]).is_err() {
            return;
        }
    }
}

fn load(what: &str, url: &str, more: &[&str]) -> Output {
    let fixed = ["load", what, url, "--json", "--connections", "5", "--duration", "500ms"];
    run(&[&fixed, more].concat())
}

fn report(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_echo_is_measured_and_nothing_is_left_over() {
    let url = serve(echo);
    for more in [&["--rate", "400", "--bytes", "3000"][..], &["--closed-loop", "3", "--workers", "2"]] {
        let output = load("echo", &url, more);
        assert!(WELL.contains(&output.status.code()), "{output:?}");
        let report = report(&output);
        let counts = &report["parts"][0]["run"]["counts"];
        assert_eq!((&report["ended"], &report["connected"]), (&"complete".into(), &5.into()));
        assert_eq!(counts["sent"], counts["answered"], "{report}");
        assert!(counts["sent"].as_u64() >= Some(200), "{report}");
        let echo = &report["parts"][0]["run"]["times"]["echo"];
        assert_eq!(echo["count"], counts["sent"]);
        assert!(echo["p50"].as_f64() <= echo["max"].as_f64());
    }
}

#[test]
fn a_delay_of_the_server_is_in_every_figure() {
    let url = serve(|mut stream: TcpStream| {
        let mut bytes = [0; 125];
        while stream.read_exact(&mut bytes).is_ok() {
            thread::sleep(Duration::from_millis(30));
            if stream.write_all(&bytes).is_err() {
                return;
            }
        }
    });
    let output = load("echo", &url, &["--rate", "50", "--fail-if", "p50>30ms"]);
    assert_eq!(output.status.code(), Some(99), "{output:?}");
    assert!(said(&output).contains("p50>30ms (it was 3"), "{output:?}");
}

#[test]
fn who_refuses_stalls_speaks_otherwise_or_dies_is_named() {
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("tcp://{}", listener.local_addr().unwrap())
    };
    let silent = serve(|mut stream| drop(stream.read_to_end(&mut Vec::new()))).replace("tcp:", "ws:");
    let other =
        serve(|mut stream| drop(stream.write_all(b"220 mail.example ESMTP\r\n"))).replace("tcp:", "ws:");
    for (url, patience, why) in [
        (&nobody, "10s", "connect: connection refused: nobody listens there"),
        (&silent, "300ms", "connect: no answer in time"),
        (&other, "10s", "connect: no HTTP answer: the server speaks another protocol"),
    ] {
        let output = load("idle", url, &["--patience", patience]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let report = report(&output);
        assert_eq!(report["ended"], "nobody");
        assert!(report["parts"][0]["ramp"]["errors"][why].as_u64() > Some(0), "{why}: {report}");
    }
}

#[test]
fn what_there_was_before_the_server_died_is_reported() {
    let accepted = AtomicU32::new(0);
    let url = serve(move |mut stream| {
        // Those who come back are not taken any more.
        if accepted.fetch_add(1, Ordering::Relaxed) >= 5 {
            return;
        }
        let mut bytes = [0; 1250];
        // As soon as it has had ten messages of a connection it ends it.
        if stream.read_exact(&mut bytes).is_ok() {
            let _ = stream.write_all(&bytes);
        }
    });
    let output = load("echo", &url, &["--rate", "200"]);
    let report = report(&output);
    let run = &report["parts"][0]["run"];
    assert_eq!(
        (&run["counts"]["answered"], &run["counts"]["disconnects"]),
        (&50.into(), &5.into()),
        "{report}"
    );
    assert!(run["counts"]["missed"].as_u64() > Some(0), "{report}");
    assert!(output.status.code() == Some(1), "{output:?}");
}

#[test]
fn what_cannot_be_is_refused_with_what_to_change() {
    for (arguments, code, why) in [
        (&["echo", "ws://127.0.0.1:1/", "--fail-if", "speed>1"][..], 2, "names no figure"),
        (&["echo", "http://127.0.0.1:1/"], 2, "must begin with ws:// or tcp://"),
        (&["echo", "ws://127.0.0.1:1/", "--bytes", "3"], 2, "bytes of a message: 3 is not from 8"),
        (&["echo", "ws://127.0.0.1:1/", "--rate", "0"], 2, "is no number above 0"),
        (&["echo", "ws://127.0.0.1:1/", "--rate", "5", "--closed-loop", "1"], 2, "cannot be used with"),
        (&["idle", "ws://127.0.0.1:1/", "--pid", "gateway=4000000000"], 2, "process gateway (4000000000)"),
        (&["idle", "ws://127.0.0.1:1/", "--connections", "3000000", "--workers", "1"], 1, "give --workers"),
    ] {
        let output = run(&[&["load"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        assert!(said(&output).contains(why), "{arguments:?}: {output:?}");
    }
}

/// Not all of JSON Schema: what this schema uses.
fn fits(value: &Value, schema: &Value, whole: &Value) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        return fits(value, &whole["$defs"][name.trim_start_matches("#/$defs/")], whole);
    }
    let right = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_u64(),
        Some("number") => value.is_number(),
        _ => schema["enum"].as_array().is_none_or(|all| all.contains(value)),
    };
    if !right {
        return Err(format!("{value} is not {schema}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        value.get(name).ok_or_else(|| format!("{name} is missing"))?;
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let described = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
        if described == &Value::Bool(false) {
            return Err(format!("{name} is not in the schema"));
        }
        fits(member, described, whole).map_err(|why| format!("{name}: {why}"))?;
    }
    value.as_array().into_iter().flatten().try_for_each(|item| fits(item, &schema["items"], whole))
}

#[test]
fn a_report_is_as_its_schema_says() {
    let schema = include_str!("../../docs/load-report.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let url = serve(echo);
    let pid = format!("test={}", std::process::id());
    for more in [&["--pid", &pid][..], &["--patience", "1ms"]] {
        fits(&report(&load("echo", &url, more)), &schema, &schema).unwrap();
    }
    assert!(fits(&serde_json::json!({}), &schema, &schema).is_err());
}
