//! What the customers of the cast measured, put together.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::quantile;
use crate::ledger::{CallRecord, CastRecord};

/// What customers measured, over all calls that one of the cast answered. [`CastRecord`] says how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CastSummary {
    /// Calls.
    pub calls: u64,
    /// Those whose customer came to do all his acts.
    pub done: u64,
    /// Calls without anything to be heard.
    pub mute: u64,
    /// From the 200 to the first audible packet.
    pub first_audio: Spread,
    /// From the end of what was said to the first audible packet of the answer.
    pub turn: Spread,
    /// From the beginning of an interruption to the last audible packet of what it interrupted.
    pub barge_in: Spread,
    /// Things said that were never answered.
    pub unanswered: u64,
    /// Things said that callers talked into.
    pub talked_over: u64,
    /// Slots of 20 ms of callers' speech.
    pub slots: u64,
    /// Of these, those without audio.
    pub slots_missing: u64,
    /// The share of them, 0 to 1.
    pub audio_gap: f64,
    /// Longest time between two packets of a caller who talks, microseconds.
    pub gap_max_us: u64,
}

/// Some times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spread {
    /// How many.
    pub count: u64,
    /// Median, microseconds.
    pub p50_us: u64,
    /// 95th percentile, microseconds.
    pub p95_us: u64,
    /// Longest, microseconds.
    pub max_us: u64,
}

impl CastSummary {
    pub(super) fn of(calls: &[CallRecord]) -> Option<Self> {
        let casts = || calls.iter().filter_map(|c| c.end.as_ref()?.cast.as_deref());
        let sum = |value: fn(&CastRecord) -> u64| casts().map(value).sum::<u64>();
        let (slots, slots_missing) = (sum(|cast| cast.slots), sum(|cast| cast.slots_missing));
        let calls = casts().count() as u64;
        (calls > 0).then(|| Self {
            calls,
            done: sum(|cast| u64::from(cast.did.len() == cast.acts as usize)),
            mute: sum(|cast| u64::from(cast.first_audio_us.is_none())),
            first_audio: Spread::of(casts().filter_map(|cast| cast.first_audio_us)),
            turn: Spread::of(casts().flat_map(|cast| cast.turns_us.iter().copied())),
            barge_in: Spread::of(casts().flat_map(|cast| cast.barge_ins_us.iter().copied())),
            unanswered: sum(|cast| u64::from(cast.unanswered)),
            talked_over: sum(|cast| u64::from(cast.talked_over)),
            slots,
            slots_missing,
            audio_gap: slots_missing as f64 / slots.max(1) as f64,
            gap_max_us: casts().map(|cast| cast.gap_max_us).max().unwrap_or(0),
        })
    }
}

impl fmt::Display for CastSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "cast: {} calls, {} did all their acts, {} heard nothing, {} remarks unanswered, {} talked over",
            self.calls, self.done, self.mute, self.unanswered, self.talked_over,
        )?;
        writeln!(f, "  first audio {}", self.first_audio)?;
        writeln!(f, "  turn        {}", self.turn)?;
        writeln!(f, "  barge-in    {}", self.barge_in)?;
        write!(
            f,
            "  {} of {} slots of speech without audio ({:.3} %), longest gap {:.0} ms",
            self.slots_missing,
            self.slots,
            self.audio_gap * 100.0,
            self.gap_max_us as f64 / 1_000.0,
        )
    }
}

impl Spread {
    fn of(times_us: impl Iterator<Item = u64>) -> Self {
        let mut times: Vec<u64> = times_us.collect();
        Self {
            count: times.len() as u64,
            p50_us: quantile(&mut times, 50),
            p95_us: quantile(&mut times, 95),
            max_us: times.last().copied().unwrap_or(0),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |us: u64| us as f64 / 1_000.0;
        write!(
            f,
            "{:.0} ms (p50) {:.0} ms (p95) {:.0} ms (max) of {}",
            ms(self.p50_us),
            ms(self.p95_us),
            ms(self.max_us),
            self.count
        )
    }
}
