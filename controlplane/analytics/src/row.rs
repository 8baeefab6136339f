//! The record of one attempt, as it lies in the spool and in the table `attempt`.
//!
//! One row an attempt, answered or not, and its outcome is final. A row that is sent again carries the same
//! [`AttemptRow::attempt_id`] and replaces itself. Field order is column order: [`crate::schema`] holds the same list
//! as DDL, and a test compares the two.

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One INVITE of an attempt on one line. The last one is the one that the attempt's own columns speak of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTry {
    /// Name of the line.
    pub line: String,
    /// Final SIP status, 200–699; 0 if none came.
    pub sip_status: u16,
    /// Q.850 cause of the Reason header (RFC 3326), 1–127; 0 if none came.
    pub q850: u8,
    /// When its INVITE left, unix µs; 0 if none left.
    pub started_at: i64,
}

/// Somebody said something. Of the callee's turns those that we answered have the latencies, and the parts add up to `turn_ms`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// `us` or `callee`.
    pub speaker: String,
    /// The script's step: its id, or its number counted from 1.
    pub step: String,
    /// From the answer, ms.
    pub began_ms: u32,
    /// From the answer, ms.
    pub ended_ms: u32,
    /// The words. Personal data.
    pub text: String,
    /// What the callee meant; empty when it was not understood.
    pub intent: String,
    /// The callee's: the value that was asked for. Ours: what a model noted, as `field=value`. Personal data.
    pub value: String,
    /// Ours: the callee spoke, or pressed a key, before it was over.
    pub interrupted: bool,
    /// From the end of the callee's speech to our next audio, ms; empty when nothing followed.
    pub turn_ms: Option<u32>,
    /// Silence that had to pass before the end of speech was believed, ms.
    pub endpointing_ms: u32,
    /// Until the recogniser had its last word, ms.
    pub recogniser_ms: u32,
    /// Understanding, or the language model, ms.
    pub understanding_ms: u32,
    /// Until the first sentence was spoken, ms.
    pub speech_ms: u32,
    /// All else, ms.
    pub own_ms: u32,
    /// From calm to excited, -1 to 1; a guess from the voice, apart from the words.
    pub arousal: Option<f32>,
    /// From displeased to pleased, -1 to 1.
    pub valence: Option<f32>,
    /// How far the guess may be believed, 0 to 1.
    pub prosody_confidence: Option<f32>,
}

/// One attempt. Stamps are unix µs (UTC), taken at the node that held the call unless the field says otherwise.
///
/// Ids other than the attempt's are strings here, so that the table does not care how the control plane numbers its
/// things.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Row)]
pub struct AttemptRow {
    /// The attempt's UUIDv7; the key under which rows replace each other.
    #[serde(with = "clickhouse::serde::uuid")]
    pub attempt_id: Uuid,
    /// When the planner decided on the attempt (control plane's clock). Part of the sorting key: never changes.
    pub planned_at: i64,
    /// Tenant. Part of the sorting key: never changes.
    pub tenant: String,
    /// Campaign's id. Part of the sorting key: never changes.
    pub campaign_id: String,
    /// Campaign's name when the attempt was planned.
    pub campaign: String,
    /// Id of the contact list.
    pub list_id: String,
    /// Id of the contact.
    pub contact_id: String,
    /// Number called, E.164 with `+`. Personal data: `number_masked` is the one to show.
    pub number: String,
    /// Number with its middle hidden, as logs and screens show it.
    pub number_masked: String,
    /// Id of the line of the last route try; empty if none was chosen.
    pub line_id: String,
    /// Name of that line.
    pub line: String,
    /// Name of the line group of the campaign.
    pub line_group: String,
    /// Caller id that was presented, E.164 with `+`; empty if none was.
    pub caller_id: String,
    /// Node that held the call; empty if no order left.
    pub node: String,
    /// Shard of that node.
    pub shard: u16,
    /// Priority of the campaign, 1 (highest) to 5.
    pub priority: u8,
    /// Which attempt at this contact it is, from 1.
    pub attempt_no: u16,
    /// Fencing epoch of the planner that decided.
    pub epoch: u64,
    /// What compliance found, as text; empty if it found nothing.
    pub verdicts: String,
    /// Every INVITE in the order of sending; empty if none left.
    pub route_tries: Vec<RouteTry>,

    /// How it ended: a name of the closed set of outcomes.
    pub outcome: String,
    /// Who is answerable for the outcome: `callee`, `carrier`, `operator`, `peal` or `resources`.
    pub answerable: String,
    /// Final SIP status of the last route try, 200–699; 0 if none came.
    pub sip_status: u16,
    /// Q.850 cause of the last route try, 1–127; 0 if none came.
    pub q850: u8,
    /// Who ended an answered call: `caller` (us) or `callee`; empty for the others.
    pub hangup_by: String,
    /// What went wrong in words, for people; empty if nothing did.
    pub error: String,

    /// When the intent was durable (control plane's clock).
    pub intent_at: i64,
    /// When the first INVITE left.
    pub invite_at: Option<i64>,
    /// When the first response of any kind came (100 included).
    pub first_response_at: Option<i64>,
    /// When the first 180 came.
    pub ringing_at: Option<i64>,
    /// When the first 18x with SDP came.
    pub early_media_at: Option<i64>,
    /// When the 2xx came.
    pub answered_at: Option<i64>,
    /// When it was over: the last message, or the control plane's verdict where no call was made.
    pub ended_at: i64,
    /// Post-dial delay, ms: from the INVITE to the first 18x or 2xx; empty if neither came.
    pub post_dial_delay_ms: Option<u32>,
    /// From the first 18x to the answer or the end, ms.
    pub ring_ms: u32,
    /// From the answer to the end, ms; 0 for a call that was not answered.
    pub talk_ms: u32,

    /// Id of the script that ran.
    pub script_id: String,
    /// Version of that script.
    pub script_version: u32,
    /// Which variant of the campaign that was; empty when it compares none.
    pub variant: String,
    /// Keys that the callee pressed, in order: `0`–`9`, `*`, `#`, `A`–`D`.
    pub digits: String,
    /// Path or URL of the recording; empty if there is none.
    pub recording: String,
    /// Size of the recording, bytes.
    pub recording_bytes: u64,
    /// Length of the recording, ms.
    pub recording_ms: u32,
    /// RTP packets sent.
    pub rtp_sent: u32,
    /// RTP packets received.
    pub rtp_received: u32,
    /// RTP packets that never came, by their sequence numbers (RFC 3550 appendix A.3).
    pub rtp_lost: u32,
    /// Interarrival jitter at the end of the call, ms (RFC 3550 section 6.4.1).
    pub rtp_jitter_ms: f32,
    /// When the callee was first heard to speak after the answer.
    pub first_speech_at: Option<i64>,
    /// How long the callee spoke, by the energy of what came, ms.
    pub speech_ms: u32,
    /// How often the callee began to speak.
    pub speech_bursts: u32,
    /// RTP packets of ours that the far end did not get, by its own word (RTCP); empty when it told nothing.
    pub far_lost: Option<u32>,
    /// Interarrival jitter at the far end by its last word, ms; empty when it told nothing.
    pub far_jitter_ms: Option<f32>,
    /// The last round trip (RFC 3550 section 6.4.1), ms; empty when the far end answered no report of ours.
    pub rtt_ms: Option<f32>,

    /// What came of the call, as the script's `hang_up` says; empty for none.
    pub disposition: String,
    /// Why the script could not go on; empty when it could.
    pub script_error: String,
    /// The callee said that they want no more calls.
    pub opted_out: bool,
    /// Questions that got no answer.
    pub no_inputs: u32,
    /// Answers that were none of what was asked for.
    pub no_matches: u32,
    /// How often the callee spoke while we did, and we fell silent.
    pub barge_ins: u32,
    /// From the beginning of the callee's speech to our last packet, the longest of the call, ms.
    pub barge_in_ms_max: u32,
    /// Recognisers that failed or were not there.
    pub recogniser_errors: u32,
    /// Sentences that could not be spoken.
    pub voice_errors: u32,
    /// Requests to servers and models that failed.
    pub server_errors: u32,
    /// Audio of the callee, ms.
    pub heard_ms: u32,
    /// What of it went to a recogniser, ms.
    pub sent_ms: u32,
    /// What was lost on the way there, ms.
    pub dropped_ms: u32,
    /// How often music was heard from the callee's side instead of a voice.
    pub holds: u32,
    /// How long in all, ms.
    pub hold_ms: u32,
    /// From the answer to our first audio, ms; empty when we said nothing.
    pub first_audio_ms: Option<u32>,
    /// From the end of the callee's speech to our next audio, the longest of the call, ms; empty when nothing was answered.
    pub turn_ms_max: Option<u32>,
    /// Our own share of a turn, beside endpointing, recogniser, understanding and speech, the longest of the call, ms.
    pub turn_own_ms_max: Option<u32>,
    /// What was said, in its order.
    pub turns: Vec<Turn>,

    /// Which row of the same attempt wins: the highest. Use the time of recording, unix µs.
    pub version: u64,
}
