//! The logic server's HTTP pages: health, readiness, metrics.

use std::sync::Arc;

use reactor::admin::{Request, Response};
use reactor::counters::Page;

use super::counters::{DiskCounters, LinkCounters, WriterCounters};

/// What is answered to whom.
pub(super) fn pages(
    links: Arc<LinkCounters>,
    writer: Arc<WriterCounters>,
    disk: Arc<DiskCounters>,
) -> impl Fn(Request<'_>) -> Response + Send + 'static {
    let mut metrics = Page::default();
    metrics.add(vec![links]);
    metrics.add(vec![Arc::clone(&writer)]);
    metrics.add(vec![disk]);
    move |request| match (request.method, request.path) {
        ("GET", "/healthz") => Response::text("ok\n"),
        // The pages are there only when the store is open.
        ("GET", "/readyz") if writer.failing.get() == 0 => Response::text("the store takes requests\n"),
        ("GET", "/readyz") => Response::unavailable("the store takes nothing at the moment\n"),
        ("GET", "/metrics") => Response::metrics(metrics.text()),
        (_, "/healthz" | "/readyz" | "/metrics") => Response::method_not_allowed(),
        _ => Response::not_found(),
    }
}
