//! Dialogues and the voice threads in numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use call::{Record, Stamps};
use common::metric;
use prometheus::core::Collector;
use prometheus::{CounterVec, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Registry};

use super::{counter, counters, gauges, histograms, register, seconds};

/// What dialogues tell when they are over.
#[derive(Clone, Debug)]
pub(crate) struct DialogueMetrics {
    first_audio: HistogramVec,
    turn: HistogramVec,
    barge_in: HistogramVec,
    faults: IntCounterVec,
    hold: CounterVec,
    opt_outs: IntCounter,
    transfers: IntCounterVec,
}

impl DialogueMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            first_audio: register(registry, histograms(&metric::DP_FIRST_AUDIO)),
            turn: register(registry, histograms(&metric::DP_TURN)),
            barge_in: register(registry, histograms(&metric::DP_BARGE_IN)),
            faults: register(registry, counters(&metric::DP_DIALOGUE_FAULTS)),
            hold: register(registry, seconds(&metric::DP_HOLD)),
            opt_outs: register(registry, counter(&metric::DP_OPT_OUTS)),
            transfers: register(registry, counters(&metric::DP_TRANSFERS)),
        }
    }

    pub(crate) fn opted_out(&self) {
        self.opt_outs.inc();
    }

    /// A callee was to be given to somebody else, and this was done.
    pub(crate) fn transfer(&self, result: &str) {
        self.transfers.with_label_values(&[result]).inc();
    }

    /// A call has ended.
    pub(crate) fn ended(&self, stamps: &Stamps, record: Option<&Record>) {
        let none: [&str; 0] = [];
        if let (Some(answered), Some(first)) = (stamps.answered, stamps.first_audio) {
            let after = first.saturating_duration_since(answered);
            self.first_audio.with_label_values(&none).observe(after.as_secs_f64());
        }
        let Some(record) = record else { return };
        for latency in record.turns.iter().filter_map(|turn| turn.latency) {
            for (part, time) in [
                ("endpointing", latency.endpointing),
                ("recogniser", latency.recogniser),
                ("understanding", latency.understanding),
                ("speech", latency.speech),
                ("own", latency.own),
                ("total", latency.total),
            ] {
                self.turn.with_label_values(&[part]).observe(time.as_secs_f64());
            }
        }
        let counts = &record.counts;
        for after in &record.barge_ins {
            self.barge_in.with_label_values(&none).observe(after.as_secs_f64());
        }
        self.hold.with_label_values(&none).inc_by(counts.hold.as_secs_f64());
        for (kind, count) in [
            ("no_input", counts.no_inputs),
            ("no_match", counts.no_matches),
            ("recogniser", counts.recogniser_errors),
            ("voice", counts.voice_errors),
            ("server", counts.server_errors),
        ] {
            if count > 0 {
                self.faults.with_label_values(&[kind]).inc_by(u64::from(count));
            }
        }
    }
}

/// What voice threads tell.
#[derive(Clone, Debug)]
pub(crate) struct VoiceMetrics {
    sessions: IntGaugeVec,
    faults: IntCounterVec,
    answer: HistogramVec,
    connect: HistogramVec,
    understanding: HistogramVec,
    asked: IntCounterVec,
    wishes_lost: IntCounterVec,
    heard: CounterVec,
    sent: CounterVec,
    dropped: CounterVec,
    models: IntCounterVec,
    tokens: IntCounterVec,
    servers: IntCounterVec,
    model_requests: IntGaugeVec,
    voices: IntCounterVec,
    voice_requests: IntGaugeVec,
    bots: BotMetrics,
}

/// What bots tell.
#[derive(Clone, Debug)]
pub(crate) struct BotMetrics {
    sessions: IntGaugeVec,
    faults: IntCounterVec,
    connect: HistogramVec,
    dropped: CounterVec,
}

impl VoiceMetrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            sessions: register(registry, gauges(&metric::DP_RECOGNISER_SESSIONS)),
            faults: register(registry, counters(&metric::DP_RECOGNISER_FAULTS)),
            answer: register(registry, histograms(&metric::DP_RECOGNISER_ANSWER)),
            connect: register(registry, histograms(&metric::DP_RECOGNISER_CONNECT)),
            understanding: register(registry, histograms(&metric::DP_UNDERSTANDING)),
            asked: register(registry, counters(&metric::DP_ANSWERS_ASKED)),
            wishes_lost: register(registry, counters(&metric::DP_WISHES_LOST)),
            heard: register(registry, seconds(&metric::DP_HEARD)),
            sent: register(registry, seconds(&metric::DP_RECOGNISER_SENT)),
            dropped: register(registry, seconds(&metric::DP_RECOGNISER_DROPPED)),
            models: register(registry, counters(&metric::DP_MODEL_FAULTS)),
            tokens: register(registry, counters(&metric::DP_MODEL_TOKENS)),
            servers: register(registry, counters(&metric::DP_SERVER_FAULTS)),
            model_requests: register(registry, gauges(&metric::DP_MODEL_REQUESTS)),
            voices: register(registry, counters(&metric::DP_VOICE_FAULTS)),
            voice_requests: register(registry, gauges(&metric::DP_VOICE_REQUESTS)),
            bots: BotMetrics {
                sessions: register(registry, gauges(&metric::DP_BOT_SESSIONS)),
                faults: register(registry, counters(&metric::DP_BOT_FAULTS)),
                connect: register(registry, histograms(&metric::DP_BOT_CONNECT)),
                dropped: register(registry, seconds(&metric::DP_BOT_DROPPED)),
            },
        }
    }

    /// What went wrong with recognisers, bots, models, voices and servers, by name and kind.
    pub(crate) fn all_faults(&self) -> BTreeMap<String, u64> {
        let hooks = [&self.faults, &self.bots.faults, &self.models, &self.voices, &self.servers];
        let families = hooks.into_iter().flat_map(|hook| hook.collect());
        let mut faults = BTreeMap::new();
        for family in families {
            for metric in family.get_metric() {
                let label = |name: &str| {
                    let label = metric.get_label().iter().find(|label| label.name() == name);
                    label.map_or("", |label| label.value())
                };
                let hook = ["recogniser", "bot", "model", "voice", "by"].map(label).concat();
                *faults.entry(format!("{hook}: {}", label("kind"))).or_default() +=
                    metric.get_counter().get_value() as u64;
            }
        }
        faults
    }

    pub(crate) fn bots(&self) -> &BotMetrics {
        &self.bots
    }

    /// There are no voice threads any more, and nothing is under way.
    pub(crate) fn on_gone(&self) {
        for gauges in [&self.sessions, &self.bots.sessions, &self.model_requests, &self.voice_requests] {
            gauges.reset();
        }
    }

    pub(crate) fn sessions(&self, recogniser: &str, more: i64) {
        self.sessions.with_label_values(&[recogniser]).add(more);
    }

    pub(crate) fn connected(&self, recogniser: &str, took: Duration) {
        self.connect.with_label_values(&[recogniser]).observe(took.as_secs_f64());
    }

    pub(crate) fn failed(&self, recogniser: &str, kind: &str) {
        self.faults.with_label_values(&[recogniser, kind]).inc();
    }

    pub(crate) fn server_failed(&self, by: &str, kind: &str) {
        self.servers.with_label_values(&[by, kind]).inc();
    }

    pub(crate) fn wish_lost(&self) {
        self.wishes_lost.with_label_values(&[] as &[&str]).inc();
    }

    /// Audio of callees, and how much of it was sent to a recogniser.
    pub(crate) fn audio_heard(&self, ms: u64) {
        self.heard.with_label_values(&[] as &[&str]).inc_by(ms as f64 / 1_000.0);
    }

    pub(crate) fn audio_sent(&self, recogniser: &str, ms: u64) {
        self.sent.with_label_values(&[recogniser]).inc_by(ms as f64 / 1_000.0);
    }

    pub(crate) fn tokens(&self, model: &str, tokens: u64) {
        self.tokens.with_label_values(&[model]).inc_by(tokens);
    }

    pub(crate) fn reconnected(&self, recogniser: &str) {
        self.faults.with_label_values(&[recogniser, "reconnected"]).inc();
    }

    pub(crate) fn refused(&self, recogniser: &str) {
        self.faults.with_label_values(&[recogniser, "refused"]).inc();
    }

    pub(crate) fn heard(&self, recogniser: &str, took: Duration, understanding: Duration) {
        self.answer.with_label_values(&[recogniser]).observe(took.as_secs_f64());
        self.understanding.with_label_values(&[] as &[&str]).observe(understanding.as_secs_f64());
    }

    /// Somebody was asked what an answer means.
    pub(crate) fn asked(&self, by: &str, result: &str) {
        self.asked.with_label_values(&[by, result]).inc();
    }

    pub(crate) fn dropped(&self, recogniser: &str, ms: u64) {
        self.dropped.with_label_values(&[recogniser]).inc_by(ms as f64 / 1_000.0);
    }

    /// A call did not get its answer.
    pub(crate) fn model_failed(&self, model: &str, kind: &str) {
        self.models.with_label_values(&[model, kind]).inc();
    }

    /// A part of a sentence was not spoken.
    pub(crate) fn voice_failed(&self, voice: &str, kind: &str) {
        self.voices.with_label_values(&[voice, kind]).inc();
    }

    /// Requests to a model that are under way now.
    pub(crate) fn model_requests(&self, model: &str, now: usize) {
        set(&self.model_requests, model, now);
    }

    /// Requests to a voice that are under way now.
    pub(crate) fn voice_requests(&self, voice: &str, now: usize) {
        set(&self.voice_requests, voice, now);
    }
}

fn set(gauges: &IntGaugeVec, name: &str, now: usize) {
    gauges.with_label_values(&[name]).set(i64::try_from(now).unwrap_or(i64::MAX));
}

impl BotMetrics {
    pub(crate) fn sessions(&self, bot: &str, more: i64) {
        self.sessions.with_label_values(&[bot]).add(more);
    }

    pub(crate) fn connected(&self, bot: &str, took: Duration) {
        self.connect.with_label_values(&[bot]).observe(took.as_secs_f64());
    }

    pub(crate) fn failed(&self, bot: &str, kind: &str) {
        self.faults.with_label_values(&[bot, kind]).inc();
    }

    pub(crate) fn dropped(&self, bot: &str, ms: u64) {
        self.dropped.with_label_values(&[bot]).inc_by(ms as f64 / 1_000.0);
    }
}
