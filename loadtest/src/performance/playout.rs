//! What a listener would hear of a stream: 20 ms slots, filled in time or missing.
//!
//! The listener holds the stream back by [`BUFFER_US`]. A packet that is lost, left out by its sender, or later than that
//! leaves slots empty. A stream that stood still and then goes on is played on from there: the time it stood is missing once.

/// What is held back, microseconds: enough for a jitter that nobody complains of.
pub(crate) const BUFFER_US: i64 = 60_000;
/// One slot.
const SLOT_US: i64 = 20_000;
/// A leap of the timestamps beyond this is a new recording, not a hole.
const LEAP_US: i64 = 10_000_000;

/// The listener.
#[derive(Debug, Default)]
pub(crate) struct Playout {
    stream: Option<Stream>,
    /// Slots that speech was due in.
    pub(crate) slots: u64,
    /// Of these, those that stayed empty.
    pub(crate) missing: u64,
    /// Longest time between two packets of speech, microseconds.
    pub(crate) gap_max_us: u64,
}

/// What is known of the source that is heard.
#[derive(Debug)]
struct Stream {
    /// When the first packet is played, moved by every stand-still. Unix microseconds.
    anchor_us: i64,
    /// Of the latest packet, by its timestamp, after the first.
    due_us: i64,
    /// When that came.
    at_us: i64,
}

/// A packet that has not been heard before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    /// When it came, Unix microseconds.
    pub(crate) at_us: u64,
    /// When it was due after the first of its source, by the timestamps; `None`: it is the first.
    pub(crate) due_us: Option<i64>,
    /// Whether its sender says that it ends a silence in which nothing was sent (RFC 3551 section 4.1).
    pub(crate) is_marked: bool,
}

impl Playout {
    /// Takes a packet. `talks`: speech was heard just before it, so what is missing is missed. Returns when it is played, Unix
    /// microseconds; `None`: too late to be.
    pub(crate) fn on_packet(&mut self, packet: Heard, talks: bool) -> Option<u64> {
        let at_us = packet.at_us as i64;
        let (Some(due_us), Some(stream)) = (packet.due_us, &mut self.stream) else {
            let anchor_us = at_us + BUFFER_US - packet.due_us.unwrap_or(0);
            self.stream = Some(Stream { anchor_us, due_us: packet.due_us.unwrap_or(0), at_us });
            return Some((at_us + BUFFER_US) as u64);
        };
        let step_us = due_us - stream.due_us;
        if step_us <= 0 {
            // It fills a hole that was counted when a later one came.
            let in_time = at_us <= stream.anchor_us + due_us;
            self.missing = self.missing.saturating_sub(u64::from(in_time && talks));
            return in_time.then_some((stream.anchor_us + due_us) as u64);
        }
        let goes_on = !packet.is_marked && step_us <= LEAP_US;
        let gap_us = at_us - stream.at_us;
        (stream.due_us, stream.at_us) = (due_us, at_us);
        if !goes_on {
            stream.anchor_us = at_us + BUFFER_US - due_us;
            return Some((at_us + BUFFER_US) as u64);
        }
        let stood_us = (at_us - stream.anchor_us - due_us).max(0);
        let stood = (stood_us + SLOT_US - 1) / SLOT_US;
        // One that comes sooner than any before it tells that those were late.
        stream.anchor_us = (stream.anchor_us + stood * SLOT_US).min(at_us + BUFFER_US - due_us);
        if talks {
            let left_out = (step_us / SLOT_US - 1).max(0);
            self.missing += (left_out + stood) as u64;
            self.slots += (1 + left_out + stood) as u64;
            self.gap_max_us = self.gap_max_us.max(gap_us.max(0) as u64);
        }
        Some((stream.anchor_us + due_us) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets by number, arrival after the first in milliseconds, marker.
    fn hear(steps: &[(i64, u64, bool)]) -> Playout {
        let mut playout = Playout::default();
        for (n, (slot, at_ms, is_marked)) in steps.iter().enumerate() {
            let due_us = (n > 0).then_some(slot * SLOT_US);
            let packet = Heard { at_us: 1_000_000_000 + at_ms * 1_000, due_us, is_marked: *is_marked };
            playout.on_packet(packet, true);
        }
        playout
    }

    fn told(playout: &Playout) -> (u64, u64, u64) {
        (playout.slots, playout.missing, playout.gap_max_us / 1_000)
    }

    #[test]
    fn a_steady_stream_with_jitter_misses_nothing() {
        let steps: Vec<_> =
            (0..100).map(|n| (n, 20 * n as u64 + [0, 35, 50, 15][n as usize % 4], false)).collect();
        let playout = hear(&steps);
        assert_eq!((playout.slots, playout.missing), (99, 0));
    }

    #[test]
    fn what_is_lost_or_left_out_is_missing_unless_it_comes_in_time() {
        assert_eq!(told(&hear(&[(0, 0, false), (1, 20, false), (4, 80, false)])), (4, 2, 60));
        assert_eq!(told(&hear(&[(0, 0, false), (2, 40, false), (1, 45, false), (3, 60, false)])), (3, 0, 40));
        assert_eq!(told(&hear(&[(0, 0, false), (2, 40, false), (1, 85, false), (3, 60, false)])).1, 1);
    }

    #[test]
    fn a_stand_still_is_missing_once() {
        // Nothing for 220 ms, then on as if nothing had been.
        let steps: Vec<_> =
            (0..50).map(|n| (n, 20 * n as u64 + if n >= 10 { 200 } else { 0 }, false)).collect();
        let playout = hear(&steps);
        assert_eq!((playout.missing, playout.gap_max_us), (7, 220_000));
        assert_eq!(playout.slots, 49 + 7);
    }

    #[test]
    fn a_silence_that_is_announced_is_not_missing() {
        assert_eq!(
            told(&hear(&[(0, 0, false), (1, 20, false), (50, 1_005, true), (51, 1_025, false)])),
            (2, 0, 20)
        );
    }

    #[test]
    fn packets_are_played_at_even_times() {
        let mut playout = Playout::default();
        let mut at = |at_us, due_us| playout.on_packet(Heard { at_us, due_us, is_marked: false }, true);
        assert_eq!(at(1_000_000, None), Some(1_060_000));
        assert_eq!(at(1_033_000, Some(20_000)), Some(1_080_000));
        assert_eq!(at(1_081_000, Some(40_000)), Some(1_100_000));
        // Later than it would have been played: the rest moves by a slot.
        assert_eq!(at(1_121_000, Some(60_000)), Some(1_140_000));
    }
}
