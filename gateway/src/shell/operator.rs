//! The pages on which an operator looks at connections, ends and traces them. Owns their queries and their JSON.
//!
//! ```text
//! GET    /connections?ip=10.0.0.0/8&limit=100&after=0.4096
//! POST   /connections/kick?conn=g0.r1.s7.42%233
//! POST   /trace?uid=alice
//! DELETE /trace
//! ```

use std::fmt::Write as _;

use proto::ids::Slot;
use proto::limits::SLOTS;
use reactor::admin::query::pairs;
use reactor::admin::{Request, Response};

use super::ask::{Asker, Outcome, Question};
use crate::{Chosen, Traced};

/// Connections on a page, if the query does not say …
const LIMIT: usize = 100;
/// … and at most.
const LIMIT_MAX: usize = 1000;

const SAY_WHOM: &str = "say whom: conn=, ip=, slot= or uid=\n";

/// What is told when a user was named: the gateway sees one only as it logs in.
const OF_A_SLOT: &str =
    "a gateway knows no users: these are the connections of all users of that user's slot";

/// A query, read.
#[derive(Debug, Default)]
struct Query {
    chosen: Option<Chosen>,
    uid: Option<String>,
    limit: Option<usize>,
    after: Option<(usize, u32)>,
}

/// The answer to a request for one of these pages; `None` if it is for another.
pub(super) fn page(asker: &Asker, request: Request<'_>) -> Option<Response> {
    let answer = match (request.method, request.path) {
        ("GET", "/connections") => list,
        ("POST", "/connections/kick") => kick,
        ("POST", "/trace") => trace,
        ("DELETE", "/trace") => untrace,
        (_, "/connections" | "/connections/kick" | "/trace") => return Some(Response::method_not_allowed()),
        _ => return None,
    };
    let query = read(request.query);
    Some(match query {
        Ok(query) => answer(asker, query),
        Err(complaint) => Response::bad_request(complaint + "\n"),
    })
}

fn list(asker: &Asker, query: Query) -> Response {
    let limit = query.limit.unwrap_or(LIMIT).min(LIMIT_MAX);
    let chosen = query.chosen.unwrap_or(Chosen::All);
    let outcome = asker.all(&Question::Find(chosen, limit), query.after.unwrap_or_default(), limit);
    let mut body = String::from("{\"connections\":[");
    for (place, listed) in outcome.listed.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let (seen, reactor, waiting) = (listed.seen, listed.reactor, listed.waiting);
        // Nothing in it needs escaping.
        let _ = write!(
            body,
            "{comma}\n{{\"conn\":\"{}\",\"reactor\":{reactor},\"peer\":\"{}\",\"transport\":\"{}\",\"stage\":\"{}\",\"waiting_bytes\":{waiting}}}",
            seen.conn,
            seen.peer,
            seen.transport,
            seen.progress.label()
        );
    }
    body.push(']');
    finish(&mut body, &outcome, query.uid.is_some());
    Response::json(body)
}

fn kick(asker: &Asker, query: Query) -> Response {
    let Some(chosen) = query.chosen else { return Response::bad_request(SAY_WHOM) };
    let outcome = asker.all(&Question::Kick(chosen), query.after.unwrap_or_default(), usize::MAX);
    let mut body = format!("{{\"kicked\":{}", outcome.listed.len());
    finish(&mut body, &outcome, query.uid.is_some());
    tracing::info!(?chosen, kicked = outcome.listed.len(), "an operator has ended connections");
    Response::json(body)
}

fn trace(asker: &Asker, query: Query) -> Response {
    let traced = match (query.uid, query.chosen) {
        (Some(uid), _) => Traced::User(uid),
        (None, Some(chosen)) => Traced::Chosen(chosen),
        (None, None) => return Response::bad_request(SAY_WHOM),
    };
    let outcome = asker.all(&Question::Trace(Some(traced.clone())), (0, 0), usize::MAX);
    let mut body = format!("{{\"traced_now\":{}", outcome.listed.len());
    finish(&mut body, &outcome, false);
    if matches!(traced, Traced::User(_)) {
        body.insert_str(1, "\"note\":\"traced from the user's next login on\",");
    }
    tracing::info!(?traced, "an operator traces connections");
    Response::json(body)
}

fn untrace(asker: &Asker, _: Query) -> Response {
    let outcome = asker.all(&Question::Trace(None), (0, 0), usize::MAX);
    let mut body = String::from("{\"traced_now\":0");
    finish(&mut body, &outcome, false);
    tracing::info!("nothing is traced any more");
    Response::json(body)
}

/// The end of every answer: where to go on, who did not answer, and what the answer is about.
fn finish(body: &mut String, outcome: &Outcome, of_a_user: bool) {
    match outcome.next {
        Some((reactor, place)) => drop(write!(body, ",\"next\":\"{reactor}.{place}\"")),
        None => body.push_str(",\"next\":null"),
    }
    if !outcome.silent.is_empty() {
        let _ = write!(body, ",\"silent_reactors\":{:?}", outcome.silent);
    }
    if of_a_user {
        let _ = write!(body, ",\"note\":\"{OF_A_SLOT}\"");
    }
    body.push_str("}\n");
}

fn read(text: &str) -> Result<Query, String> {
    let mut query = Query::default();
    for (key, value) in pairs(text)? {
        let wrong = |why: &str| format!("{key}: {value:?} {why}");
        let mut choose = |chosen| match query.chosen.replace(chosen) {
            None => Ok(()),
            Some(_) => Err("say only one of conn, ip, slot and uid".to_owned()),
        };
        match key {
            "conn" => choose(Chosen::Conn(value.parse().map_err(|error| wrong(&format!("{error}")))?))?,
            "ip" => choose(Chosen::From(value.parse().map_err(wrong)?))?,
            "slot" => {
                let slot = value.parse().ok().filter(|slot| *slot < SLOTS);
                choose(Chosen::Slot(Slot(slot.ok_or_else(|| wrong("is no slot (expected 0 to 1023)"))?)))?;
            }
            "uid" => {
                choose(Chosen::Slot(Slot::of(&value)))?;
                query.uid = Some(value.into_owned());
            }
            "limit" => query.limit = Some(value.parse().map_err(|_| wrong("is no number"))?),
            "after" => query.after = Some(cursor(&value).ok_or_else(|| wrong("is no \"next\" of ours"))?),
            _ => return Err(format!("unknown: {key:?}")),
        }
    }
    Ok(query)
}

fn cursor(text: &str) -> Option<(usize, u32)> {
    let (reactor, place) = text.split_once('.')?;
    Some((reactor.parse().ok()?, place.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_and_mistakes_in_them_are_told() {
        let query = read("uid=al%69ce&limit=7&after=1.42").unwrap();
        assert_eq!(
            (query.chosen, query.uid.as_deref()),
            (Some(Chosen::Slot(Slot::of("alice"))), Some("alice"))
        );
        assert_eq!((query.limit, query.after), (Some(7), Some((1, 42))));
        assert!(matches!(read("conn=g0.r1.s7.42%233").unwrap().chosen, Some(Chosen::Conn(_))));
        assert!(matches!(read("ip=10.0.0.0/8").unwrap().chosen, Some(Chosen::From(_))));
        for text in
            ["ip=x", "slot=1024", "conn=1", "limit=many", "after=1", "uid=%f", "uid=%ff", "colour=red", "ip"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read("ip=::1&slot=1").unwrap_err().contains("only one"));
    }
}
