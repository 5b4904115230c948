//! Each rule of the numbering and the retry, one by one; all of them together are tested in `tests/model.rs`.

use proto::packet::{Submit, Target};

use super::*;

const AT: Now = Now { mono_ms: 1000, unix_ms: 0 };

fn later(ms: u64) -> Now {
    Now { mono_ms: AT.mono_ms + ms, unix_ms: 0 }
}

fn say(body: Body) -> Command {
    Command::Submit(Submit { target: Target::User("bob".parse().unwrap()), body })
}

fn with_commands(count: u64) -> Submits {
    let mut submits = Submits::new();
    let mut out = Vec::new();
    (0..count).for_each(|n| {
        submits.push(n, say(Body::Text(n.to_string())), &Terms::default(), &mut out);
    });
    assert!(out.is_empty());
    submits
}

/// The client_ids that are sent now.
fn sent(submits: &mut Submits, now: Now, terms: &Terms) -> Vec<u64> {
    let mut out = Vec::new();
    submits.send(now, terms, &mut out);
    let ids = out.into_iter().map(|output| match output {
        Output::Send(packet) => packet.client_id,
        other => panic!("{other:?}"),
    });
    ids.collect()
}

fn refusal(code: RefusedCode, expected_client_id: u64, retry_after_ms: u32) -> Refused {
    Refused { expected_client_id, retry_after_ms, ..Refused::new(code, "", "") }
}

#[test]
fn commands_are_numbered_after_the_last_one_that_the_server_knows() {
    let (mut submits, terms) = (with_commands(3), Terms::default());
    submits.online(41);
    assert_eq!(sent(&mut submits, AT, &terms), [42, 43, 44]);
    assert_eq!(submits.answered(42).unwrap().ticket, 0);
    assert!(submits.answered(42).is_none(), "a second answer is nobody's");
}

#[test]
fn the_window_holds_back_and_its_rest_has_no_number_yet() {
    let (mut submits, terms) = (with_commands(5), Terms { uplink_window: 2, ..Terms::default() });
    submits.online(0);
    assert_eq!(sent(&mut submits, AT, &terms), [1, 2]);
    assert!(sent(&mut submits, AT, &terms).is_empty());
    submits.answered(1);
    assert_eq!(sent(&mut submits, AT, &terms), [3]);
    submits.offline();
    // Another process used the device in the meantime: ours keep their numbers, what has none goes after its last.
    submits.online(9);
    let terms = Terms::default();
    assert_eq!(sent(&mut submits, AT, &terms), [2, 3, 10, 11]);
}

#[test]
fn unanswered_commands_go_again_under_their_numbers_even_if_the_server_has_executed_them() {
    let (mut submits, terms) = (with_commands(3), Terms::default());
    submits.online(0);
    sent(&mut submits, AT, &terms);
    submits.offline();
    submits.online(2);
    assert_eq!(sent(&mut submits, AT, &terms), [1, 2, 3]);
}

#[test]
fn a_silent_server_is_asked_again_after_the_timeout() {
    let (mut submits, terms) = (with_commands(2), Terms::default());
    submits.online(0);
    sent(&mut submits, AT, &terms);
    assert_eq!(submits.next_deadline(AT, &terms), Some(6000));
    submits.expire(later(4999), &terms);
    assert!(sent(&mut submits, later(4999), &terms).is_empty());
    submits.expire(later(5000), &terms);
    assert_eq!(sent(&mut submits, later(5000), &terms), [1, 2]);
    assert_eq!(submits.next_deadline(later(5000), &terms), Some(11_000));
}

#[test]
fn unavailable_holds_everything_back_and_then_repeats_from_there() {
    let (mut submits, terms, mut out) = (with_commands(4), Terms::default(), Vec::new());
    submits.online(0);
    sent(&mut submits, AT, &terms);
    submits.answered(1);
    submits.refused(AT, 2, refusal(RefusedCode::Unavailable, 0, 700), &mut out);
    submits.refused(AT, 3, refusal(RefusedCode::OutOfOrder, 2, 0), &mut out);
    submits.refused(AT, 4, refusal(RefusedCode::OutOfOrder, 2, 0), &mut out);
    assert!(sent(&mut submits, later(699), &terms).is_empty());
    assert_eq!(submits.next_deadline(AT, &terms), Some(1700));
    assert_eq!(sent(&mut submits, later(700), &terms), [2, 3, 4]);
    assert!(out.is_empty(), "nothing of this concerns the app");
}

#[test]
fn out_of_order_repeats_from_what_is_expected_but_not_at_once() {
    let (mut submits, terms, mut out) = (with_commands(3), Terms::default(), Vec::new());
    submits.online(0);
    sent(&mut submits, AT, &terms);
    assert_eq!(submits.refused(AT, 3, refusal(RefusedCode::OutOfOrder, 2, 0), &mut out), Verdict::Stay);
    assert!(sent(&mut submits, AT, &terms).is_empty());
    assert_eq!(sent(&mut submits, later(200), &terms), [2, 3]);
}

#[test]
fn a_forgotten_outcome_is_told_to_the_app() {
    let (mut submits, terms, mut out) = (with_commands(1), Terms::default(), Vec::new());
    submits.online(0);
    sent(&mut submits, AT, &terms);
    submits.refused(AT, 1, refusal(RefusedCode::OutOfOrder, 5000, 0), &mut out);
    assert!(matches!(out[..], [Output::Event(Event::Answered(0, Err(Failure::Refused(_))))]));
}

#[test]
fn a_server_that_lost_its_memory_is_followed() {
    let (mut submits, terms, mut out) = (with_commands(3), Terms::default(), Vec::new());
    submits.online(4);
    sent(&mut submits, AT, &terms);
    submits.answered(5);
    let verdict = submits.refused(AT, 6, refusal(RefusedCode::OutOfOrder, 5, 0), &mut out);
    assert_eq!(verdict, Verdict::LogInAnew);
    submits.offline();
    submits.online(4);
    assert_eq!(sent(&mut submits, AT, &terms), [5, 6]);
    assert_eq!(submits.answered(5).unwrap().ticket, 1);
}

#[test]
fn bytes_in_flight_are_bounded_but_one_command_always_goes() {
    let (mut submits, terms, mut out) = (Submits::new(), Terms::default(), Vec::new());
    (0..20).for_each(|n| submits.push(n, say(Body::Data(vec![0; 32 * 1024])), &terms, &mut out));
    submits.online(0);
    assert_eq!(sent(&mut submits, AT, &terms), [1, 2, 3, 4, 5]);
    submits.answered(1);
    assert_eq!(sent(&mut submits, AT, &terms), [6]);
}

#[test]
fn what_cannot_be_taken_is_answered_at_once() {
    let (mut submits, terms, mut out) = (Submits::new(), Terms::default(), Vec::new());
    // 32 KiB, but each byte needs six in JSON.
    submits.push(7, say(Body::Text("\u{1}".repeat(32 * 1024))), &terms, &mut out);
    submits.push(8, say(Body::Data(vec![0; 32 * 1024 + 1])), &terms, &mut out);
    let too_big = |ticket| Output::Event(Event::Answered(ticket, Err(Failure::TooBig)));
    assert_eq!(out, [too_big(7), too_big(8)]);
    out.clear();
    (0..1025).for_each(|n| submits.push(n, say(Body::Text(String::new())), &terms, &mut out));
    assert_eq!(out, [Output::Event(Event::Answered(1024, Err(Failure::QueueFull)))]);
    out.clear();
    submits.stop(&mut out);
    assert_eq!(out.len(), 1024);
}
