//! The words of a call in the words of the wire.

use std::time::Duration;

use call::{Ended, Stage, Stamps};
use common::UnixMicros;
use proto::v1::progress::Stage as WireStage;
use proto::v1::{MediaQuality, Progress};

use crate::clock::Now;
use crate::line::codec_name;

pub(super) fn progress(stage: Stage) -> Progress {
    let (stage, status, digit) = match stage {
        Stage::Invited => (WireStage::Invited, 0, None),
        Stage::Trying => (WireStage::Trying, 100, None),
        Stage::Ringing { status } => (WireStage::Ringing, status, None),
        Stage::EarlyMedia { status } => (WireStage::EarlyMedia, status, None),
        Stage::Answered => (WireStage::Answered, 200, None),
        Stage::Digit(digit) => (WireStage::Digit, 0, Some(digit)),
    };
    Progress {
        stage: stage.into(),
        sip_status: u32::from(status),
        digit: digit.map(|digit| digit.to_string()).unwrap_or_default(),
    }
}

pub(super) fn ended(now: Now, shard: u16, ended: &Ended, recording: String) -> proto::v1::Ended {
    let stamps = &ended.stamps;
    proto::v1::Ended {
        outcome: ended.outcome.as_str().to_owned(),
        sip_status: u32::from(ended.sip_status),
        q850: u32::from(ended.q850.unwrap_or(0)),
        may_have_rung: ended.may_have_rung,
        retry_after_s: ended.retry_after_s.unwrap_or(0),
        invited_at_us: now.stamp(stamps.invited),
        trying_at_us: now.stamp(stamps.trying),
        ringing_at_us: now.stamp(stamps.ringing),
        early_media_at_us: now.stamp(stamps.early_media),
        answered_at_us: now.stamp(stamps.answered),
        ended_at_us: now.wall_of(stamps.ended.unwrap_or(now.at)),
        first_audio_at_us: now.stamp(stamps.first_audio),
        first_speech_at_us: now.stamp(stamps.first_speech),
        hung_up_by: match (stamps.answered, ended.hung_up_by) {
            (Some(_), Some(by)) => by.as_str().to_owned(),
            _ => String::new(),
        },
        digits: ended.digits.clone(),
        media: ended.quality.as_ref().map(|quality| MediaQuality {
            packets_sent: quality.sent,
            packets_received: quality.received,
            packets_lost: quality.lost,
            jitter_ms: f64::from(quality.jitter_ms),
            max_gap_ms: f64::from(quality.max_gap_ms),
            speech_ms: quality.speech_ms,
            speech_bursts: quality.speech_bursts,
            far_lost: quality.far.map(|far| far.lost),
            far_jitter_ms: quality.far.map(|far| f64::from(far.jitter_ms)),
            rtt_ms: quality.far.and_then(|far| far.rtt_ms).map(f64::from),
        }),
        recording,
        detail: ended.detail.clone(),
        shard: u32::from(shard),
        codec: ended.codec.map(codec_name).unwrap_or_default().to_owned(),
        call_id: ended.call_id.clone(),
        dialogue: ended.dialogue.as_deref().map(super::dialogue::wire),
    }
}

/// From INVITE to the first sign of the far end's telephone: ringing, early media, answer or refusal.
pub(super) fn post_dial_delay(stamps: &Stamps) -> Option<Duration> {
    let first =
        [stamps.ringing, stamps.early_media, stamps.answered].into_iter().flatten().min().or(stamps.ended);
    Some(first?.saturating_duration_since(stamps.invited?))
}

/// A folder for each day (UTC), so that none grows without end.
pub(super) fn recording_stem(begun_at: UnixMicros, name: &str) -> String {
    let (year, month, day) = date(begun_at);
    format!("{year:04}-{month:02}-{day:02}/{name}")
}

/// The file of a stem.
pub(super) fn recording_path(stem: &str) -> String {
    format!("{stem}.wav")
}

/// The date of the proleptic Gregorian calendar, by counting from a 1 March at the start of a 400-year cycle.
fn date(at: UnixMicros) -> (i64, i64, i64) {
    let days = at.0.div_euclid(86_400_000_000) + 719_468;
    let cycle = days.div_euclid(146_097);
    let day_of_cycle = days.rem_euclid(146_097);
    let year_of_cycle =
        (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (cycle * 400 + year_of_cycle + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_lies_in_the_folder_of_its_day() {
        for (seconds, expected) in [
            (0, "1970-01-01/x"),
            (951_782_399, "2000-02-28/x"),
            (951_782_400, "2000-02-29/x"),
            (1_735_689_599, "2024-12-31/x"),
            (1_795_305_600, "2026-11-22/x"),
            (4_107_542_400, "2100-03-01/x"),
        ] {
            assert_eq!(recording_stem(UnixMicros(seconds * 1_000_000), "x"), expected);
        }
    }
}
