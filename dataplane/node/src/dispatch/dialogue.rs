//! What was said in a call, in the words of the link.

use std::time::Duration;

use call::{Counts, Latency, Record, Speaker, Turn};
use proto::v1::{self as wire, turn};

pub(super) fn wire(record: &Record) -> wire::Dialogue {
    let Counts {
        no_inputs,
        no_matches,
        barge_ins,
        barge_in_max,
        recogniser_errors,
        voice_errors,
        server_errors,
        heard_ms,
        sent_ms,
        dropped_ms,
        holds,
        hold,
    } = record.counts;
    wire::Dialogue {
        disposition: record.disposition.clone().unwrap_or_default(),
        error: record.error.clone().unwrap_or_default(),
        turns: record.turns.iter().map(turn).collect(),
        no_inputs,
        no_matches,
        barge_ins,
        barge_in_ms_max: ms(barge_in_max),
        recogniser_errors,
        voice_errors,
        server_errors,
        heard_ms,
        sent_ms,
        dropped_ms,
        holds,
        hold_ms: ms(hold),
    }
}

fn turn(turn: &Turn) -> wire::Turn {
    let speaker = match turn.speaker {
        Speaker::Us => turn::Speaker::Us,
        Speaker::Callee => turn::Speaker::Callee,
    };
    wire::Turn {
        speaker: speaker.into(),
        step: turn.step.clone(),
        began_ms: ms(turn.began),
        ended_ms: ms(turn.ended),
        text: turn.text.clone(),
        intent: turn.intent.clone(),
        value: turn.value.clone(),
        interrupted: turn.interrupted,
        latency: turn.latency.map(latency),
        prosody: turn.prosody.map(|it| wire::Prosody {
            arousal: it.arousal,
            valence: it.valence,
            confidence: it.confidence,
        }),
    }
}

/// Rounded so that the parts still add up to the whole: what is left is ours.
fn latency(latency: Latency) -> wire::Latency {
    let total_ms = ms(latency.total);
    let parts = [latency.endpointing, latency.recogniser, latency.understanding, latency.speech].map(ms);
    let [endpointing_ms, recogniser_ms, understanding_ms, speech_ms] = parts;
    let own_ms = total_ms.saturating_sub(parts.iter().sum());
    wire::Latency { total_ms, endpointing_ms, recogniser_ms, understanding_ms, speech_ms, own_ms }
}

fn ms(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
