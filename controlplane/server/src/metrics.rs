//! The control plane's metrics, under the names of [`common::metric`].

use common::metric::{self, Kind, Metric};
use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry,
    TextEncoder,
};

/// Handles of all metrics; cheap to clone.
#[derive(Clone)]
#[expect(missing_docs, reason = "each is documented where it is named, in common::metric")]
pub struct Metrics {
    registry: Registry,
    pub planner_tick: Histogram,
    pub orders: IntCounterVec,
    pub passed_over: IntCounterVec,
    pub attempts_open: Gauge,
    pub attempts_ended: IntCounterVec,
    pub line_calls: GaugeVec,
    pub line_calls_max: GaugeVec,
    pub intent_commit: Histogram,
    pub import_rows: IntCounterVec,
    pub nodes: Gauge,
    pub events: IntCounter,
    pub api_requests: IntCounterVec,
    pub planner_lease: Gauge,
    pub analytics_rows: IntCounter,
    pub analytics_retries: IntCounter,
    pub spool_fill: Gauge,
    pub spool_lag: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        let r = &registry;
        Self {
            planner_tick: histogram(r, &metric::CP_PLANNER_TICK),
            orders: counters(r, &metric::CP_ORDERS),
            passed_over: counters(r, &metric::CP_PASSED_OVER),
            attempts_open: gauge(r, &metric::CP_ATTEMPTS_OPEN),
            attempts_ended: counters(r, &metric::CP_ATTEMPTS_ENDED),
            line_calls: gauges(r, &metric::CP_LINE_CALLS),
            line_calls_max: gauges(r, &metric::CP_LINE_CALLS_MAX),
            intent_commit: histogram(r, &metric::CP_INTENT_COMMIT),
            import_rows: counters(r, &metric::CP_IMPORT_ROWS),
            nodes: gauge(r, &metric::CP_NODES),
            events: counter(r, &metric::CP_EVENTS),
            api_requests: counters(r, &metric::CP_API_REQUESTS),
            planner_lease: gauge(r, &metric::CP_PLANNER_LEASE),
            analytics_rows: counter(r, &metric::CP_ANALYTICS_ROWS),
            analytics_retries: counter(r, &metric::CP_ANALYTICS_RETRIES),
            spool_fill: gauge(r, &metric::CP_SPOOL_FILL),
            spool_lag: gauge(r, &metric::CP_SPOOL_LAG),
            registry,
        }
    }
}

impl Metrics {
    /// The page for Prometheus.
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text).expect("writing to memory succeeds");
        String::from_utf8(text).expect("the encoder writes UTF-8")
    }
}

const ONCE: &str = "names are distinct and well formed, as common::metric tests";

fn opts(metric: &Metric) -> Opts {
    Opts::new(metric.name, metric.help.trim())
}

fn register<C: prometheus::core::Collector + Clone + 'static>(registry: &Registry, made: C) -> C {
    registry.register(Box::new(made.clone())).expect(ONCE);
    made
}

fn counter(registry: &Registry, metric: &Metric) -> IntCounter {
    register(registry, IntCounter::with_opts(opts(metric)).expect(ONCE))
}

fn counters(registry: &Registry, metric: &Metric) -> IntCounterVec {
    register(registry, IntCounterVec::new(opts(metric), metric.labels).expect(ONCE))
}

fn gauge(registry: &Registry, metric: &Metric) -> Gauge {
    register(registry, Gauge::with_opts(opts(metric)).expect(ONCE))
}

fn gauges(registry: &Registry, metric: &Metric) -> GaugeVec {
    register(registry, GaugeVec::new(opts(metric), metric.labels).expect(ONCE))
}

fn histogram(registry: &Registry, metric: &Metric) -> Histogram {
    let Kind::Histogram(buckets) = metric.kind else { panic!("{} is no histogram", metric.name) };
    let opts = HistogramOpts::from(opts(metric)).buckets(buckets.to_vec());
    register(registry, Histogram::with_opts(opts).expect(ONCE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_of_the_control_plane_is_registered() {
        let metrics = Metrics::default();
        // A family without members is not shown.
        for family in [
            &metrics.orders,
            &metrics.passed_over,
            &metrics.attempts_ended,
            &metrics.import_rows,
            &metrics.api_requests,
        ] {
            family.with_label_values(&["1"]).inc();
        }
        metrics.line_calls.with_label_values(&["a"]).set(1.0);
        metrics.line_calls_max.with_label_values(&["a"]).set(1.0);
        let text = metrics.text();
        for metric in metric::ALL.iter().filter(|m| m.name.starts_with("peal_controlplane_")) {
            assert!(text.contains(&format!("# HELP {} ", metric.name)), "{}", metric.name);
        }
    }
}
