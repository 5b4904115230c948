//! The blocking client and the terminal chat over real sockets, against the model edge.

use std::time::Duration;

use super::edge::server::Server;
use super::edge::{Conversation, Edge};
use client::{Answer, Client, Event, Options, StopReason, Ticket, chat};
use crossbeam_channel::{Receiver, unbounded};
use proto::ids::{ConversationId, Uid};
use proto::packet::{Body, Codec, LoginOk, Target};

/// Longer than any machine is busy; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_mins(1);

fn club() -> ConversationId {
    "g.club".parse().unwrap()
}

fn uid(name: &str) -> Uid {
    name.parse().unwrap()
}

fn server() -> Server {
    let mut edge = Edge::new(LoginOk { reconnect_base_ms: 5, reconnect_max_ms: 50, ..LoginOk::default() });
    let members = ["alice", "bob", "carol"].map(uid).to_vec();
    edge.conversations.insert(club(), Conversation { members, ..Conversation::default() });
    Server::start(edge)
}

fn options(server: &Server, name: &str, scheme: &str, codec: Codec) -> Options {
    let url = format!("{scheme}://127.0.0.1:{}", server.port).parse().unwrap();
    Options { url, uid: uid(name), device: "phone".parse().unwrap(), token: "good".into(), codec }
}

fn next(client: &Client) -> Event {
    client.events().recv_timeout(PATIENCE).expect("something happens")
}

fn connect(options: Options) -> Client {
    let client = Client::connect(options).unwrap();
    assert!(matches!(next(&client), Event::LoggedIn { .. }));
    client
}

/// The texts of the next `count` messages, all of the club, and their seqs.
fn heard(client: &Client, count: usize) -> Vec<(u64, String)> {
    let mut heard = Vec::new();
    while heard.len() < count {
        match next(client) {
            Event::Delivered(message) => match message.body {
                Body::Text(text) => heard.push((message.seq, text)),
                Body::Data(_) => panic!("nobody says that"),
            },
            Event::Answered(_, Ok(_)) | Event::Offline { .. } | Event::LoggedIn { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    heard
}

#[test]
fn all_forms_hear_the_same_in_the_same_order() {
    let server = server();
    let clients = [
        connect(options(&server, "alice", "tcp", Codec::Proto)),
        connect(options(&server, "bob", "ws", Codec::Proto)),
        connect(options(&server, "carol", "ws", Codec::Json)),
    ];
    for (number, client) in clients.iter().enumerate() {
        for n in 0..50 {
            let text = Body::Text(format!("{number}/{n} \u{1F980}"));
            client.submit(Target::Conversation(club()), text).unwrap();
        }
    }
    let all = clients.each_ref().map(|client| heard(client, 150));
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
    assert!(all[0].iter().map(|(seq, _)| *seq).eq(1..=150));
}

#[test]
fn cuts_lose_and_double_nothing() {
    const COUNT: usize = 600;
    let server = server();
    let alice = connect(options(&server, "alice", "ws", Codec::Proto));
    let bob = connect(options(&server, "bob", "tcp", Codec::Proto));
    alice.submit(Target::Conversation(club()), Body::Text("0".into())).unwrap();
    assert_eq!(heard(&bob, 1), [(1, "0".to_owned())], "bob follows the club from here");
    let tickets: Vec<Ticket> = (1..COUNT)
        .map(|n| {
            let said = alice.submit(Target::Conversation(club()), Body::Text(n.to_string())).unwrap();
            if n % 100 == 0 {
                server.cut();
            }
            said
        })
        .collect();
    let mut answered: Vec<Ticket> = Vec::new();
    while answered.len() < COUNT {
        match next(&alice) {
            Event::Answered(ticket, Ok(Answer::Submitted(ok))) => {
                assert_eq!(ok.seq, answered.len() as u64 + 1);
                answered.push(ticket);
            }
            Event::Delivered(_) | Event::Offline { .. } | Event::LoggedIn { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(answered[1..], tickets);
    assert_eq!(alice.unanswered(), 0);
    // The last message is behind every gap, and is pushed to whoever is there.
    server.cut();
    let rest = heard(&bob, COUNT - 1);
    assert!(rest.iter().map(|(_, text)| text.parse::<usize>().unwrap()).eq(1..COUNT));
    assert!(server.logins() > 2, "there were cuts");
}

#[test]
fn a_refused_login_and_a_second_login_stop_a_client() {
    let server = server();
    let mut bad = options(&server, "alice", "ws", Codec::Json);
    bad.token = "bad".into();
    let client = Client::connect(bad).unwrap();
    assert!(matches!(next(&client), Event::Stopped(StopReason::LoginRefused(_))));

    let first = connect(options(&server, "alice", "ws", Codec::Json));
    let second = connect(options(&server, "alice", "tcp", Codec::Proto));
    assert!(matches!(next(&first), Event::Kicked(..)));
    assert_eq!(next(&first), Event::Stopped(StopReason::Replaced));
    second.log_out();
    assert_eq!(next(&second), Event::Stopped(StopReason::LoggedOut));
}

#[test]
fn a_chat_prints_history_then_lines_and_ends_with_its_input() {
    let server = server();
    let bob = connect(options(&server, "bob", "tcp", Codec::Proto));
    bob.submit(Target::User(uid("alice")), Body::Text("before".into())).unwrap();
    assert_eq!(heard(&bob, 1), [(1, "before".to_owned())]);

    let lines = lines(&["hello", "/group g.new bob", "/nonsense", "//slash"]);
    let mut output = Vec::new();
    let alice = options(&server, "alice", "ws", Codec::Json);
    let ending = chat::converse(alice, Target::User(uid("bob")), &lines, &mut output).unwrap();
    assert_eq!(ending, chat::Ending::Complete);
    let output = String::from_utf8(output).unwrap();
    let mut printed: Vec<&str> = output.lines().collect();
    // What is typed before the connection stands is told whenever it is known to be wrong.
    printed.sort_unstable();
    let wrong = "?: commands are /group g.NAME MEMBER…, /history N and /quit";
    let expected = [
        wrong,
        "[1] bob: before",
        "[2] alice: hello",
        "[3] alice: /slash",
        "connected as alice/phone",
        "group g.new has 2 members",
    ];
    assert_eq!(printed, expected);
    assert_eq!(heard(&bob, 2), [(2, "hello".to_owned()), (3, "/slash".to_owned())]);
}

fn lines(lines: &[&str]) -> Receiver<String> {
    let (sender, receiver) = unbounded();
    lines.iter().for_each(|line| sender.send((*line).to_owned()).unwrap());
    receiver
}
