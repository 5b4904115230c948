//! The admin listener: a small HTTP/1.1 server on a thread of its own, for probes, metrics and operators. Owns the connection handling; the pages are the shells'.
//! One request a connection, one connection at a time: it serves a few people and a scraper, on loopback.

pub mod query;

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Token};

use crate::poll::Poller;
use crate::wake::{self, Mailbox};

/// From accept to the last byte of the answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 8 * 1024;

const LISTENER: Token = Token(0);
const STOP: Token = Token(1);

/// What was asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET`, `POST` …
    pub method: &'a str,
    /// Without the query.
    pub path: &'a str,
    /// What follows the question mark; empty if nothing does.
    pub query: &'a str,
}

/// What is answered.
#[derive(Debug)]
pub struct Response {
    status: &'static str,
    content_type: &'static str,
    body: String,
}

impl Response {
    /// 200 with plain text.
    pub fn text(body: impl Into<String>) -> Self {
        Self { status: "200 OK", content_type: "text/plain; charset=utf-8", body: body.into() }
    }

    /// 200 with JSON.
    pub fn json(body: impl Into<String>) -> Self {
        Self { status: "200 OK", content_type: "application/json", body: body.into() }
    }

    /// 503 with JSON: who should have answered did not.
    pub fn json_unavailable(body: impl Into<String>) -> Self {
        Self { status: "503 Service Unavailable", ..Self::json(body) }
    }

    /// 200 with a metrics page.
    pub fn metrics(body: String) -> Self {
        let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        Self { status: "200 OK", content_type, body }
    }

    /// 503, for a probe that must fail.
    pub fn unavailable(body: impl Into<String>) -> Self {
        Self { status: "503 Service Unavailable", ..Self::text(body) }
    }

    /// 404.
    pub fn not_found() -> Self {
        Self { status: "404 Not Found", ..Self::text("not found\n") }
    }

    /// 403, for what nobody may do from there.
    pub fn forbidden(body: impl Into<String>) -> Self {
        Self { status: "403 Forbidden", ..Self::text(body) }
    }

    /// 400, with what was wrong.
    pub fn bad_request(body: impl Into<String>) -> Self {
        Self { status: "400 Bad Request", ..Self::text(body) }
    }

    /// 405, for a page that wants another method.
    pub fn method_not_allowed() -> Self {
        Self { status: "405 Method Not Allowed", ..Self::text("method not allowed\n") }
    }
}

/// A running admin listener; it stops when dropped.
pub struct Admin {
    address: SocketAddr,
    listener: Arc<TcpListener>,
    stop: Mailbox<()>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Admin {
    /// Binds `address` and answers every request with `pages`, on a new thread.
    pub fn start(
        address: SocketAddr,
        pages: impl Fn(Request<'_>) -> Response + Send + 'static,
    ) -> io::Result<Self> {
        Self::on(TcpListener::bind(address)?, pages)
    }

    /// The same on a socket that somebody else has bound. Another process may serve it, too: each request comes to one of the two.
    pub fn on(
        listener: TcpListener,
        pages: impl Fn(Request<'_>) -> Response + Send + 'static,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let mut poller = Poller::new(2)?;
        let (stop, stopped) = wake::mailbox(poller.registry(), STOP, 1)?;
        poller.registry().register(&mut SourceFd(&listener.as_raw_fd()), LISTENER, Interest::READABLE)?;
        let listener = Arc::new(listener);
        let shared = Arc::clone(&listener);
        let thread = std::thread::Builder::new().name("admin".into()).spawn(move || {
            let mut ready = Vec::new();
            while stopped.is_empty() && poller.turn(None, &mut ready).is_ok() {
                while let Ok((stream, _)) = shared.accept() {
                    if let Err(error) = serve(stream, &pages) {
                        tracing::debug!(%error, "admin connection failed");
                    }
                }
            }
        })?;
        Ok(Self { address, listener, stop, thread: Some(thread) })
    }

    /// The bound address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl AsFd for Admin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        let told = self.stop.send(()).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| told) {
            drop(thread.join());
        }
    }
}

fn serve(mut stream: TcpStream, pages: &impl Fn(Request<'_>) -> Response) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = [0; HEAD_BYTES_MAX];
    let mut length = 0;
    let response = loop {
        match stream.read(&mut head[length..])? {
            0 => break Response::bad_request("the request's head is incomplete or too long\n"),
            n => length += n,
        }
        if let Some(response) = answer(&head[..length], pages) {
            break response;
        }
    };
    let Response { status, content_type, body } = response;
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// `None` when the head is not whole yet.
fn answer(head: &[u8], pages: &impl Fn(Request<'_>) -> Response) -> Option<Response> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Partial) => None,
        Ok(httparse::Status::Complete(_)) => {
            let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let from_a_page = request.headers.iter().any(|header| header.name.eq_ignore_ascii_case("origin"));
            if from_a_page && method != "GET" {
                // A page that an operator happens to look at could otherwise have the browser change things here.
                return Some(Response::forbidden("no changes from web pages\n"));
            }
            Some(pages(Request { method, path, query }))
        }
        Err(error) => Some(Response::bad_request(format!("malformed request: {error}\n"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn pages_are_served_and_nonsense_is_refused() {
        let admin = Admin::start("127.0.0.1:0".parse().unwrap(), |request| match request.path {
            "/healthz" => Response::text(format!("ok {}", request.query)),
            _ => Response::not_found(),
        })
        .unwrap();
        let good = ask(admin.address(), "GET /healthz?a=b HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(good.starts_with("HTTP/1.1 200 OK\r\n") && good.ends_with("\r\n\r\nok a=b"), "{good}");
        assert!(ask(admin.address(), "GET /x HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
        let forged = "POST /healthz HTTP/1.1\r\nOrigin: https://evil.example\r\n\r\n";
        assert!(ask(admin.address(), forged).starts_with("HTTP/1.1 403"));
        assert!(ask(admin.address(), "\0\r\n\r\n").starts_with("HTTP/1.1 400"));
    }
}
