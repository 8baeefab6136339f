//! What the node counts, for Prometheus. Names and help texts are those of [`common::metric`].

mod voice;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) use self::voice::{BotMetrics, DialogueMetrics, VoiceMetrics};
use common::Outcome;
use common::metric::{self, Kind, Metric};
use prometheus::core::Collector;
use prometheus::{
    CounterVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry,
};

/// Handles to what the dispatcher counts itself. What shards, journal and link count is summed at scrape.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    active: IntGauge,
    waiting: IntGauge,
    lease: IntGauge,
    invites: IntCounterVec,
    ends: IntCounterVec,
    post_dial_delay: HistogramVec,
    refused: IntCounterVec,
    blocks_lost: Arc<AtomicU64>,
    recordings: IntCounterVec,
    listener_lag: HistogramVec,
    dialogues: DialogueMetrics,
    voice: VoiceMetrics,
    /// The latest of each shard.
    calls: Arc<Mutex<BTreeMap<u16, call::Counters>>>,
}

impl Metrics {
    /// Fresh metrics in a registry of their own.
    pub fn new() -> Self {
        let registry = Registry::new();
        let ends = register(&registry, counters(&metric::DP_ENDS));
        Self {
            active: register(&registry, gauge(&metric::DP_CALLS_ACTIVE)),
            waiting: register(&registry, gauge(&metric::DP_ORDERS_WAITING)),
            lease: register(&registry, gauge(&metric::DP_LEASE)),
            invites: register(&registry, counters(&metric::DP_INVITES)),
            ends,
            post_dial_delay: register(&registry, histograms(&metric::DP_POST_DIAL_DELAY)),
            refused: register(&registry, counters(&metric::DP_ORDERS_REFUSED)),
            blocks_lost: Arc::default(),
            recordings: register(&registry, counters(&metric::DP_RECORDINGS)),
            listener_lag: register(&registry, histograms(&metric::DP_LISTENER_LAG)),
            dialogues: DialogueMetrics::new(&registry),
            voice: VoiceMetrics::new(&registry),
            calls: Arc::default(),
            registry,
        }
    }

    /// What the calls of each shard have counted, as of their latest report.
    pub fn calls_counters(&self) -> BTreeMap<u16, call::Counters> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_calls_counters(&self, shard: u16, counters: call::Counters) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).insert(shard, counters);
    }

    /// Where everything is registered.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn set_levels(&self, active: usize, waiting: usize, lease: bool) {
        self.active.set(active as i64);
        self.waiting.set(waiting as i64);
        self.lease.set(i64::from(lease));
    }

    pub(crate) fn invited(&self, line: &str) {
        self.invites.with_label_values(&[line]).inc();
    }

    pub(crate) fn ended(&self, line: &str, outcome: Outcome, post_dial_delay: Option<Duration>) {
        self.ends.with_label_values(&[line, outcome.as_str()]).inc();
        if let Some(delay) = post_dial_delay {
            self.post_dial_delay.with_label_values(&[line]).observe(delay.as_secs_f64());
        }
    }

    pub(crate) fn refused(&self, reason: &str) {
        self.refused.with_label_values(&[reason]).inc();
    }

    /// How late the listener takes chunks.
    pub(crate) fn listener_lag(&self) -> Histogram {
        self.listener_lag.with_label_values(&[] as &[&str])
    }

    /// What ended dialogues tell.
    pub(crate) fn dialogues(&self) -> &DialogueMetrics {
        &self.dialogues
    }

    /// What voice threads tell.
    pub(crate) fn voice(&self) -> &VoiceMetrics {
        &self.voice
    }

    pub(crate) fn block_lost(&self) {
        self.blocks_lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Blocks of recordings for which no buffer was free.
    pub(crate) fn blocks_lost(&self) -> u64 {
        self.blocks_lost.load(Ordering::Relaxed)
    }

    pub(crate) fn recording(&self, result: &str) {
        self.recordings.with_label_values(&[result]).inc();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> C {
    registry.register(Box::new(collector.clone())).expect("every name is registered once");
    collector
}

fn opts(metric: &Metric) -> Opts {
    Opts::new(metric.name, metric.help.trim())
}

/// A counter without labels.
pub(crate) fn counter(metric: &Metric) -> IntCounter {
    IntCounter::with_opts(opts(metric)).expect("the names of common::metric are well formed")
}

pub(crate) fn gauge(metric: &Metric) -> IntGauge {
    IntGauge::with_opts(opts(metric)).expect("the names of common::metric are well formed")
}

pub(crate) fn gauges(metric: &Metric) -> IntGaugeVec {
    IntGaugeVec::new(opts(metric), metric.labels).expect("the names of common::metric are well formed")
}

pub(crate) fn counters(metric: &Metric) -> IntCounterVec {
    IntCounterVec::new(opts(metric), metric.labels).expect("the names of common::metric are well formed")
}

fn histograms(metric: &Metric) -> HistogramVec {
    let Kind::Histogram(buckets) = metric.kind else { panic!("{} is no histogram", metric.name) };
    let opts = HistogramOpts::from(opts(metric)).buckets(buckets.to_vec());
    HistogramVec::new(opts, metric.labels).expect("the names of common::metric are well formed")
}

/// A counter of seconds.
pub(crate) fn seconds(metric: &Metric) -> CounterVec {
    CounterVec::new(opts(metric), metric.labels).expect("the names of common::metric are well formed")
}
