//! Counters that cost a plain add: one block per thread, written by that thread alone, summed when somebody looks. Owns the cells and their Prometheus text;
//! what is counted is named where it happens.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;

pub use prometheus_client;

/// A number that one thread writes and any thread reads. Not a lock-prefixed instruction in it.
#[derive(Default)]
pub struct Cell(AtomicU64);

impl Cell {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds to it. Only the owning thread may call this: two writers would lose counts (never corrupt memory).
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Sets it, for gauges. Only the owning thread may call this.
    #[inline]
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    /// What it holds.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A block of cells, declared by [`counters!`](crate::counters!).
pub trait Block: fmt::Debug + Send + Sync + 'static {
    /// Writes the sums over all threads' blocks.
    fn encode(blocks: &[std::sync::Arc<Self>], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result;
}

#[derive(Debug)]
struct Sum<B: Block>(Vec<std::sync::Arc<B>>);

impl<B: Block> Collector for Sum<B> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        B::encode(&self.0, &mut encoder)
    }
}

/// A cell for each value of a label.
#[derive(Debug)]
pub struct Cells<const N: usize>([Cell; N]);

impl<const N: usize> Default for Cells<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Cell::default()))
    }
}

impl<const N: usize> std::ops::Deref for Cells<N> {
    type Target = [Cell; N];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// The metrics page of a process.
#[derive(Debug, Default)]
pub struct Page {
    registry: Registry,
}

impl Page {
    /// Adds the blocks of all threads of one kind.
    pub fn add<B: Block>(&mut self, blocks: Vec<std::sync::Arc<B>>) {
        self.registry.register_collector(Box::new(Sum(blocks)));
    }

    /// The page as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("writing to a String cannot fail");
        text
    }
}

/// Declares a block of per-thread cells with their Prometheus names and help texts.
///
/// ```
/// reactor::counters! {
///     /// What a demo counts.
///     pub struct Demo {
///         /// Requests that were taken.
///         counter requests = "demo_requests";
///         /// Connections that are open.
///         gauge open = "demo_open";
///         /// Requests that ended, by how.
///         counter ended["how"; ["well", "badly"]] = "demo_ended";
///     }
/// }
/// let demo = std::sync::Arc::new(Demo::default());
/// demo.requests.add(2);
/// demo.ended[1].add(1);
/// let mut page = reactor::counters::Page::default();
/// page.add(vec![demo]);
/// assert!(page.text().contains("demo_requests_total 2"));
/// assert!(page.text().contains("demo_ended_total{how=\"badly\"} 1"));
/// ```
///
/// A histogram's type stands behind its name: `histogram took: reactor::histogram::Times = "demo_took_seconds";`. Counters get Prometheus' `_total` behind their name. The values of a label are a constant array or slice of `&str`.
#[macro_export]
macro_rules! counters {
    (
        $(#[$doc:meta])*
        $vis:vis struct $name:ident {
            $($(#[doc = $help:literal])+ $kind:ident $field:ident $(: $type:ty)? $([$label:literal; $values:expr])? = $metric:literal;)+
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        #[repr(align(128))]
        $vis struct $name {
            $($(#[doc = $help])+ pub $field: $crate::counters!(@type $($type)? $([$values])?),)+
        }

        impl $crate::counters::Block for $name {
            fn encode(
                blocks: &[std::sync::Arc<Self>],
                encoder: &mut $crate::counters::prometheus_client::encoding::DescriptorEncoder<'_>,
            ) -> std::fmt::Result {
                $($crate::counters!(@encode blocks, encoder, $kind, $field, $metric, concat!($($help),+) $(, $label, [$values])?);)+
                Ok(())
            }
        }
    };
    (@type) => { $crate::counters::Cell };
    (@type [$values:expr]) => { $crate::counters::Cells<{ $values.len() }> };
    (@type $type:ty) => { $type };
    (@encode $blocks:ident, $encoder:ident, histogram, $field:ident, $metric:literal, $help:expr) => {
        let metric = $crate::counters!(@descriptor $encoder, histogram, $metric, $help);
        $crate::histogram::Histogram::encode($blocks.iter().map(|block| &block.$field), metric)?;
    };
    (@encode $blocks:ident, $encoder:ident, $kind:ident, $field:ident, $metric:literal, $help:expr) => {
        let sum: u64 = $blocks.iter().map(|block| block.$field.get()).sum();
        let metric = $crate::counters!(@descriptor $encoder, $kind, $metric, $help);
        $crate::counters!(@value metric, $kind, sum);
    };
    (@encode $blocks:ident, $encoder:ident, $kind:ident, $field:ident, $metric:literal, $help:expr, $label:literal, [$values:expr]) => {
        let mut metric = $crate::counters!(@descriptor $encoder, $kind, $metric, $help);
        for (index, value) in $values.iter().enumerate() {
            let sum: u64 = $blocks.iter().map(|block| block.$field[index].get()).sum();
            let labels = [($label, *value)];
            let metric = metric.encode_family(&labels)?;
            $crate::counters!(@value metric, $kind, sum);
        }
    };
    (@descriptor $encoder:ident, $kind:ident, $metric:literal, $help:expr) => {
        $encoder.encode_descriptor($metric, $help.trim_ascii().trim_end_matches('.'), None, $crate::counters!(@kind $kind))?
    };
    (@kind counter) => { $crate::counters::prometheus_client::metrics::MetricType::Counter };
    (@kind histogram) => { $crate::counters::prometheus_client::metrics::MetricType::Histogram };
    (@kind gauge) => { $crate::counters::prometheus_client::metrics::MetricType::Gauge };
    (@value $metric:ident, counter, $sum:ident) => {{
        let mut metric = $metric;
        metric.encode_counter::<$crate::counters::prometheus_client::encoding::NoLabelSet, _, u64>(&$sum, None)?;
    }};
    (@value $metric:ident, gauge, $sum:ident) => {{
        let mut metric = $metric;
        metric.encode_gauge(&$sum)?;
    }};
}
