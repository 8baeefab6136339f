//! What shards, calls, journal, disk and link have counted, summed when somebody asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use common::metric;
use disk::{DiskHandle, JournalHandle};
use media::{DropReason, RtcpDrop};
use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, TextEncoder};
use shard::{MailSender, ShardCounters, Tally};

use crate::http::Show;
use crate::metrics::{Metrics, counter, counters, gauge, gauges, seconds};

/// One shard as seen from outside.
#[derive(Debug)]
pub(crate) struct ShardView {
    pub(crate) counters: Arc<ShardCounters>,
    pub(crate) mail: MailSender<call::Mail>,
    /// CPU time of its thread, µs; kept by the dispatcher's thread.
    pub(crate) cpu_us: AtomicU64,
}

/// All that is counted outside the dispatcher.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) metrics: Metrics,
    pub(crate) shards: Vec<ShardView>,
    pub(crate) journal: Option<JournalHandle>,
    pub(crate) disk: Option<DiskHandle>,
    pub(crate) connects: Arc<AtomicU64>,
    pub(crate) healthy: AtomicBool,
    pub(crate) ready: AtomicBool,
}

impl Show for Sources {
    fn metrics(&self) -> String {
        let mut families = self.metrics.registry().gather();
        families.extend(self.of_calls());
        families.extend(self.of_shards());
        families.extend(self.of_the_rest());
        // Before its first report nothing is known of a shard, and the format has no family without a number.
        families.retain(|family| !family.get_metric().is_empty());
        let mut text = Vec::new();
        let encoded = TextEncoder::new().encode(&families, &mut text);
        encoded.expect("well-formed families into memory");
        String::from_utf8(text).expect("the format is text")
    }

    fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }
}

impl Sources {
    fn of_calls(&self) -> Vec<MetricFamily> {
        let received = counter(&metric::DP_SIP_RECEIVED);
        let sent = counter(&metric::DP_SIP_SENT);
        let retransmitted = counter(&metric::DP_SIP_RETRANSMITTED);
        let dropped = counters(&metric::DP_SIP_DROPPED);
        let rtp_sent = counter(&metric::DP_RTP_SENT);
        let rtp_received = counter(&metric::DP_RTP_RECEIVED);
        let rtp_dropped = counters(&metric::DP_RTP_DROPPED);
        let rtp_lost = counter(&metric::DP_RTP_LOST);
        let tap_chunks = counter(&metric::DP_TAP_CHUNKS);
        let tap_dropped = counters(&metric::DP_TAP_DROPPED);
        let rtcp_sent = counter(&metric::DP_RTCP_SENT);
        let rtcp_received = counter(&metric::DP_RTCP_RECEIVED);
        let rtcp_dropped = counters(&metric::DP_RTCP_DROPPED);
        let shed = counters(&metric::DP_CALLS_SHED);
        let skipped = seconds(&metric::DP_TICK_SKIPPED);
        let skipped_s = skipped.with_label_values(&[] as &[&str]);
        let ports_in_use = gauges(&metric::DP_RTP_PORTS_IN_USE);
        let ports_resting = gauges(&metric::DP_RTP_PORTS_RESTING);
        for (shard, calls) in &self.metrics.calls_counters() {
            let shard = shard.to_string();
            ports_in_use.with_label_values(&[&shard]).set(calls.ports_in_use as i64);
            ports_resting.with_label_values(&[&shard]).set(calls.ports_resting as i64);
            let sip = &calls.sip;
            shed.with_label_values(&["overload"]).inc_by(calls.overload_refusals);
            shed.with_label_values(&["full"]).inc_by(calls.full_refusals);
            shed.with_label_values(&["ports"]).inc_by(calls.port_shortages);
            skipped_s.inc_by(Duration::from_millis(calls.tick_skipped_ms).as_secs_f64());
            received.inc_by(sip.datagrams_received);
            sent.inc_by(sip.datagrams_sent);
            retransmitted.inc_by(sip.requests_retransmitted + sip.responses_retransmitted);
            for (reason, count) in [
                ("malformed", sip.malformed_dropped),
                ("unmatched_response", sip.responses_unmatched),
                ("misrouted_response", sip.responses_misrouted),
                ("unmatched_ack", sip.acks_unmatched),
                ("stray_request_shed", sip.stray_requests_shed),
                ("oversize", sip.oversize_dropped),
            ] {
                dropped.with_label_values(&[reason]).inc_by(count);
            }
            rtp_sent.inc_by(calls.rtp_sent);
            rtp_received.inc_by(calls.rtp_received);
            rtp_lost.inc_by(calls.rtp_lost);
            tap_chunks.inc_by(calls.tap_chunks);
            tap_dropped.with_label_values(&["displaced"]).inc_by(calls.tap_displaced);
            tap_dropped.with_label_values(&["no_buffer"]).inc_by(calls.tap_lost);
            for (reason, count) in DropReason::ALL.iter().zip(calls.rtp_dropped) {
                rtp_dropped.with_label_values(&[reason.as_str()]).inc_by(count);
            }
            rtp_dropped.with_label_values(&["stranger"]).inc_by(calls.rtp_strangers);
            rtp_dropped.with_label_values(&["late"]).inc_by(calls.rtp_late);
            rtcp_sent.inc_by(calls.rtcp_sent);
            rtcp_received.inc_by(calls.rtcp_received);
            for (reason, count) in RtcpDrop::ALL.iter().zip(calls.rtcp_dropped) {
                rtcp_dropped.with_label_values(&[reason.as_str()]).inc_by(count);
            }
            rtcp_dropped.with_label_values(&["stranger"]).inc_by(calls.rtcp_strangers);
            rtcp_dropped.with_label_values(&["late"]).inc_by(calls.rtcp_late);
        }
        [
            received,
            sent,
            retransmitted,
            rtp_sent,
            rtp_received,
            rtp_lost,
            tap_chunks,
            rtcp_sent,
            rtcp_received,
        ]
        .iter()
        .flat_map(Collector::collect)
        .chain(dropped.collect())
        .chain(ports_in_use.collect())
        .chain(ports_resting.collect())
        .chain(skipped.collect())
        .chain(shed.collect())
        .chain(rtp_dropped.collect())
        .chain(tap_dropped.collect())
        .chain(rtcp_dropped.collect())
        .collect()
    }

    fn of_shards(&self) -> Vec<MetricFamily> {
        let cpu = seconds(&metric::DP_SHARD_CPU);
        let turns = counters(&metric::DP_SHARD_TURNS);
        let long_turns = counters(&metric::DP_SHARD_LONG_TURNS);
        let no_buffers = counters(&metric::DP_SHARD_NO_BUFFERS);
        let send_errors = counters(&metric::DP_SHARD_SEND_ERRORS);
        for (index, shard) in self.shards.iter().enumerate() {
            let name = index.to_string();
            let tally = shard.counters.read();
            let time = Duration::from_micros(shard.cpu_us.load(Ordering::Relaxed));
            cpu.with_label_values(&[&name]).inc_by(time.as_secs_f64());
            turns.with_label_values(&[&name]).inc_by(tally.turns);
            no_buffers.with_label_values(&[&name]).inc_by(tally.receive_no_buffers);
            for (step, count) in long_turns_of(&tally) {
                long_turns.with_label_values(&[&name, step]).inc_by(count);
            }
            for (reason, count) in send_errors_of(&tally) {
                send_errors.with_label_values(&[&name, reason]).inc_by(count);
            }
        }
        let mut families = cpu.collect();
        for counters in [turns, long_turns, no_buffers, send_errors] {
            families.extend(counters.collect());
        }
        families
    }

    fn of_the_rest(&self) -> Vec<MetricFamily> {
        let journal = gauge(&metric::DP_JOURNAL_BYTES);
        journal.set(self.journal.as_ref().map_or(0, |journal| journal.usage().bytes as i64));
        let connects = counter(&metric::DP_LINK_CONNECTS);
        connects.inc_by(self.connects.load(Ordering::Relaxed));
        let full = counters(&metric::DP_MAIL_FULL);
        let orders = self.shards.iter().map(|shard| shard.mail.refused_full()).sum();
        full.with_label_values(&["shard"]).inc_by(orders);
        full.with_label_values(&["disk"]).inc_by(self.disk.as_ref().map_or(0, |disk| disk.counters().busy));
        full.with_label_values(&["recording_buffers"]).inc_by(self.metrics.blocks_lost());
        let mut families = journal.collect();
        families.extend(full.collect());
        families.extend(connects.collect());
        families
    }
}

fn long_turns_of(tally: &Tally) -> [(&'static str, u64); 6] {
    [
        ("reap", tally.long_turns_reap),
        ("mail", tally.long_turns_mail),
        ("timers", tally.long_turns_timers),
        ("drain", tally.long_turns_drain),
        ("submit", tally.long_turns_submit),
        ("sleep", tally.long_turns_sleep),
    ]
}

fn send_errors_of(tally: &Tally) -> [(&'static str, u64); 5] {
    [
        ("queue_full", tally.send_queue_full),
        ("unreachable", tally.send_unreachable),
        ("forbidden", tally.send_forbidden),
        ("too_long", tally.send_too_long),
        ("other", tally.send_other),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_are_told_by_shard_and_times_in_seconds() {
        let metrics = Metrics::new();
        for shard in 0..2 {
            let (ports_in_use, ports_resting) = (3 + u64::from(shard), 7);
            let counters =
                call::Counters { ports_in_use, ports_resting, tick_skipped_ms: 250, ..Default::default() };
            metrics.set_calls_counters(shard, counters);
        }
        let sources = Sources {
            metrics,
            shards: Vec::new(),
            journal: None,
            disk: None,
            connects: Arc::default(),
            healthy: AtomicBool::new(true),
            ready: AtomicBool::new(true),
        };
        let text = sources.metrics();
        for line in [
            "peal_dataplane_rtp_ports_in_use{shard=\"1\"} 4\n",
            "peal_dataplane_rtp_ports_resting{shard=\"0\"} 7\n",
            "peal_dataplane_tick_skipped_seconds_total 0.5\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
