//! The pages on which an operator looks at sessions, ends and traces them, and revokes tokens. Owns their queries and their JSON.
//!
//! ```text
//! GET    /sessions?limit=100&after=0.4096     GET /sessions?uid=alice
//! POST   /sessions/kick?uid=alice             … &device=phone, or &session=NAME
//! POST   /tokens/revoke?uid=alice&before=1700000000, or &token=ID
//! POST   /trace?uid=alice                     DELETE /trace
//! ```

use proto::backend::{Act, Order, Report, Which};
use proto::ids::Uid;
use proto::limits::TOKEN_ID_BYTES_MAX;
use reactor::admin::query::pairs;
use reactor::admin::{Request, Response};
use serde_json::{Value, json};

use super::ask::{Answer, Asker, Question};
use crate::Seen;

/// Sessions on a page, if the query does not say …
const LIMIT: usize = 100;
/// … and at most.
const LIMIT_MAX: usize = 1000;

const SILENT: &str = "the shard does not answer\n";

/// A query, read.
#[derive(Debug, Default)]
struct Query {
    uid: Option<Uid>,
    which: Option<Which>,
    limit: Option<usize>,
    after: Option<(usize, u32)>,
}

/// The answer to a request for one of these pages; `None` if it is for another.
pub(super) fn page(asker: &Asker, request: Request<'_>) -> Option<Response> {
    let query = read(request.query);
    let answered = match (request.method, request.path) {
        ("GET", "/sessions") => query.map(|query| list(asker, &query)),
        ("POST", "/sessions/kick") => query.and_then(|query| order(asker, query, Act::SignOut)),
        ("POST", "/tokens/revoke") => query.and_then(|query| revoke(asker, query)),
        ("POST", "/trace") => query.and_then(|query| trace(asker, query)),
        ("DELETE", "/trace") => query.map(|_| untrace(asker)),
        (_, "/sessions" | "/sessions/kick" | "/tokens/revoke" | "/trace") => {
            return Some(Response::method_not_allowed());
        }
        _ => return None,
    };
    Some(answered.unwrap_or_else(|complaint| Response::bad_request(complaint + "\n")))
}

fn list(asker: &Asker, query: &Query) -> Response {
    let (seen, next, silent) = match &query.uid {
        Some(uid) => match asker.shard_of(uid, Question::FindUser(uid.clone())) {
            Some(Answer::Found(found)) => (found.seen, None, Vec::new()),
            _ => return Response::unavailable(SILENT),
        },
        None => {
            let limit = query.limit.unwrap_or(LIMIT).min(LIMIT_MAX);
            let listed = asker.list(query.after.unwrap_or_default(), limit);
            (listed.seen, listed.next, listed.silent)
        }
    };
    let sessions: Vec<_> = seen.iter().map(shown).collect();
    let next = next.map(|(shard, place)| format!("{shard}.{place}"));
    let mut body = json!({ "sessions": sessions, "next": next });
    if !silent.is_empty() {
        body["silent_shards"] = json!(silent);
    }
    Response::json(format!("{body}\n"))
}

fn shown(seen: &Seen) -> Value {
    let Seen { uid, info, conn, left } = seen;
    json!({
        "uid": uid.as_str(),
        "session": info.session,
        "device": info.device.as_str(),
        "class": info.class.label(),
        "online": info.online,
        "conn": conn.to_string(),
        "left": left.map(proto::close::CloseReason::label),
        "idle_ms": info.idle_ms,
        "in_flight": info.in_flight,
    })
}

fn revoke(asker: &Asker, query: Query) -> Result<Response, String> {
    match query.which {
        Some(Which::Token(_) | Which::IssuedBefore(_)) => order(asker, query, Act::Revoke),
        _ => Err("say which tokens: before=SECONDS or token=ID".into()),
    }
}

fn order(asker: &Asker, query: Query, act: Act) -> Result<Response, String> {
    let uid = query.uid.ok_or("say whose: uid=")?;
    let which = query.which.unwrap_or(Which::All);
    let order = Order { call: 0, uid: uid.clone(), which, act };
    tracing::info!(?order, "an operator orders about sessions");
    match asker.shard_of(&uid, Question::Order(order)) {
        Some(Answer::Report(Report { full: true, count, .. })) => {
            let body =
                json!({ "ended": count, "revoked": false, "why": "there is no room for another revocation" });
            Ok(Response::json_unavailable(format!("{body}\n")))
        }
        Some(Answer::Report(Report { count, .. })) => {
            Ok(Response::json(format!("{}\n", json!({ "ended": count }))))
        }
        _ => Ok(Response::unavailable(SILENT)),
    }
}

fn trace(asker: &Asker, query: Query) -> Result<Response, String> {
    let uid = query.uid.ok_or("say whom: uid=")?;
    tracing::info!(uid = uid.as_str(), "an operator traces a user");
    Ok(traced(&asker.all(&Question::Trace(Some(uid)))))
}

fn untrace(asker: &Asker) -> Response {
    tracing::info!("nobody is traced any more");
    traced(&asker.all(&Question::Trace(None)))
}

fn traced(silent: &[usize]) -> Response {
    if silent.is_empty() { Response::json("{}\n") } else { Response::unavailable(SILENT) }
}

fn read(text: &str) -> Result<Query, String> {
    let mut query = Query::default();
    for (key, value) in pairs(text)? {
        let wrong = |why: &str| format!("{key}: {value:?} {why}");
        let which = match key {
            "uid" => {
                query.uid = Some(value.parse().map_err(|error| wrong(&format!("{error}")))?);
                continue;
            }
            "limit" => {
                query.limit = Some(value.parse().map_err(|_| wrong("is no number"))?);
                continue;
            }
            "after" => {
                query.after = Some(cursor(&value).ok_or_else(|| wrong("is no \"next\" of ours"))?);
                continue;
            }
            "device" => Which::Device(value.parse().map_err(|error| wrong(&format!("{error}")))?),
            "session" => Which::Session(value.into_owned()),
            "token" if (1..=TOKEN_ID_BYTES_MAX).contains(&value.len()) => Which::Token(value.into_owned()),
            "token" => return Err(wrong("is no token's id")),
            "before" => Which::IssuedBefore(value.parse().map_err(|_| wrong("is no time in seconds"))?),
            _ => return Err(format!("unknown: {key:?}")),
        };
        if query.which.replace(which).is_some() {
            return Err("say only one of device, session, token and before".into());
        }
    }
    Ok(query)
}

fn cursor(text: &str) -> Option<(usize, u32)> {
    let (shard, place) = text.split_once('.')?;
    Some((shard.parse().ok()?, place.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_and_mistakes_in_them_are_told() {
        let query = read("uid=al%69ce&device=a%20b").unwrap();
        assert_eq!(query.uid.unwrap().as_str(), "alice");
        assert_eq!(query.which, Some(Which::Device("a b".parse().unwrap())));
        assert_eq!(read("limit=7&after=1.42").unwrap().after, Some((1, 42)));
        assert_eq!(read("before=12").unwrap().which, Some(Which::IssuedBefore(12)));
        let giant = format!("uid={}", "x".repeat(65));
        for text in [giant.as_str(), "uid=", "limit=many", "after=1", "colour=red", "before=now", "token="] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read("device=a&token=b").unwrap_err().contains("only one"));
    }
}
