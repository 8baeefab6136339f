//! The record of an ended attempt: what the store knows, as one row for ClickHouse.

use analytics::{AttemptRow, RouteTry, Turn};
use common::{Outcome, UnixMicros};
use peal_core::model::Variant;
use store::{Attempt, Dialogue, EndFacts, Speaker};

use crate::names::Names;

/// How an attempt ended, as it is to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) outcome: Outcome,
    pub(crate) at: UnixMicros,
    /// Of the try that decided the outcome.
    pub(crate) facts: EndFacts,
}

/// The row of an attempt that ended so. Of two rows of one attempt the one of the higher `version` wins.
pub(crate) fn attempt_row(attempt: &Attempt, end: &End, names: &Names, version: u64) -> AttemptRow {
    let facts = &end.facts;
    let last = attempt.tries.last();
    let campaign = names.campaign(attempt.campaign);
    let ended_at = facts.ended_at.unwrap_or(end.at);
    let invite_at = attempt
        .tries
        .iter()
        .find_map(|tried| tried.facts.as_ref().and_then(|facts| facts.invited_at))
        .or(attempt.invited_at);
    let ringing_at = facts.ringing_at.or(attempt.ringing_at);
    let answered_at = facts.answered_at.or(attempt.answered_at);
    let first_18x = earliest([ringing_at, facts.early_media_at]);
    // A final response without any before it was the first.
    let final_response = (facts.sip_status != 0).then_some(ended_at);
    let first_response_at = earliest([facts.trying_at, first_18x, answered_at]).or(final_response);
    let variants = campaign.map_or(&[][..], |campaign| campaign.spec.script.variants());
    let variant = variants.iter().find(|variant| variant.script == attempt.script);
    let no_dialogue = Dialogue::default();
    let dialogue = facts.dialogue.as_deref().unwrap_or(&no_dialogue);
    let latencies = dialogue.turns.iter().filter_map(|turn| turn.latency);
    let progress_at = earliest([first_18x, answered_at]);
    AttemptRow {
        attempt_id: attempt.id.0,
        planned_at: attempt.planned_at.0,
        tenant: attempt.tenant.to_string(),
        campaign_id: attempt.campaign.to_string(),
        campaign: campaign.map(|campaign| campaign.spec.name.clone()).unwrap_or_default(),
        list_id: attempt.list.to_string(),
        contact_id: attempt.contact.to_string(),
        number: attempt.number.expose(),
        number_masked: attempt.number.to_string(),
        line_id: last.map(|tried| tried.line.to_string()).unwrap_or_default(),
        line: last.map(|tried| names.line(tried.line).to_owned()).unwrap_or_default(),
        line_group: campaign
            .map(|campaign| names.group(campaign.spec.line_group).to_owned())
            .unwrap_or_default(),
        caller_id: attempt.caller_id.clone(),
        node: last.map(|tried| tried.node.0.clone()).unwrap_or_default(),
        shard: u16::try_from(facts.shard).unwrap_or(u16::MAX),
        priority: attempt.priority,
        attempt_no: u16::try_from(attempt.attempt_no).unwrap_or(u16::MAX),
        epoch: attempt.epoch.0,
        verdicts: attempt.verdicts.clone(),
        route_tries: attempt.tries.iter().filter_map(|tried| route_try(tried, names)).collect(),
        outcome: end.outcome.as_str().to_owned(),
        answerable: end.outcome.answerable().as_str().to_owned(),
        sip_status: facts.sip_status,
        q850: facts.q850,
        hangup_by: match (answered_at, facts.hung_up_by.as_str()) {
            (None, _) | (_, "") => String::new(),
            (Some(_), "callee") => "callee".to_owned(),
            (Some(_), _) => "caller".to_owned(),
        },
        error: [facts.detail.as_str(), facts.recording_error.as_str()]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join("; "),
        intent_at: attempt.intent_at.0,
        invite_at: invite_at.map(|at| at.0),
        first_response_at: first_response_at.map(|at| at.0),
        ringing_at: ringing_at.map(|at| at.0),
        early_media_at: facts.early_media_at.map(|at| at.0),
        answered_at: answered_at.map(|at| at.0),
        ended_at: ended_at.0,
        post_dial_delay_ms: facts.invited_at.zip(progress_at).map(|(from, to)| millis(from, to)),
        ring_ms: first_18x.map_or(0, |from| millis(from, answered_at.unwrap_or(ended_at))),
        talk_ms: answered_at.map_or(0, |from| millis(from, ended_at)),
        script_id: attempt.script.to_string(),
        script_version: names.script_version(attempt.script),
        variant: variant.map(Variant::label).unwrap_or_default(),
        digits: facts.digits.clone(),
        recording: facts.recording.clone(),
        recording_bytes: facts.recording_bytes,
        recording_ms: u32::try_from(facts.recording_ms).unwrap_or(u32::MAX),
        rtp_sent: u32::try_from(facts.packets_sent).unwrap_or(u32::MAX),
        rtp_received: u32::try_from(facts.packets_received).unwrap_or(u32::MAX),
        rtp_lost: u32::try_from(facts.packets_lost).unwrap_or(u32::MAX),
        rtp_jitter_ms: facts.jitter_ms as f32,
        first_speech_at: facts.first_speech_at.map(|at| at.0),
        speech_ms: facts.speech_ms,
        speech_bursts: facts.speech_bursts,
        far_lost: facts.far_lost.map(|lost| u32::try_from(lost).unwrap_or(u32::MAX)),
        far_jitter_ms: facts.far_jitter_ms.map(|ms| ms as f32),
        rtt_ms: facts.rtt_ms.map(|ms| ms as f32),
        disposition: dialogue.disposition.clone(),
        script_error: dialogue.error.clone(),
        opted_out: attempt.opted_out,
        no_inputs: dialogue.no_inputs,
        no_matches: dialogue.no_matches,
        barge_ins: dialogue.barge_ins,
        barge_in_ms_max: dialogue.barge_in_ms_max,
        recogniser_errors: dialogue.recogniser_errors,
        voice_errors: dialogue.voice_errors,
        server_errors: dialogue.server_errors,
        heard_ms: dialogue.heard_ms,
        sent_ms: dialogue.sent_ms,
        dropped_ms: dialogue.dropped_ms,
        holds: dialogue.holds,
        hold_ms: dialogue.hold_ms,
        first_audio_ms: first_audio_ms(&dialogue.turns),
        turn_ms_max: latencies.clone().map(|latency| latency.total_ms).max(),
        turn_own_ms_max: latencies.map(|latency| latency.own_ms).max(),
        turns: dialogue.turns.iter().map(turn).collect(),
        version,
    }
}

/// A try whose INVITE left, or may have: of one that never left nothing is said.
fn route_try(tried: &store::RouteTryRecord, names: &Names) -> Option<RouteTry> {
    if tried.outcome.is_some_and(|outcome| !outcome.may_have_dialled()) {
        return None;
    }
    let facts = tried.facts.as_ref();
    Some(RouteTry {
        line: names.line(tried.line).to_owned(),
        sip_status: facts.map_or(0, |facts| facts.sip_status),
        q850: facts.map_or(0, |facts| facts.q850),
        started_at: facts.and_then(|facts| facts.invited_at).map_or(0, |at| at.0),
    })
}

/// When the callee heard us first. What was cut off before its first packet was never heard: it takes no time.
fn first_audio_ms(turns: &[store::Turn]) -> Option<u32> {
    let heard = |turn: &&store::Turn| turn.speaker == Speaker::Us && turn.ended_ms > turn.began_ms;
    turns.iter().filter(heard).map(|turn| turn.began_ms).min()
}

fn turn(turn: &store::Turn) -> Turn {
    let latency = turn.latency.unwrap_or_default();
    Turn {
        speaker: turn.speaker.as_str().to_owned(),
        step: turn.step.clone(),
        began_ms: turn.began_ms,
        ended_ms: turn.ended_ms,
        text: turn.text.clone(),
        intent: turn.intent.clone(),
        value: turn.value.clone(),
        interrupted: turn.interrupted,
        turn_ms: turn.latency.map(|latency| latency.total_ms),
        endpointing_ms: latency.endpointing_ms,
        recogniser_ms: latency.recogniser_ms,
        understanding_ms: latency.understanding_ms,
        speech_ms: latency.speech_ms,
        own_ms: latency.own_ms,
        arousal: turn.prosody.map(|prosody| prosody.arousal),
        valence: turn.prosody.map(|prosody| prosody.valence),
        prosody_confidence: turn.prosody.map(|prosody| prosody.confidence),
    }
}

fn earliest<const N: usize>(stamps: [Option<UnixMicros>; N]) -> Option<UnixMicros> {
    stamps.into_iter().flatten().min()
}

fn millis(from: UnixMicros, to: UnixMicros) -> u32 {
    u32::try_from(to.since(from).as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_in_which_we_were_never_heard_have_no_first_audio() {
        let turn = |speaker, began_ms, ended_ms| store::Turn {
            speaker,
            step: "1".to_owned(),
            began_ms,
            ended_ms,
            text: String::new(),
            intent: String::new(),
            value: String::new(),
            interrupted: false,
            latency: None,
            prosody: None,
        };
        let unheard = turn(Speaker::Us, 0, 0);
        let callee = turn(Speaker::Callee, 10, 900);
        assert_eq!(first_audio_ms(&[]), None);
        assert_eq!(first_audio_ms(&[unheard.clone(), callee.clone()]), None);
        assert_eq!(first_audio_ms(&[unheard, callee, turn(Speaker::Us, 25, 2_000)]), Some(25));
    }
}
