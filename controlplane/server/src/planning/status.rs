//! What is shown: gauges, and the API's status page.

use std::collections::BTreeMap;

use analytics::ShipperStats;
use peal_core::planner::PassedOver;

use super::Planning;
use crate::clock;

/// What the shipper had done when it was last looked at: its counters become Prometheus's by their growth.
#[derive(Default)]
pub(crate) struct Shipped {
    rows: u64,
    failures: u64,
}

impl Planning {
    pub(super) fn publish(&mut self) {
        let stats = self.shipper.stats();
        self.set_gauges(&stats);
        let status = self.describe(&stats);
        self.status.send_replace(status);
    }

    fn set_gauges(&mut self, stats: &ShipperStats) {
        let metrics = &self.metrics;
        metrics.analytics_rows.inc_by(stats.rows.saturating_sub(self.shipped.rows));
        metrics.analytics_retries.inc_by(stats.failures.saturating_sub(self.shipped.failures));
        self.shipped = Shipped { rows: stats.rows, failures: stats.failures };
        metrics.spool_fill.set(self.spool.fill());
        metrics.spool_lag.set(stats.lag_s());
        metrics.planner_lease.set(if self.term.is_some() { 1.0 } else { 0.0 });
        // Lines may have been renamed or deleted.
        metrics.line_calls.reset();
        metrics.line_calls_max.reset();
        let Some(term) = &self.term else {
            metrics.nodes.set(0.0);
            metrics.attempts_open.set(0.0);
            return;
        };
        metrics.nodes.set(term.nodes.len() as f64);
        metrics.attempts_open.set(term.calls.len() as f64);
        for used in term.snapshot.line_use(clock::now().mono) {
            let name = &[used.line.spec.name.as_str()];
            metrics.line_calls.with_label_values(name).set(f64::from(used.held));
            metrics.line_calls_max.with_label_values(name).set(f64::from(used.line.spec.max_calls));
        }
    }

    fn describe(&self, stats: &ShipperStats) -> api::Status {
        let spool = api::SpoolStatus {
            fill: self.spool.fill(),
            lag_s: stats.lag_s(),
            last_error: stats.last_error.clone(),
        };
        let mut status =
            api::Status { version: env!("CARGO_PKG_VERSION").to_owned(), spool, ..api::Status::default() };
        let Some(term) = &self.term else { return status };
        status.planner = true;
        status.epoch = term.epoch.0;
        status.attempts_open = term.calls.len() as u64;
        let nodes: BTreeMap<_, _> = term.nodes.iter().collect();
        status.nodes = nodes
            .into_iter()
            .map(|(id, node)| api::NodeStatus {
                name: id.0.clone(),
                connected: true,
                active_calls: node.heartbeat.active_calls,
                waiting_orders: node.heartbeat.waiting_orders,
                draining: node.heartbeat.draining,
                journal_fill: node.heartbeat.journal_fill,
                recording_failed: node.heartbeat.recording_failed,
                free_recognisers: node
                    .heartbeat
                    .free_recognisers
                    .iter()
                    .filter(|(name, _)| !name.is_empty())
                    .map(|(name, free)| (name.clone(), *free))
                    .collect(),
            })
            .collect();
        let now = clock::now();
        status.lines = term
            .snapshot
            .line_use(now.mono)
            .map(|used| api::LineStatus {
                id: used.line.id,
                name: used.line.spec.name.clone(),
                calls: used.held,
                max_calls: used.line.spec.max_calls,
                resting_until: used
                    .rests_for
                    .map(|rest| now.wall.saturating_add(rest))
                    .and_then(|until| jiff::Timestamp::from_microsecond(until.0).ok()),
            })
            .collect();
        status.passed_over = term
            .passed_over
            .iter()
            .filter_map(|(what, reason)| match what {
                PassedOver::Campaign(campaign) => {
                    Some(api::PassedOver { campaign: *campaign, reason: reason.as_str().to_owned() })
                }
                PassedOver::Contact(..) | PassedOver::Attempt(_) => None,
            })
            .collect();
        status
    }
}
