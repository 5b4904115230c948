//! The state server's admin pages: health, readiness, metrics; those about single sessions are `operator`'s.

use std::sync::Arc;

use reactor::admin::{Request, Response};
use reactor::counters::Page;

use super::ask::Asker;
use super::counters::{Counters, DoorCounters, JournalCounters};
use super::operator;

/// What is answered to whom.
pub(super) fn pages(
    blocks: Vec<Arc<Counters>>,
    door: Arc<DoorCounters>,
    journals: Vec<Arc<JournalCounters>>,
    asker: Asker,
) -> impl Fn(Request<'_>) -> Response + Send + 'static {
    let mut metrics = Page::default();
    metrics.add(blocks.clone());
    metrics.add(vec![door]);
    metrics.add(journals);
    move |request| match (request.method, request.path) {
        ("GET", "/healthz") => Response::text("ok\n"),
        ("GET", "/readyz") => ready(&blocks),
        ("GET", "/metrics") => Response::metrics(metrics.text()),
        (_, "/healthz" | "/readyz" | "/metrics") => Response::method_not_allowed(),
        _ => operator::page(&asker, request).unwrap_or_else(Response::not_found),
    }
}

/// Ready when logic has welcomed every shard: before that, nobody can log in. Not any more when the server stops.
fn ready(blocks: &[Arc<Counters>]) -> Response {
    if blocks.iter().any(|block| block.stopping.get() > 0) {
        return Response::unavailable("this state server is stopping\n");
    }
    let count = blocks.iter().filter(|block| block.logic_ready.get() == 1).count();
    let text = format!("{count} of {} shards are linked to the logic server\n", blocks.len());
    if count == blocks.len() { Response::text(text) } else { Response::unavailable(text) }
}
