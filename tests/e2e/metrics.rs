//! What a server's admin page counts. Owns the asking; what the names mean is each server's.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::program::PATIENCE;

/// How long between two looks: a number on a page is no event that could be awaited.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A number on the page, by its name with labels: `holdfast_gateway_closed_total{reason="too_big"}`.
pub(crate) fn metric(admin: SocketAddr, name: &str) -> u64 {
    let page = page(admin, "/metrics");
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = value.unwrap_or_else(|| panic!("no {name} in:\n{page}"));
    value.parse().expect("a whole number")
}

/// Waits until the number is as expected.
///
/// # Panics
/// When it does not come to it in time.
pub(crate) fn await_metric(admin: SocketAddr, name: &str, expected: u64) {
    wait(admin, name, &expected.to_string(), |value| value == expected);
}

/// Waits until the number is larger than it was.
///
/// # Panics
/// When it does not become so in time.
pub(crate) fn await_more(admin: SocketAddr, name: &str, than: u64) {
    wait(admin, name, &format!("more than {than}"), |value| value > than);
}

fn wait(admin: SocketAddr, name: &str, expected: &str, is_expected: impl Fn(u64) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let value = metric(admin, name);
        if is_expected(value) {
            return;
        }
        assert!(Instant::now() < deadline, "{name} stays at {value} and does not come to {expected}");
        thread::sleep(LOOK_AGAIN);
    }
}

/// A page's body.
fn page(admin: SocketAddr, path: &str) -> String {
    ask(admin, "GET", path)
}

/// The body of the answer to a request without one.
pub(crate) fn ask(admin: SocketAddr, method: &str, target: &str) -> String {
    let mut stream = TcpStream::connect_timeout(&admin, PATIENCE).expect("the admin page answers");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "{method} {target} HTTP/1.1\r\nHost: {admin}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    body.to_owned()
}
