//! The opening handshake, from both sides: RFC 6455 sections 1.3 and 4.

use super::super::Subprotocol;
use super::super::request::{self, AnswerError};
use super::super::upgrade::{self, UpgradeError};
use crate::limits::{UPGRADE_HEAD_BYTES_MAX, UPGRADE_HEADERS_MAX};

const GOOD: &str = "GET /chat?room=1 HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, holdfast.v1.json, holdfast.v1.proto\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// What becomes of the good request when a part of it is another.
fn with(old: &str, new: &str) -> Result<(), UpgradeError> {
    assert_eq!(GOOD.matches(old).count(), 1, "{old:?}");
    upgrade::parse(GOOD.replace(old, new).as_bytes()).map(|found| assert!(found.is_some()))
}

/// The same, with a header line more.
fn and(line: &str) -> Result<(), UpgradeError> {
    with("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"))
}

fn bad(result: Result<(), UpgradeError>) -> &'static str {
    match result {
        Err(UpgradeError::Bad(what)) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_example_of_the_rfc_is_accepted_as_there() {
    let bytes = [GOOD.as_bytes(), b"\x81\x80"].concat();
    let found = upgrade::parse(&bytes).unwrap().unwrap();
    assert_eq!((found.path, found.host), ("/chat?room=1", "server.example.com"));
    assert_eq!((found.origin, found.head_len), (Some("http://example.com"), GOOD.len()));
    assert_eq!(found.protocols().collect::<Vec<_>>(), ["chat", "holdfast.v1.json", "holdfast.v1.proto"]);
    assert_eq!(found.subprotocol(), Ok(Subprotocol::Json), "the first that we know");
    let mut answer = Vec::new();
    upgrade::accept(&mut answer, found.key, Some("chat"));
    assert_eq!(
        String::from_utf8(answer).unwrap(),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    );
}

#[test]
fn an_incomplete_head_waits_up_to_the_limit() {
    for cut in 0..GOOD.len() {
        assert_eq!(upgrade::parse(&GOOD.as_bytes()[..cut]), Ok(None));
    }
    let endless = vec![b'a'; UPGRADE_HEAD_BYTES_MAX];
    assert_eq!(upgrade::parse(&endless[1..]), Ok(None));
    assert_eq!(upgrade::parse(&endless), Err(UpgradeError::TooLarge));
    let room = UPGRADE_HEAD_BYTES_MAX - GOOD.len() - "X: \r\n".len();
    assert_eq!(and(&format!("X: {}", "a".repeat(room))), Ok(()));
    assert_eq!(and(&format!("X: {}", "a".repeat(room + 1))), Err(UpgradeError::TooLarge));
    let lines = |count| vec!["X: a"; count].join("\r\n");
    assert_eq!(and(&lines(UPGRADE_HEADERS_MAX - 7)), Ok(()));
    assert_eq!(and(&lines(UPGRADE_HEADERS_MAX - 6)), Err(UpgradeError::TooLarge));
}

#[test]
fn a_head_that_comes_byte_by_byte_is_searched_once() {
    for length in 1..GOOD.len() {
        assert_eq!(upgrade::parse_on(&GOOD.as_bytes()[..length], length - 1), Ok(None));
    }
    assert!(upgrade::parse_on(GOOD.as_bytes(), GOOD.len() - 1).unwrap().is_some());
    // What has been searched is not looked at again, whatever it is: but for the three bytes with which the end may have begun.
    let end_is_behind = format!("{GOOD}X");
    assert_eq!(upgrade::parse_on(end_is_behind.as_bytes(), GOOD.len()), Ok(None));
    assert!(upgrade::parse_on(end_is_behind.as_bytes(), GOOD.len() - 1).unwrap().is_some());
}

#[test]
fn what_browsers_and_proxies_vary_is_taken() {
    assert_eq!(with("Upgrade: websocket", "UPGRADE: WebSocket"), Ok(()));
    assert_eq!(with("Upgrade: websocket", "Upgrade:h2c,\t websocket"), Ok(()));
    assert_eq!(with("Connection: Upgrade", "Connection: keep-alive, Upgrade"), Ok(()));
    assert_eq!(with("Connection: Upgrade", "Connection: keep-alive\r\nConnection: upgrade"), Ok(()));
    assert_eq!(with("Origin: http://example.com\r\n", ""), Ok(()));
    assert_eq!(and("Content-Length: 0"), Ok(()));
    assert_eq!(and("Sec-WebSocket-Extensions: permessage-deflate"), Ok(()), "offered, and not taken");
    assert_eq!(and("Cookie: a=\u{e4}"), Ok(()), "what is not read may be anything");
}

#[test]
fn whatever_else_is_refused_with_the_reason() {
    assert_eq!(with("GET ", "POST "), Err(UpgradeError::Method));
    assert_eq!(bad(with("HTTP/1.1", "HTTP/1.0")), "HTTP version is not 1.1");
    assert_eq!(bad(with("/chat?room=1", "http://a/chat")), "request target is not a path");
    assert_eq!(bad(with("Host: server.example.com\r\n", "")), "no Host header");
    assert_eq!(bad(with("server.example.com", "")), "no Host header");
    assert_eq!(bad(and("host: b")), "two Host headers");
    assert_eq!(bad(and("Origin: b")), "two Origin headers");
    assert_eq!(with("Upgrade: websocket\r\n", ""), Err(UpgradeError::NotWebSocket));
    assert_eq!(with("Upgrade: websocket", "Upgrade: h2c"), Err(UpgradeError::NotWebSocket));
    assert_eq!(bad(and("Upgrade: websocket")), "two Upgrade headers");
    assert_eq!(
        bad(with("Connection: Upgrade", "Connection: close")),
        "Connection header without the token upgrade"
    );
    assert_eq!(with("Version: 13", "Version: 8"), Err(UpgradeError::Version));
    assert_eq!(bad(with("Sec-WebSocket-Version: 13", "X: y")), "no Sec-WebSocket-Version header");
    assert_eq!(bad(and("Sec-WebSocket-Version: 13")), "two Sec-WebSocket-Version headers");
    assert_eq!(bad(and("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")), "two Sec-WebSocket-Key headers");
    assert_eq!(bad(with("Sec-WebSocket-Key", "X")), "no Sec-WebSocket-Key header");
    for key in ["dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZ===", "dGhlIHNhbXBsZSBub25j!Q==", "YQ=="] {
        let refused = bad(with("dGhlIHNhbXBsZSBub25jZQ==", key));
        assert_eq!(refused, "Sec-WebSocket-Key is not 16 bytes in base64");
    }
    assert_eq!(bad(and("Content-Length: 1")), "request has a body");
    assert_eq!(bad(and("Transfer-Encoding: chunked")), "request has a body");
    assert_eq!(bad(with("server.example.com", "serv\u{e4}r")), "header value is not visible ASCII");
    let offers = ["Sec-WebSocket-Protocol: a"; 4].join("\r\n");
    assert_eq!(bad(and(&offers)), "too many Sec-WebSocket-Protocol headers");
}

#[test]
fn lines_that_two_parsers_may_read_differently_are_refused() {
    assert_eq!(bad(with("Upgrade: websocket\r\n", "Upgrade: websocket\n")), "line does not end in CR LF");
    for line in ["X : y", "X: y\r\n z", " X: y", ": y", "X: y\rZ: w", "X: y\0", "no colon"] {
        assert_eq!(bad(and(line)), "malformed HTTP request", "{line:?}");
    }
    assert_eq!(bad(with("GET /chat?room=1 ", "GET  /chat?room=1 ")), "malformed HTTP request");
}

#[test]
fn subprotocols_may_come_on_several_lines_and_must_be_known() {
    let request = GOOD.replace(
        "chat, holdfast.v1.json, holdfast.v1.proto",
        "a,, b\r\nSec-WebSocket-Protocol: holdfast.v1.proto",
    );
    let found = upgrade::parse(request.as_bytes()).unwrap().unwrap();
    assert_eq!(found.protocols().collect::<Vec<_>>(), ["a", "b", "holdfast.v1.proto"]);
    assert_eq!(found.subprotocol(), Ok(Subprotocol::Proto));
    let request = GOOD.replace("holdfast.v1", "HOLDFAST.v1");
    let found = upgrade::parse(request.as_bytes()).unwrap().unwrap();
    assert_eq!(found.subprotocol(), Err(UpgradeError::NoSubprotocol));
    let request = GOOD.replace("Sec-WebSocket-Protocol", "X");
    assert_eq!(upgrade::parse(request.as_bytes()).unwrap().unwrap().protocols().next(), None);
}

#[test]
fn a_refusal_is_a_whole_http_answer() {
    let answer = |error: UpgradeError| {
        let mut out = Vec::new();
        error.respond(&mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        answer(UpgradeError::Bad("no Host header")),
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 15\r\n\r\nno Host header\n"
    );
    assert!(answer(UpgradeError::Method).contains("\r\nAllow: GET\r\n"));
    assert!(answer(UpgradeError::Version).contains("\r\nSec-WebSocket-Version: 13\r\n"));
    for (error, status) in [
        (UpgradeError::NoSubprotocol, 400),
        (UpgradeError::Method, 405),
        (UpgradeError::NotWebSocket, 426),
        (UpgradeError::Version, 426),
        (UpgradeError::TooLarge, 431),
    ] {
        let text = answer(error);
        let refused = request::parse_answer(text.as_bytes(), [0; 16], None);
        assert_eq!(refused, Err(AnswerError::Status(status)));
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())) && head.contains("close"));
    }
}

const KEY: [u8; 16] = *b"the sample nonce";

#[test]
fn our_client_and_our_server_agree() {
    let mut asked = Vec::new();
    request::write(&mut asked, "localhost:7400", "/", KEY, Some("holdfast.v1.proto"));
    let found = upgrade::parse(&asked).unwrap().unwrap();
    assert_eq!((found.path, found.host, found.origin), ("/", "localhost:7400", None));
    assert_eq!((found.key, found.subprotocol()), ("dGhlIHNhbXBsZSBub25jZQ==", Ok(Subprotocol::Proto)));
    let mut answer = Vec::new();
    upgrade::accept(&mut answer, found.key, Some("holdfast.v1.proto"));
    for cut in 0..answer.len() {
        assert_eq!(request::parse_answer(&answer[..cut], KEY, Some("holdfast.v1.proto")), Ok(None));
    }
    let length = answer.len();
    answer.extend_from_slice(b"\x81\0");
    assert_eq!(request::parse_answer(&answer, KEY, Some("holdfast.v1.proto")), Ok(Some(length)));
    answer.clear();
    upgrade::accept(&mut answer, found.key, None);
    assert_eq!(request::parse_answer(&answer, KEY, None), Ok(Some(answer.len())));
}

#[test]
fn an_answer_that_proves_nothing_is_refused() {
    let mut good = Vec::new();
    upgrade::accept(&mut good, "dGhlIHNhbXBsZSBub25jZQ==", Some("chat"));
    let good = String::from_utf8(good).unwrap();
    let with = |old: &str, new: &str| {
        assert_eq!(good.matches(old).count(), 1, "{old:?}");
        match request::parse_answer(good.replace(old, new).as_bytes(), KEY, Some("chat")) {
            Err(AnswerError::Bad(what)) => what,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(with("s3pPLMBi", "S3pPLMBi"), "Sec-WebSocket-Accept does not fit the key");
    assert_eq!(with("Sec-WebSocket-Accept", "X"), "Sec-WebSocket-Accept does not fit the key");
    assert_eq!(with("Upgrade: websocket", "Upgrade: h2c"), "no Upgrade: websocket");
    assert_eq!(
        with("Connection: Upgrade", "Connection: close"),
        "Connection header without the token upgrade"
    );
    assert_eq!(with(": chat", ": other"), "another subprotocol than was asked for");
    assert_eq!(with("\r\nSec-WebSocket-Protocol: chat", ""), "another subprotocol than was asked for");
    assert_eq!(with("\r\n\r\n", "\r\nUpgrade: websocket\r\n\r\n"), "header comes twice");
    assert_eq!(
        with("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
        "an extension that was not asked for"
    );
    assert_eq!(with("HTTP/1.1", "HTTP/1.0"), "HTTP version is not 1.1");
    assert_eq!(with("Upgrade: websocket\r\n", "Upgrade: websocket\n"), "line does not end in CR LF");
    assert_eq!(with("HTTP/1.1 101", "HTTP/1.1 1x1"), "malformed HTTP response");
    let unasked = request::parse_answer(good.as_bytes(), KEY, None);
    assert_eq!(unasked, Err(AnswerError::Bad("another subprotocol than was asked for")));
}
