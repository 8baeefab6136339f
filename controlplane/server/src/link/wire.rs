//! Our words and the protocol's.

mod dialogue;

use common::{AttemptId, Epoch, NodeId, Outcome, UnixMicros};
use peal_core::{
    contact,
    model::{LineAuth, MediaPorts, NumberFormat, Script},
    planner::{PlannedOrder, Share},
};
use proto::v1;
use store::{EndFacts, Stage};

/// A line with a node's share of its limits.
pub(crate) fn line(line: &peal_core::model::Line, share: Share) -> v1::Line {
    let spec = &line.spec;
    let (username, password, realm) = match &spec.auth {
        LineAuth::Ip {} => Default::default(),
        LineAuth::Digest { username, password, realm } => (username.clone(), password.clone(), realm.clone()),
    };
    v1::Line {
        id: line.id.0,
        name: spec.name.clone(),
        address: spec.address.clone(),
        domain: spec.domain.clone(),
        username,
        password,
        realm,
        max_calls: share.max_calls,
        max_cps: share.max_cps,
        media_ports: match spec.media_ports {
            MediaPorts::Shared => "shared",
            MediaPorts::Own => "own",
        }
        .to_owned(),
        codecs: spec.codecs.clone(),
        prefix: spec.prefix.clone(),
        digits_only: spec.number_format == NumberFormat::Digits,
    }
}

/// An order that must leave before `expires_at`. `fields` are the contact's other columns, JSON object text.
pub(crate) fn order(
    order: &PlannedOrder,
    attempt: AttemptId,
    epoch: Epoch,
    expires_at: UnixMicros,
    fields: &str,
) -> v1::Order {
    v1::Order {
        attempt: attempt.as_bytes().to_vec(),
        route_try: order.route_try,
        epoch: epoch.0,
        line: order.line.0,
        dial: order.dial.clone(),
        caller_id: order.caller_id.clone(),
        script: order.script.0,
        record: order.record,
        max_ring_ms: order.max_ring_ms,
        max_call_ms: order.max_call_ms,
        expires_at_us: expires_at.0,
        recording: attempt.to_string(),
        tap: v1::order::Tap::Nobody.into(),
        contact: contact::variables(fields, order.number),
        time_zone: if order.time_zone.is_empty() { "UTC".to_owned() } else { order.time_zone.clone() },
    }
}

/// A script.
pub(crate) fn script(script: &Script) -> v1::Script {
    let document = serde_json::to_string(&script.document).expect("a document has no keys that are not text");
    v1::Script { id: script.id.0, document, error: String::new() }
}

/// The stage that a progress report stands for; `None` for digits and what this side does not know.
pub(crate) fn stage(stage: v1::progress::Stage) -> Option<Stage> {
    use v1::progress::Stage as Told;
    Some(match stage {
        Told::Invited => Stage::Invited,
        Told::Trying => Stage::Trying,
        Told::Ringing => Stage::Ringing,
        Told::EarlyMedia => Stage::EarlyMedia,
        Told::Answered => Stage::Answered,
        Told::Digit | Told::Unspecified => return None,
    })
}

/// What a node told about the end of a try. An outcome that this side does not know is a fault of ours that happened
/// after the INVITE may have left.
pub(crate) fn ended(ended: v1::Ended, node: &NodeId) -> (Outcome, EndFacts) {
    let outcome = ended.outcome.parse().unwrap_or_else(|error| {
        tracing::error!(%node, %error, "a node told of an end that is not in the protocol");
        Outcome::LocalFailure
    });
    let at = |us: i64| (us > 0).then_some(UnixMicros(us));
    let media = ended.media.unwrap_or_default();
    let facts = EndFacts {
        sip_status: u16::try_from(ended.sip_status).unwrap_or(0),
        q850: u8::try_from(ended.q850).unwrap_or(0),
        may_have_rung: ended.may_have_rung,
        retry_after_s: ended.retry_after_s,
        invited_at: at(ended.invited_at_us),
        trying_at: at(ended.trying_at_us),
        ringing_at: at(ended.ringing_at_us),
        early_media_at: at(ended.early_media_at_us),
        answered_at: at(ended.answered_at_us),
        ended_at: at(ended.ended_at_us),
        first_audio_at: at(ended.first_audio_at_us),
        first_speech_at: at(ended.first_speech_at_us),
        hung_up_by: ended.hung_up_by,
        digits: ended.digits,
        packets_sent: media.packets_sent,
        packets_received: media.packets_received,
        packets_lost: media.packets_lost,
        jitter_ms: media.jitter_ms,
        max_gap_ms: media.max_gap_ms,
        speech_ms: media.speech_ms,
        speech_bursts: media.speech_bursts,
        far_lost: media.far_lost,
        far_jitter_ms: media.far_jitter_ms,
        rtt_ms: media.rtt_ms,
        recording: ended.recording,
        detail: ended.detail,
        node: node.0.clone(),
        shard: ended.shard,
        codec: ended.codec,
        call_id: ended.call_id,
        dialogue: ended.dialogue.map(|told| Box::new(dialogue::dialogue(told))),
        ..EndFacts::default()
    };
    (outcome, facts)
}

/// The lines with a node's shares; one in which it has no share is left out.
pub(crate) fn lines<'a>(
    epoch: Epoch,
    lines: impl IntoIterator<Item = (&'a peal_core::model::Line, Share)>,
) -> v1::Lines {
    let lines = lines
        .into_iter()
        .filter(|(_, share)| share.max_calls > 0 && share.max_cps > 0)
        .map(|(line, share)| self::line(line, share))
        .collect();
    v1::Lines { epoch: epoch.0, lines }
}

/// Route tries to ask about.
pub(crate) fn inquiry(tries: &[(AttemptId, u32)]) -> v1::Inquiry {
    let attempts = tries
        .iter()
        .map(|&(attempt, route_try)| v1::AttemptTry { attempt: attempt.as_bytes().to_vec(), route_try })
        .collect();
    v1::Inquiry { attempts }
}
