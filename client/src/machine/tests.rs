//! The connection's life, and who is told what; `tests/model.rs` drives all of it at random.

use proto::packet::{Body, Missed, Pull, ResumeOk, Resync, Secret, Submit, Verdict};

use super::*;
use crate::Ticket;

struct Fixture {
    machine: Machine,
    now: Now,
}

impl Fixture {
    fn new() -> Self {
        Self { machine: Machine::new("alice".parse().unwrap(), 7), now: Now { mono_ms: 1000, unix_ms: 0 } }
    }

    fn online() -> Self {
        let mut fixture = Self::new();
        fixture.give(Input::Start);
        fixture.give(Input::Connected);
        fixture.packet(0, login_ok());
        fixture
    }

    fn give(&mut self, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        self.machine.handle(self.now, input, &mut out);
        out
    }

    fn packet(&mut self, client_id: u64, body: ServerBody) -> Vec<Output> {
        self.give(Input::Packet(ServerPacket { push_seq: 0, client_id, body }))
    }

    /// A push of the message with this seq, under this push_seq.
    fn push(&mut self, seq: u64) -> Vec<Output> {
        let (conversation, sender) = ("g.a".parse().unwrap(), "bob".parse().unwrap());
        let body = Body::Text("hi".into());
        let message = Message { conversation, seq, sender, to: None, time_ms: 0, body };
        self.give(Input::Packet(ServerPacket {
            push_seq: seq,
            client_id: 0,
            body: ServerBody::Push(message),
        }))
    }

    /// Goes to the next deadline and lets it pass.
    fn wait(&mut self) -> Vec<Output> {
        self.now.mono_ms = self.machine.next_deadline(self.now).unwrap();
        let mut out = Vec::new();
        self.machine.expire(self.now, &mut out);
        out
    }
}

fn login_ok() -> ServerBody {
    ServerBody::LoginOk(LoginOk { session: "s".into(), ..LoginOk::default() })
}

fn say(ticket: u64) -> Input {
    let target = Target::User("bob".parse().unwrap());
    Input::Command(ticket, Command::Submit(Submit { target, body: Body::Text("hi".into()) }))
}

fn pull(ticket: u64, from_seq: u64) -> Input {
    Input::Pull(ticket, Pull { conversation: "g.a".parse().unwrap(), from_seq, limit: 20 })
}

fn refused(code: RefusedCode) -> ServerBody {
    ServerBody::Refused(Refused::new(code, "", ""))
}

fn submit_ok(seq: u64) -> ServerBody {
    ServerBody::SubmitOk(SubmitOk { conversation: "g.a".parse().unwrap(), seq, time_ms: 5 })
}

fn is_event(output: &Output, wanted: impl Fn(&Event) -> bool) -> bool {
    matches!(output, Output::Event(event) if wanted(event))
}

#[test]
fn an_idle_client_is_small() {
    // With its wire; the uid's bytes are elsewhere.
    let bytes = size_of::<Machine>() + size_of::<crate::wire::Wire>();
    assert!(bytes <= 264, "{bytes}");
}

#[test]
fn it_dials_logs_in_and_tells_the_app() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.machine.next_deadline(fixture.now), None);
    assert_eq!(fixture.give(Input::Start), [Output::Dial]);
    assert_eq!(fixture.give(say(1)), []);
    assert_eq!(fixture.give(Input::Connected), [Output::Login]);
    let out = fixture.packet(0, login_ok());
    assert!(is_event(&out[0], |event| matches!(event, Event::LoggedIn { .. })));
    assert!(matches!(&out[1], Output::Send(ClientPacket { client_id: 1, body: ClientBody::Submit(_) })));
    let out = fixture.packet(1, submit_ok(1));
    assert!(is_event(&out[0], |event| matches!(event, Event::Answered(1, Ok(Answer::Submitted(_))))));
    assert!(is_event(&out[1], |event| matches!(event, Event::Delivered(message)
        if message.sender.as_str() == "alice" && message.to.is_some() && message.seq == 1)));
}

#[test]
fn a_connection_that_sends_nothing_gets_heartbeats_and_a_silent_one_is_given_up() {
    let mut fixture = Fixture::online();
    assert_eq!(fixture.wait(), [send(ClientBody::Heartbeat)]);
    assert_eq!(fixture.now.mono_ms, 31_000);
    fixture.packet(0, ServerBody::Heartbeat);
    assert_eq!(fixture.wait(), [send(ClientBody::Heartbeat)]);
    assert_eq!(fixture.wait(), [send(ClientBody::Heartbeat)]);
    let out = fixture.wait();
    assert_eq!(fixture.now.mono_ms, 31_000 + 75_000);
    assert_eq!(out[0], Output::Hangup);
    assert!(is_event(&out[1], |event| matches!(event, Event::Offline { .. })));
    assert_eq!(fixture.wait(), [Output::Dial]);
}

#[test]
fn whatever_is_sent_puts_the_heartbeat_off() {
    let mut fixture = Fixture::online();
    fixture.now.mono_ms += 20_000;
    fixture.give(say(1));
    fixture.packet(1, submit_ok(1));
    assert_eq!(fixture.machine.next_deadline(fixture.now), Some(51_000));
}

#[test]
fn login_required_logs_in_again_on_the_same_connection_and_repeats_what_is_open() {
    let mut fixture = Fixture::online();
    fixture.give(say(1));
    assert_eq!(fixture.packet(0, ServerBody::LoginRequired), [Output::Login]);
    assert_eq!(fixture.give(say(2)), [], "not before the login is answered");
    let out = fixture.packet(0, login_ok());
    let ids = out.iter().filter_map(|output| match output {
        Output::Send(packet) => Some(packet.client_id),
        _ => None,
    });
    assert_eq!(ids.collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_login_that_is_refused_for_now_is_tried_again_and_one_refused_for_good_is_not() {
    let mut fixture = Fixture::new();
    fixture.give(Input::Start);
    fixture.give(Input::Connected);
    let later = Refused { retry_after_ms: 4000, ..Refused::new(RefusedCode::Unavailable, "", "") };
    let out = fixture.packet(0, ServerBody::Refused(later));
    assert_eq!(out, [Output::Hangup, Output::Event(Event::Offline { retry_ms: 4000 })]);
    assert_eq!(fixture.wait(), [Output::Dial]);
    fixture.give(say(1));
    fixture.give(Input::Connected);
    let out = fixture.packet(0, refused(RefusedCode::TokenExpired));
    assert_eq!(out[0], Output::Hangup);
    assert_eq!(out[1], Output::Event(Event::Answered(1, Err(Failure::Stopped))));
    assert!(is_event(&out[2], |event| matches!(event, Event::Stopped(StopReason::LoginRefused(_)))));
    assert_eq!(fixture.give(say(2)), [Output::Event(Event::Answered(2, Err(Failure::Stopped)))]);
    assert_eq!(fixture.machine.next_deadline(fixture.now), None);
}

#[test]
fn a_connection_that_does_not_open_is_given_up() {
    let mut fixture = Fixture::new();
    fixture.give(Input::Start);
    assert_eq!(fixture.wait()[0], Output::Hangup);
    assert_eq!(fixture.now.mono_ms, 11_000);
}

#[test]
fn a_login_without_an_answer_is_given_up() {
    let mut fixture = Fixture::new();
    fixture.give(Input::Start);
    fixture.give(Input::Connected);
    assert_eq!(fixture.wait()[0], Output::Hangup);
    assert_eq!(fixture.now.mono_ms, 11_000);
    assert_eq!(fixture.give(Input::Connected), [], "that connection is gone");
}

#[test]
fn a_client_that_is_told_to_move_comes_back_elsewhere_in_time_and_loses_nothing() {
    let mut fixture = Fixture::online();
    fixture.give(say(1));
    let moved = ServerBody::Move { address: "other:7400".into(), after_ms: 500 };
    let out = fixture.packet(0, moved);
    let [Output::Moved(address), Output::Hangup, Output::Event(Event::Offline { retry_ms })] = &out[..]
    else {
        panic!("{out:?}")
    };
    assert_eq!(address, "other:7400");
    assert!((500..=700).contains(retry_ms), "{retry_ms}");
    assert_eq!(fixture.wait(), [Output::Dial]);
    fixture.give(Input::Connected);
    let out = fixture.packet(0, login_ok());
    assert!(matches!(&out[1], Output::Send(packet) if packet.client_id == 1), "it is sent again: {out:?}");
    let nowhere = ServerBody::Move { address: String::new(), after_ms: u32::MAX };
    let out = fixture.packet(0, nowhere);
    let [Output::Hangup, Output::Event(Event::Offline { retry_ms })] = &out[..] else { panic!("{out:?}") };
    assert!(
        *retry_ms <= 31_000,
        "no server's word keeps it away for longer than the back-off would: {retry_ms}"
    );
}

#[test]
fn a_client_that_is_kicked_stops_and_says_why() {
    let kicked = |reason| ServerBody::Kicked { reason, text: String::new() };
    let mut fixture = Fixture::online();
    let out = fixture.packet(0, kicked(KickedReason::Replaced));
    assert_eq!(out[1..], [Output::Hangup, Output::Event(Event::Stopped(StopReason::Replaced))]);

    let mut fixture = Fixture::online();
    let out = fixture.packet(0, kicked(KickedReason::Revoked));
    let reason = StopReason::Kicked(KickedReason::Revoked);
    assert_eq!(out[1..], [Output::Hangup, Output::Event(Event::Stopped(reason))]);
}

#[test]
fn a_client_that_logs_in_anew_pulls_what_it_knows() {
    let mut fixture = Fixture::online();
    fixture.give(say(1));
    fixture.packet(1, submit_ok(8));
    fixture.give(Input::Disconnected);
    assert_eq!(fixture.wait(), [Output::Dial]);
    fixture.give(Input::Connected);
    let out = fixture.packet(0, login_ok());
    let asked = Pull { conversation: "g.a".parse().unwrap(), from_seq: 9, limit: 0 };
    assert_eq!(out[1..], [send(ClientBody::Pull(asked))]);
}

const FIRST: Secret = Secret([1; 16]);
const SECOND: Secret = Secret([2; 16]);

/// A client whose session can be resumed, and which has got the pushes 1 to 3 and lost its connection. It has an unanswered command and an unanswered pull.
fn cut_off() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.give(Input::Start);
    fixture.give(Input::Connected);
    let ok = LoginOk { session: "s".into(), secret: Some(FIRST), ..LoginOk::default() };
    fixture.packet(0, ServerBody::LoginOk(ok));
    (1..=3).for_each(|seq| drop(fixture.push(seq)));
    fixture.give(say(1));
    fixture.give(pull(9, 1));
    fixture.give(Input::Disconnected);
    assert_eq!(fixture.wait(), [Output::Dial]);
    fixture
}

fn resumption(secret: Secret, last_push_seq: u64) -> Output {
    Output::Resume(Box::new(crate::Resumption { session: "s".into(), secret, last_push_seq }))
}

fn resume_ok(verdict: Verdict) -> ServerBody {
    let secret = (verdict != Verdict::Reset).then_some(SECOND);
    ServerBody::ResumeOk(ResumeOk { verdict, secret, last_client_id: 0, server_time_ms: 7 })
}

#[test]
fn a_lost_connection_is_followed_by_a_resume_and_what_is_open_is_sent_again() {
    let mut fixture = cut_off();
    assert_eq!(fixture.give(Input::Connected), [resumption(FIRST, 3)]);
    assert_eq!(fixture.give(say(2)), [], "not before the answer");
    let out = fixture.packet(0, resume_ok(Verdict::Complete));
    assert_eq!(out[0], Output::Event(Event::Resumed { server_time_ms: 7 }));
    let sent = out[1..].iter().map(|output| match output {
        Output::Send(ClientPacket { client_id, body: ClientBody::Submit(_) }) => *client_id,
        Output::Send(ClientPacket { body: ClientBody::Pull(pull), .. }) => 100 + pull.from_seq,
        other => panic!("{other:?}"),
    });
    assert_eq!(sent.collect::<Vec<_>>(), [1, 2, 101], "and no conversation is pulled that has no gap");
    // What comes again is acknowledged and not told again.
    assert_eq!(fixture.push(3), []);
    assert!(is_event(
        &fixture.push(4)[0],
        |event| matches!(event, Event::Delivered(message) if message.seq == 4)
    ));
    // The next resume shows the new secret.
    fixture.give(Input::Disconnected);
    fixture.wait();
    assert_eq!(fixture.give(Input::Connected), [resumption(SECOND, 4)]);
}

#[test]
fn an_unanswered_resume_is_tried_again_with_the_same_secret_on_another_connection() {
    let mut fixture = cut_off();
    fixture.give(Input::Connected);
    assert_eq!(fixture.wait()[0], Output::Hangup);
    assert_eq!(fixture.wait(), [Output::Dial]);
    assert_eq!(fixture.give(Input::Connected), [resumption(FIRST, 3)]);
}

#[test]
fn a_reset_is_followed_by_a_login_on_the_same_connection() {
    let mut fixture = cut_off();
    fixture.give(Input::Connected);
    assert_eq!(fixture.packet(0, resume_ok(Verdict::Reset)), [Output::Login]);
    let out = fixture.packet(0, login_ok());
    assert!(is_event(&out[0], |event| matches!(event, Event::LoggedIn { .. })));
    fixture.give(Input::Disconnected);
    fixture.wait();
    assert_eq!(fixture.give(Input::Connected), [Output::Login], "this session cannot be resumed");
}

#[test]
fn a_server_that_refuses_to_resume_is_logged_in_to_and_one_without_room_is_tried_later() {
    let mut fixture = cut_off();
    fixture.give(Input::Connected);
    let later = Refused { retry_after_ms: 4000, ..Refused::new(RefusedCode::Unavailable, "", "") };
    assert_eq!(fixture.packet(0, ServerBody::Refused(later))[0], Output::Hangup);
    fixture.wait();
    assert_eq!(fixture.give(Input::Connected), [resumption(FIRST, 3)]);
    assert_eq!(fixture.packet(0, refused(RefusedCode::LoginFirst))[0], Output::Hangup);
    fixture.wait();
    assert_eq!(fixture.give(Input::Connected), [Output::Login]);
}

#[test]
fn a_gap_is_pulled_as_soon_as_the_server_says_where_it_is() {
    let mut fixture = cut_off();
    fixture.give(Input::Connected);
    fixture.packet(0, resume_ok(Verdict::Gap));
    let new = "g.new".parse().unwrap();
    let missed = [("g.a".parse().unwrap(), 4, 6), (new, 7, 7), ("g.b".parse().unwrap(), 1, 2)];
    let missed = missed.map(|(conversation, from_seq, to_seq)| Missed { conversation, from_seq, to_seq });
    let resync = Resync { missed: missed.into(), everything: false };
    let packet = ServerPacket { push_seq: 4, client_id: 0, body: ServerBody::Resync(resync) };
    let out = fixture.give(Input::Packet(packet));
    let asked = out.iter().map(|output| match output {
        Output::Send(ClientPacket { body: ClientBody::Pull(pull), .. }) => {
            (pull.conversation.as_str(), pull.from_seq)
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(asked.collect::<Vec<_>>(), [("g.a", 4), ("g.new", 7), ("g.b", 1)]);
    let resync = Resync { missed: Vec::new(), everything: true };
    let packet = ServerPacket { push_seq: 5, client_id: 0, body: ServerBody::Resync(resync) };
    assert_eq!(fixture.give(Input::Packet(packet)).len(), 3, "every conversation that is known");
}

#[test]
fn a_logout_waits_for_the_servers_close_but_not_for_long() {
    let mut fixture = Fixture::online();
    fixture.give(say(1));
    assert_eq!(fixture.give(Input::Logout), [send(ClientBody::Logout)]);
    let stopped = Output::Event(Event::Stopped(StopReason::LoggedOut));
    let failed = Output::Event(Event::Answered(1, Err(Failure::Stopped)));
    assert_eq!(fixture.give(Input::Disconnected), [failed, stopped.clone()]);

    let mut fixture = Fixture::online();
    fixture.give(Input::Logout);
    assert_eq!(fixture.wait(), [Output::Hangup, stopped]);
}

/// The seqs that are asked from, and the tickets whose history was refused.
fn asked_and_refused(out: &[Output]) -> (Vec<u64>, Vec<Ticket>) {
    let asked = out.iter().filter_map(|output| match output {
        Output::Send(ClientPacket { body: ClientBody::Pull(pull), .. }) => Some(pull.from_seq),
        _ => None,
    });
    let refused = out.iter().filter_map(|output| match output {
        Output::Event(Event::History(ticket, Err(Failure::Refused(_)))) => Some(*ticket),
        _ => None,
    });
    (asked.collect(), refused.collect())
}

fn pulled(from_seq: u64) -> ServerBody {
    let conversation = "g.a".parse().unwrap();
    ServerBody::Pulled(Pulled {
        conversation,
        from_seq,
        next_seq: from_seq + 1,
        head: 9,
        messages: Vec::new(),
    })
}

#[test]
fn at_most_eight_pulls_are_in_flight() {
    let mut fixture = Fixture::online();
    let sent: usize = (1..=20).map(|n| fixture.give(pull(n, n)).len()).sum();
    assert_eq!(sent, 8);
    let out = fixture.packet(0, pulled(3));
    assert!(is_event(&out[0], |event| matches!(event, Event::History(3, Ok(_)))));
    assert_eq!(asked_and_refused(&out), (vec![9], vec![]));
}

#[test]
fn a_refused_pull_among_several_is_found_by_asking_one_at_a_time() {
    let mut fixture = Fixture::online();
    (1..=3).for_each(|n| drop(fixture.give(pull(n, n))));
    // The refusal of the second overtakes the answer to the first.
    assert_eq!(fixture.packet(0, refused(RefusedCode::NotAMember)), []);
    assert_eq!(fixture.packet(0, pulled(1)), []);
    assert_eq!(asked_and_refused(&fixture.packet(0, pulled(3))), (vec![1], vec![]));
    let out = fixture.packet(0, pulled(1));
    assert!(is_event(&out[0], |event| matches!(event, Event::History(1, Ok(_)))));
    assert_eq!(asked_and_refused(&out), (vec![2], vec![]));
    fixture.give(pull(4, 4));
    let out = fixture.packet(0, refused(RefusedCode::NotAMember));
    assert_eq!(asked_and_refused(&out), (vec![3, 4], vec![2]), "and then together again");
}

#[test]
fn pulls_that_are_refused_for_now_are_asked_again_together() {
    let mut fixture = Fixture::online();
    (1..=3).for_each(|n| drop(fixture.give(pull(n, n))));
    for _ in 0..3 {
        assert_eq!(fixture.packet(0, refused(RefusedCode::Unavailable)), []);
    }
    assert_eq!(asked_and_refused(&fixture.wait()), (vec![1, 2, 3], vec![]));
}

#[test]
fn a_refusal_of_nothing_in_particular_is_told_as_such() {
    let mut fixture = Fixture::online();
    let out = fixture.packet(0, refused(RefusedCode::Invalid));
    assert!(is_event(&out[0], |event| matches!(event, Event::Refused(_))));
    fixture.give(pull(2, 1));
    let login = Refused::new(RefusedCode::Invalid, "login", "this connection has a session already");
    let out = fixture.packet(0, ServerBody::Refused(login));
    assert!(is_event(&out[0], |event| matches!(event, Event::Refused(_))), "no refusal of the pull");
    fixture.give(say(1));
    assert_eq!(fixture.packet(1, refused(RefusedCode::LoginFirst)), [Output::Login]);
}
