//! The gateway's admin pages: health, readiness, metrics; those about single connections are `operator`'s.

use std::sync::Arc;

use reactor::admin::{Request, Response};
use reactor::counters::Page;

use super::ask::Asker;
use super::counters::{Counters, Handovers};
use super::operator;
use crate::Mode;

/// What is answered to whom.
pub(super) fn pages(
    mode: Mode,
    blocks: Vec<Arc<Counters>>,
    handovers: Arc<Handovers>,
    asker: Asker,
) -> impl Fn(Request<'_>) -> Response + Send + 'static {
    let mut metrics = Page::default();
    metrics.add(blocks.clone());
    metrics.add(vec![handovers]);
    move |request| match (request.method, request.path) {
        ("GET", "/healthz") => Response::text("ok\n"),
        ("GET", "/readyz") if blocks.iter().any(|block| block.draining.get() > 0) => {
            Response::unavailable("this gateway is letting its clients go\n")
        }
        ("GET", "/readyz") if mode == Mode::Echo => Response::text("an echo needs no state server\n"),
        ("GET", "/readyz") => ready(&blocks),
        ("GET", "/metrics") => Response::metrics(metrics.text()),
        (_, "/healthz" | "/readyz" | "/metrics") => Response::method_not_allowed(),
        _ => operator::page(&asker, request).unwrap_or_else(Response::not_found),
    }
}

/// Ready when every reactor has a link to every shard: before that, clients can connect but not log in.
fn ready(blocks: &[Arc<Counters>]) -> Response {
    let linked =
        |block: &&Arc<Counters>| block.shards.get() > 0 && block.shards_up.get() == block.shards.get();
    let count = blocks.iter().filter(linked).count();
    let text = format!("{count} of {} reactors are linked to the state server\n", blocks.len());
    if count == blocks.len() { Response::text(text) } else { Response::unavailable(text) }
}
