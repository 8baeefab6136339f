//! What a node tells of a dialogue.

use proto::v1;
use store::{Dialogue, Latency, Prosody, Speaker, Turn};

/// Turns of one call: more come of no sensible script.
const TURNS_MAX: usize = 1_000;

/// Texts of one call together, bytes: rows of some thousand calls must fit into a frame of the spool.
const TEXTS_MAX: usize = 64 * 1_024;

/// A dialogue, cut where it is longer than a record may be.
pub(super) fn dialogue(told: v1::Dialogue) -> Dialogue {
    let mut room = TEXTS_MAX;
    let mut keep = |text: String| {
        let text = cut(text, room);
        room -= text.len();
        text
    };
    Dialogue {
        disposition: keep(told.disposition),
        error: keep(told.error),
        turns: told.turns.into_iter().take(TURNS_MAX).map(|told| turn(told, &mut keep)).collect(),
        no_inputs: told.no_inputs,
        no_matches: told.no_matches,
        barge_ins: told.barge_ins,
        barge_in_ms_max: told.barge_in_ms_max,
        recogniser_errors: told.recogniser_errors,
        voice_errors: told.voice_errors,
        server_errors: told.server_errors,
        heard_ms: told.heard_ms,
        sent_ms: told.sent_ms,
        dropped_ms: told.dropped_ms,
        holds: told.holds,
        hold_ms: told.hold_ms,
    }
}

fn turn(told: v1::Turn, keep: &mut impl FnMut(String) -> String) -> Turn {
    Turn {
        speaker: match told.speaker() {
            v1::turn::Speaker::Us => Speaker::Us,
            v1::turn::Speaker::Callee => Speaker::Callee,
        },
        step: keep(told.step),
        began_ms: told.began_ms,
        ended_ms: told.ended_ms,
        text: keep(told.text),
        intent: keep(told.intent),
        value: keep(told.value),
        interrupted: told.interrupted,
        latency: told.latency.map(|told| Latency {
            total_ms: told.total_ms,
            endpointing_ms: told.endpointing_ms,
            recogniser_ms: told.recogniser_ms,
            understanding_ms: told.understanding_ms,
            speech_ms: told.speech_ms,
            own_ms: told.own_ms,
        }),
        prosody: told.prosody.and_then(prosody),
    }
}

/// `None` for what is no guess: JSON could not hold it.
fn prosody(told: v1::Prosody) -> Option<Prosody> {
    let v1::Prosody { arousal, valence, confidence } = told;
    let is_guess = [arousal, valence, confidence].into_iter().all(f32::is_finite);
    is_guess.then_some(Prosody { arousal, valence, confidence })
}

/// At most `bytes` of a text, whole characters.
fn cut(mut text: String, bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_bounded_whatever_a_node_tells() {
        let nan = v1::Prosody { arousal: f32::NAN, ..v1::Prosody::default() };
        let turn = v1::Turn {
            text: "别".repeat(1_000),
            value: "x".repeat(1_000),
            prosody: Some(nan),
            ..v1::Turn::default()
        };
        let told = v1::Dialogue { turns: vec![turn; 1_000], ..v1::Dialogue::default() };
        let kept = dialogue(told);
        assert_eq!(kept.turns.len(), TURNS_MAX);
        let bytes: usize = kept.turns.iter().map(|turn| turn.text.len() + turn.value.len()).sum();
        assert!((TEXTS_MAX - 3..=TEXTS_MAX).contains(&bytes), "{bytes}");
        assert_eq!((kept.turns[0].text.len(), kept.turns[299].text.len()), (3_000, 0));
        assert_eq!(kept.turns[0].prosody, None);
    }
}
