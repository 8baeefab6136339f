//! From notes to figures.

use super::{Note, TIMELESS, Window};
use crate::ledger::WindowRecord;

/// Packets a second that a call owes.
const PACKETS_A_SECOND: u64 = 50;

/// The gate of a window: 99th percentile of the gap deviation, loss, completeness.
const GAP_P99_MAX_US: u32 = 10_000;

pub(super) fn of(window: Window) -> WindowRecord {
    let calls = by_call(&window.notes, window.calls);
    let (mut late, mut gaps) =
        (Vec::with_capacity(window.notes.len()), Vec::with_capacity(window.notes.len()));
    let (mut lost, mut silent, mut worst_call) = (0, 0, 0);
    for notes in &calls {
        silent += u32::from(notes.is_empty());
        lost += missing(notes);
        let from = late.len();
        due_errors(notes, &mut late);
        worst_call = worst_call.max(percentile(&mut late[from..], 99));
        deviations(notes, &mut gaps);
    }
    let length_us = window.end_us - window.begin_us;
    let expected = u64::from(window.calls) * length_us * PACKETS_A_SECOND / 1_000_000;
    let received = window.notes.len() as u64;
    let gap_p99_us = percentile(&mut gaps, 99);
    let drops = window.spent.drops;
    let is_complete = |lost: u64, received: u64| {
        lost * 1_000 <= received + lost && (expected.saturating_sub(received)) * 1_000 <= expected
    };
    let is_whole = silent == 0 && window.ended_early == 0 && window.restarted == 0 && window.unnoted == 0;
    WindowRecord {
        calls: window.calls,
        begin_us: window.begin_us,
        end_us: window.end_us,
        received,
        expected,
        lost,
        lost_here: lost.min(drops),
        lost_by_caller: lost.saturating_sub(drops),
        silent,
        ended_early: window.ended_early,
        restarted: window.restarted,
        unnoted: window.unnoted,
        due_p50_us: percentile(&mut late, 50),
        due_p99_us: percentile(&mut late, 99),
        due_max_us: late.iter().copied().max().unwrap_or(0),
        due_p99_worst_call_us: worst_call,
        gap_p99_us,
        gap_max_us: gaps.iter().copied().max().unwrap_or(0),
        holds: window.calls > 0 && is_whole && gap_p99_us <= GAP_P99_MAX_US && is_complete(lost, received),
        sent: window.spent.sent,
        dropped_here: drops,
        stray: window.spent.stray,
        carrier_cpu_us: window.spent.cpu.as_micros() as u64,
        carrier_late_p99_us: window.late.percentile(99),
        carrier_late_max_us: window.late.max,
    }
}

/// The notes of each call, in the order of arrival.
fn by_call(notes: &[Note], calls: u32) -> Vec<Vec<Note>> {
    let mut counts = vec![0; calls as usize];
    notes.iter().for_each(|note| counts[note.call as usize] += 1);
    let mut sorted: Vec<Vec<Note>> = counts.into_iter().map(Vec::with_capacity).collect();
    notes.iter().for_each(|note| sorted[note.call as usize].push(*note));
    sorted
}

/// Sequence numbers between the lowest and the highest that never came.
fn missing(notes: &[Note]) -> u64 {
    let lowest = notes.iter().map(|note| note.sequence).min();
    let highest = notes.iter().map(|note| note.sequence).max();
    let (Some(lowest), Some(highest)) = (lowest, highest) else { return 0 };
    ((i64::from(highest) - i64::from(lowest) + 1) as u64).saturating_sub(notes.len() as u64)
}

/// How late each packet was against the soonest.
fn due_errors(notes: &[Note], late: &mut Vec<u32>) {
    let offsets = || notes.iter().map(|note| note.offset_us).filter(|offset| *offset != TIMELESS);
    let Some(soonest) = offsets().min() else { return };
    late.extend(offsets().map(|offset| (i64::from(offset) - i64::from(soonest)) as u32));
}

/// How far each gap was from what the timestamps say.
fn deviations(notes: &[Note], gaps: &mut Vec<u32>) {
    let mut offsets = notes.iter().map(|note| note.offset_us).filter(|offset| *offset != TIMELESS);
    let Some(mut before) = offsets.next() else { return };
    gaps.extend(offsets.map(|offset| {
        let gap = offset.abs_diff(before);
        before = offset;
        gap
    }));
}

/// The value that `percent` of the values do not exceed; 0 of none. Reorders them.
fn percentile(values: &mut [u32], percent: usize) -> u32 {
    let rank = (values.len() * percent).div_ceil(100);
    if values.is_empty() { 0 } else { *values.select_nth_unstable(rank.max(1) - 1).1 }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::{Counts, Step, Window};
    use crate::config::MeasureConfig;
    use crate::ledger::WindowRecord;
    use crate::rtp::Arrival;

    /// One second of `calls` calls, whose packets come as `offsets_us` tells: call, number of the packet, and how late it is;
    /// `None`: never.
    fn second(calls: u32, late_us: impl Fn(u32, i64) -> Option<u64>, drops: u64) -> WindowRecord {
        let config =
            MeasureConfig { calls, settle: Duration::ZERO, length: Duration::from_secs(1), marks: None };
        let mut window = Window::new(config);
        let now = Instant::now();
        assert_eq!(window.step(now, calls - 1), Step::Nothing);
        assert_eq!(window.step(now, calls), Step::Nothing);
        assert_eq!(window.step(now, calls), Step::Begin);
        window.begin(calls, Counts::default()).unwrap();
        let begin_us = window.begin_us;
        for n in 0..50i64 {
            for call in 0..calls {
                if let Some(late_us) = late_us(call, n) {
                    let at_us = begin_us + 5_000 + n as u64 * 20_000 + late_us;
                    let arrival = Arrival::New { sequence: 70 + n, due_us: Some((70 + n) * 20_000) };
                    window.note(&mut Some(call), arrival, at_us);
                }
            }
        }
        window.end(now, calls, Counts { drops, ..Counts::default() }).unwrap();
        window.judge().unwrap()
    }

    #[test]
    fn a_punctual_caller_holds() {
        let record = second(3, |_, _| Some(0), 0);
        assert_eq!((record.received, record.expected, record.lost), (150, 150, 0));
        assert_eq!((record.due_p50_us, record.due_max_us, record.gap_max_us), (0, 0, 0));
        assert!(record.holds);
    }

    #[test]
    fn a_late_first_packet_does_not_make_the_others_early() {
        let record = second(1, |_, n| Some(if n == 0 { 9_000 } else { 0 }), 0);
        assert_eq!((record.due_p50_us, record.due_p99_us, record.due_max_us), (0, 9_000, 9_000));
        assert!(record.holds);
    }

    #[test]
    fn a_lasting_delay_is_late_for_as_long_as_it_lasts() {
        let record = second(2, |_, n| Some(if n >= 20 { 15_000 } else { 0 }), 0);
        assert_eq!((record.due_p50_us, record.due_p99_us), (15_000, 15_000));
        // But it is only one gap of each call.
        assert_eq!((record.gap_p99_us, record.gap_max_us), (15_000, 15_000));
        assert!(!record.holds);
    }

    #[test]
    fn jitter_beyond_the_gate_fails() {
        assert!(second(10, |_, n| Some(if n % 2 == 0 { 0 } else { 9_900 }), 0).holds);
        assert!(!second(10, |_, n| Some(if n % 2 == 0 { 0 } else { 10_100 }), 0).holds);
    }

    #[test]
    fn a_silent_call_fails() {
        let record = second(2, |call, _| (call == 0).then_some(0), 0);
        assert_eq!((record.silent, record.holds), (1, false));
    }

    #[test]
    fn loss_is_ours_as_far_as_our_queues_dropped() {
        let record = second(2, |_, n| (n % 10 != 5).then_some(0), 4);
        assert_eq!((record.lost, record.lost_here, record.lost_by_caller), (10, 4, 6));
        assert!(!record.holds);
    }
}
