//! The name, help text and buckets of every metric, written once.
//!
//! Names are `<plane>_<noun>_<what>_<unit>[_total]` after the prefix `peal_`. Labels are closed sets (an outcome, a reason, a
//! queue), or a configured name of which there are few (a line); never a number, an address or an id of a call.

/// What Prometheus calls the type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only grows while the process lives.
    Counter,
    /// Goes both ways.
    Gauge,
    /// Observations in the given buckets (upper bounds, in the unit of the name).
    Histogram(&'static [f64]),
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The full name.
    pub name: &'static str,
    /// One sentence for the operator.
    pub help: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// Names of the labels, in order.
    pub labels: &'static [&'static str],
}

/// Ring and post-dial delays: people judge 2 s as quick and 10 s as broken; 60 s is the usual ring limit.
const DELAY_SECONDS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0];
/// Work that should take milliseconds: planner ticks, commits, inserts.
const WORK_SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Turns of a dialogue: what we add should be hidden in 40 ms, a person answers after 200, and after 2 s callees say "hello?".
const TURN_SECONDS: &[f64] = &[0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];
/// Understanding a sentence, which should take 50 µs.
const THOUGHT_SECONDS: &[f64] = &[0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.01];

macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $name:ident = $text:literal, $kind:expr, [$($label:literal),*];)+) => {
        $($(#[doc = $help])+
        pub const $name: Metric =
            Metric { name: $text, help: concat!($($help),+), kind: $kind, labels: &[$($label),*] };)+

        /// Every metric of both planes.
        pub const ALL: &[Metric] = &[$($name),+];
    };
}

use Kind::{Counter, Gauge, Histogram};

metrics! {
    // Data plane: calls.
    /// Calls between INVITE and release.
    DP_CALLS_ACTIVE = "peal_dataplane_calls_active", Gauge, [];
    /// Route tries (INVITEs with a new Call-ID) that have left.
    DP_INVITES = "peal_dataplane_invites_sent_total", Counter, ["line"];
    /// Route tries by how they ended.
    DP_ENDS = "peal_dataplane_route_tries_ended_total", Counter, ["line", "outcome"];
    /// From INVITE to the first 180 or 183 or final response.
    DP_POST_DIAL_DELAY = "peal_dataplane_post_dial_delay_seconds", Histogram(DELAY_SECONDS), ["line"];
    /// Orders refused by this node, by reason.
    DP_ORDERS_REFUSED = "peal_dataplane_orders_refused_total", Counter, ["reason"];
    /// Orders waiting for their sending slot on a line.
    DP_ORDERS_WAITING = "peal_dataplane_orders_waiting", Gauge, [];
    // Data plane: SIP.
    /// SIP messages received.
    DP_SIP_RECEIVED = "peal_dataplane_sip_messages_received_total", Counter, [];
    /// SIP messages sent, retransmissions included.
    DP_SIP_SENT = "peal_dataplane_sip_messages_sent_total", Counter, [];
    /// SIP messages that we sent again because nothing came back.
    DP_SIP_RETRANSMITTED = "peal_dataplane_sip_retransmissions_sent_total", Counter, [];
    /// SIP datagrams dropped, by reason.
    DP_SIP_DROPPED = "peal_dataplane_sip_datagrams_dropped_total", Counter, ["reason"];
    // Data plane: media.
    /// RTP packets sent.
    DP_RTP_SENT = "peal_dataplane_rtp_packets_sent_total", Counter, [];
    /// RTP packets received and taken.
    DP_RTP_RECEIVED = "peal_dataplane_rtp_packets_received_total", Counter, [];
    /// RTP packets dropped, by reason; `stranger` is a source that no call negotiated or latched.
    DP_RTP_DROPPED = "peal_dataplane_rtp_packets_dropped_total", Counter, ["reason"];
    /// RTP packets that the far end sent and we never got (RFC 3550 section A.3).
    DP_RTP_LOST = "peal_dataplane_rtp_packets_lost_total", Counter, [];
    /// RTCP reports sent.
    DP_RTCP_SENT = "peal_dataplane_rtcp_reports_sent_total", Counter, [];
    /// RTCP datagrams received and taken.
    DP_RTCP_RECEIVED = "peal_dataplane_rtcp_datagrams_received_total", Counter, [];
    /// RTCP datagrams dropped, by reason; `stranger` is a source that belongs to no call.
    DP_RTCP_DROPPED = "peal_dataplane_rtcp_datagrams_dropped_total", Counter, ["reason"];
    /// Chunks of tapped audio that shards handed to the listener.
    DP_TAP_CHUNKS = "peal_dataplane_tap_chunks_sent_total", Counter, [];
    /// Chunks of tapped audio dropped, by reason: `displaced` was not taken in time, for `no_buffer` the listener holds too
    /// many.
    DP_TAP_DROPPED = "peal_dataplane_tap_chunks_dropped_total", Counter, ["reason"];
    /// From handing over a chunk of tapped audio to its taking by the listener; the oldest of each look.
    DP_LISTENER_LAG = "peal_dataplane_listener_lag_seconds", Histogram(WORK_SECONDS), [];
    // Data plane: voice.
    /// From the answer to our first audio.
    DP_FIRST_AUDIO = "peal_dataplane_first_audio_seconds", Histogram(TURN_SECONDS), [];
    /// What callees waited for an answer of ours, from their last sound to our first, by part: `endpointing`, `recogniser`,
    /// `understanding`, `speech`, `own`, and `total`.
    DP_TURN = "peal_dataplane_turn_seconds", Histogram(TURN_SECONDS), ["part"];
    /// How long we spoke on when we were interrupted: from the first packet with the callee's voice to our last.
    DP_BARGE_IN = "peal_dataplane_barge_in_seconds", Histogram(TURN_SECONDS), [];
    /// What went wrong in dialogues, by kind: `no_input`, `no_match`, `recogniser`, `voice`, `server`.
    DP_DIALOGUE_FAULTS = "peal_dataplane_dialogue_faults_total", Counter, ["kind"];
    /// Time in which music was heard from callees' sides instead of voices.
    DP_HOLD = "peal_dataplane_hold_seconds_total", Counter, [];
    /// Callees who said that they want no more calls.
    DP_OPT_OUTS = "peal_dataplane_opt_outs_total", Counter, [];
    /// Callees that were to be given to somebody else, by what was done: `refer`, `bridge`, or why it was not: `line_full`,
    /// `no_line`, `no_lease`, `bad_address`, `forbidden_address`, `look_ups_full`. A second call that missed its moment is asked for, and counted, again.
    DP_TRANSFERS = "peal_dataplane_transfers_total", Counter, ["result"];
    /// Open sessions with a recogniser.
    DP_RECOGNISER_SESSIONS = "peal_dataplane_recogniser_sessions", Gauge, ["recogniser"];
    /// What went wrong with recognisers, by kind: `refused` (not begun: full or down), `reconnected` (opened again), `connect`, `stalled`, `broken`,
    /// `rubbish`, `refusal`, `flood`.
    DP_RECOGNISER_FAULTS = "peal_dataplane_recogniser_faults_total", Counter, ["recogniser", "kind"];
    /// From the end of speech to a recogniser's last word.
    DP_RECOGNISER_ANSWER = "peal_dataplane_recogniser_answer_seconds", Histogram(TURN_SECONDS), ["recogniser"];
    /// How long a connection to a recogniser took.
    DP_RECOGNISER_CONNECT = "peal_dataplane_recogniser_connect_seconds", Histogram(WORK_SECONDS), ["recogniser"];
    /// What it took to understand an answer.
    DP_UNDERSTANDING = "peal_dataplane_understanding_seconds", Histogram(THOUGHT_SECONDS), [];
    /// Answers about which a script had somebody asked, by whom: `server`, `model`; and with what result: `understood`, `no_match`, `failed`.
    DP_ANSWERS_ASKED = "peal_dataplane_answers_asked_total", Counter, ["by", "result"];
    /// Audio of callees while their calls could listen. What recognisers were sent of it is less: speech alone, in answers.
    DP_HEARD = "peal_dataplane_heard_seconds_total", Counter, [];
    /// Audio sent to a recogniser.
    DP_RECOGNISER_SENT = "peal_dataplane_recogniser_audio_sent_seconds_total", Counter, ["recogniser"];
    /// What calls wanted of the voice thread and it had no room for. Each call's own deadline makes up for it: it goes on as if nobody had answered.
    DP_WISHES_LOST = "peal_dataplane_voice_wishes_lost_total", Counter, [];
    /// Audio lost because a recogniser took none.
    DP_RECOGNISER_DROPPED = "peal_dataplane_recogniser_audio_dropped_seconds_total", Counter, ["recogniser"];
    /// Requests to a language model that are under way.
    DP_MODEL_REQUESTS = "peal_dataplane_model_requests", Gauge, ["model"];
    /// Answers that calls did not get of a language model, by kind: `refused` (it has as many requests as it may, or is left alone after
    /// failures), `connect`, `slow`, `broken`, `status` (it answered with one that is no success), `rubbish`, `refusal`, `tool` (it was called wrongly) and
    /// `voice` (it could not be spoken).
    DP_MODEL_FAULTS = "peal_dataplane_model_faults_total", Counter, ["model", "kind"];
    /// Requests of scripts that came to nothing, by step (`http`, `webhook`) and kind: `url`, `forbidden` (an address that scripts must not reach),
    /// `connect`, `slow`, `status`, `rubbish` (no JSON), `too_long`, and `script` for a webhook's answer that is none.
    DP_SERVER_FAULTS = "peal_dataplane_server_faults_total", Counter, ["by", "kind"];
    /// Tokens of conversations, questions and answers together: as the server counts them, else estimated.
    DP_MODEL_TOKENS = "peal_dataplane_model_tokens_total", Counter, ["model"];
    /// Requests to the server of a voice that are under way.
    DP_VOICE_REQUESTS = "peal_dataplane_voice_requests", Gauge, ["voice"];
    /// Parts of sentences that a voice did not speak, tries before the calls included, by kind: `refused` (as of a language model), `unavailable` (out of reach, 429,
    /// 5xx, or it broke off), `slow`, `declined` (any other status that is no success), `rubbish`, `program` (it could not be run), `too_long`.
    DP_VOICE_FAULTS = "peal_dataplane_voice_faults_total", Counter, ["voice", "kind"];
    /// Calls that a bot has.
    DP_BOT_SESSIONS = "peal_dataplane_bot_sessions", Gauge, ["bot"];
    /// Calls that a bot could not have, or no longer, by kind: `refused` (full or down), `connect`, `stalled`, `broken`, `rubbish`,
    /// `refusal`, `flood`, and `overrun` for audio or marks beyond what may wait.
    DP_BOT_FAULTS = "peal_dataplane_bot_faults_total", Counter, ["bot", "kind"];
    /// How long a connection to a bot took.
    DP_BOT_CONNECT = "peal_dataplane_bot_connect_seconds", Histogram(WORK_SECONDS), ["bot"];
    /// Audio of callees lost because a bot took none.
    DP_BOT_DROPPED = "peal_dataplane_bot_audio_dropped_seconds_total", Counter, ["bot"];
    /// RTP ports that calls hold: shared ones while a call is set up, own ones up to its end.
    DP_RTP_PORTS_IN_USE = "peal_dataplane_rtp_ports_in_use", Gauge, ["shard"];
    /// RTP ports that one call had for itself and that rest after it.
    DP_RTP_PORTS_RESTING = "peal_dataplane_rtp_ports_resting", Gauge, ["shard"];
    // Data plane: shard.
    /// CPU time of the shard threads.
    DP_SHARD_CPU = "peal_dataplane_shard_cpu_seconds_total", Counter, ["shard"];
    /// Turns of the shard loop.
    DP_SHARD_TURNS = "peal_dataplane_shard_turns_total", Counter, ["shard"];
    /// Turns that took longer than the limit, by the step that did it; `sleep` counts what a thread woke too late.
    DP_SHARD_LONG_TURNS = "peal_dataplane_shard_long_turns_total", Counter, ["shard", "step"];
    /// Times that a receive found no free buffer.
    DP_SHARD_NO_BUFFERS = "peal_dataplane_shard_receive_buffers_exhausted_total", Counter, ["shard"];
    /// Datagrams that the kernel refused to send, by reason.
    DP_SHARD_SEND_ERRORS = "peal_dataplane_shard_send_errors_total", Counter, ["shard", "reason"];
    /// Calls that a shard refused or ended: `overload`, its core is used up or late; `full`, it carries as many as it may
    /// (another shard may have taken either); `ports`, no RTP port was free, or the far end's address was another call's
    /// on the same port.
    DP_CALLS_SHED = "peal_dataplane_calls_shed_total", Counter, ["reason"];
    /// Time whose packets were left out because a shard stood still.
    DP_TICK_SKIPPED = "peal_dataplane_tick_skipped_seconds_total", Counter, [];
    /// Mail that found its queue full, by queue.
    DP_MAIL_FULL = "peal_dataplane_mail_full_total", Counter, ["queue"];
    // Data plane: disk and link.
    /// Recordings by how they ended: `kept`, `failed`, `repaired`.
    DP_RECORDINGS = "peal_dataplane_recordings_total", Counter, ["result"];
    /// Bytes of events in the journal that the control plane has not acknowledged.
    DP_JOURNAL_BYTES = "peal_dataplane_journal_bytes", Gauge, [];
    /// Whether the node holds a valid lease of the control plane (1) or not (0).
    DP_LEASE = "peal_dataplane_lease_valid", Gauge, [];
    /// Times that the link to the control plane was made anew.
    DP_LINK_CONNECTS = "peal_dataplane_link_connects_total", Counter, [];

    // Control plane: planner.
    /// How long a planner tick took.
    CP_PLANNER_TICK = "peal_controlplane_planner_tick_seconds", Histogram(WORK_SECONDS), [];
    /// Orders planned, by campaign priority.
    CP_ORDERS = "peal_controlplane_orders_planned_total", Counter, ["priority"];
    /// Passes over a ready campaign or contact, by reason.
    CP_PASSED_OVER = "peal_controlplane_contacts_passed_over_total", Counter, ["reason"];
    /// Attempts whose intent is durable and whose end is not.
    CP_ATTEMPTS_OPEN = "peal_controlplane_attempts_open", Gauge, [];
    /// Attempts by outcome.
    CP_ATTEMPTS_ENDED = "peal_controlplane_attempts_ended_total", Counter, ["outcome"];
    /// Calls of a line that count against its limit.
    CP_LINE_CALLS = "peal_controlplane_line_calls", Gauge, ["line"];
    /// The configured limit of a line.
    CP_LINE_CALLS_MAX = "peal_controlplane_line_calls_max", Gauge, ["line"];
    /// How long it took to make a group of intents durable.
    CP_INTENT_COMMIT = "peal_controlplane_intent_commit_seconds", Histogram(WORK_SECONDS), [];
    // Control plane: lists, link, API.
    /// Contact rows read, by result: `imported`, `duplicate`, `rejected`.
    CP_IMPORT_ROWS = "peal_controlplane_import_rows_total", Counter, ["result"];
    /// Nodes with a live link.
    CP_NODES = "peal_controlplane_nodes_connected", Gauge, [];
    /// Events received from nodes.
    CP_EVENTS = "peal_controlplane_events_received_total", Counter, [];
    /// API requests by class of status (`2xx`, `4xx`, `5xx`).
    CP_API_REQUESTS = "peal_controlplane_api_requests_total", Counter, ["class"];
    /// Whether this process holds the planner lease (1) or not (0).
    CP_PLANNER_LEASE = "peal_controlplane_planner_lease_held", Gauge, [];
    // Control plane: analytics.
    /// Rows written to ClickHouse.
    CP_ANALYTICS_ROWS = "peal_controlplane_analytics_rows_shipped_total", Counter, [];
    /// Inserts into ClickHouse that failed and will be repeated.
    CP_ANALYTICS_RETRIES = "peal_controlplane_analytics_inserts_failed_total", Counter, [];
    /// How full the spool is, 0 to 1.
    CP_SPOOL_FILL = "peal_controlplane_spool_fill_ratio", Gauge, [];
    /// Age of the oldest row that ClickHouse does not have yet.
    CP_SPOOL_LAG = "peal_controlplane_spool_lag_seconds", Gauge, [];
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_follow_the_rule_and_are_distinct() {
        let mut seen = HashSet::new();
        for metric in ALL {
            assert!(seen.insert(metric.name), "{} twice", metric.name);
            assert!(
                metric.name.starts_with("peal_dataplane_") || metric.name.starts_with("peal_controlplane_"),
                "{}",
                metric.name
            );
            assert_eq!(metric.kind == Counter, metric.name.ends_with("_total"), "{}", metric.name);
            assert!(metric.help.trim().ends_with('.'), "{}", metric.name);
            if let Histogram(buckets) = metric.kind {
                assert!(metric.name.ends_with("_seconds") && buckets.is_sorted(), "{}", metric.name);
            }
        }
    }
}
