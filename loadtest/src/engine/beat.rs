//! The 20 ms tick: who sends, in which millisecond.

use super::media::Media;

/// One-millisecond phases of the 20 ms tick: calls are spread over them.
const PHASES: u64 = 20;
/// A loop that was held up longer than this leaves frames out rather than send them in a burst.
const CATCH_UP_MS: u64 = 200;

/// The 20 ms tick: which calls send, and in which millisecond.
pub(crate) struct Beat {
    phases: [Vec<u32>; PHASES as usize],
    next_phase: usize,
    pub(crate) senders: usize,
    /// Milliseconds of the carrier's life whose phases have been played.
    played_ms: u64,
}

impl Beat {
    pub(crate) fn new() -> Self {
        Self { phases: [const { Vec::new() }; PHASES as usize], next_phase: 0, senders: 0, played_ms: 0 }
    }

    /// A call begins to send; once only.
    pub(crate) fn join(&mut self, call: u32, media: &mut Media) {
        if media.beat.is_none() {
            let phase = self.next_phase;
            self.next_phase = (phase + 7) % PHASES as usize;
            media.beat = Some((phase, self.phases[phase].len()));
            self.phases[phase].push(call);
            self.senders += 1;
        }
    }

    /// A call stops sending. Returns the call that took its index, which [`Media::moved_to`] has to be told.
    pub(crate) fn leave(&mut self, media: &mut Media) -> Option<(u32, usize)> {
        let (phase, index) = media.beat.take()?;
        self.senders -= 1;
        self.phases[phase].swap_remove(index);
        self.phases[phase].get(index).map(|moved| (*moved, index))
    }

    /// The phases that are due at `now_ms` of the carrier's life, and the millisecond at which each was.
    pub(crate) fn due(&mut self, now_ms: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        let from = self.played_ms.max(now_ms.saturating_sub(CATCH_UP_MS));
        self.played_ms = now_ms;
        (from..now_ms).map(|ms| ((ms % PHASES) as usize, ms + 1))
    }

    pub(crate) fn calls(&self, phase: usize) -> &[u32] {
        &self.phases[phase]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Law, Tracks};
    use crate::rtp::Sender;

    #[test]
    fn every_sender_is_due_once_in_twenty_milliseconds() {
        let mut beat = Beat::new();
        let sender = || Sender::new(Law::A, None, &Tracks::shared().person, 1);
        let mut media: Vec<Media> = (0..50).map(|n| Media::new(n, None, sender())).collect();
        for (call, media) in media.iter_mut().enumerate() {
            beat.join(call as u32, media);
        }
        for gone in [3usize, 49, 10] {
            if let Some((moved, index)) = beat.leave(&mut media[gone]) {
                media[moved as usize].moved_to(index);
            }
        }
        let mut played = Vec::new();
        for ms in 1..=20 {
            for (phase, due_ms) in beat.due(ms) {
                assert_eq!(due_ms, ms);
                played.extend_from_slice(beat.calls(phase));
            }
        }
        played.sort_unstable();
        let expected: Vec<u32> = (0..50).filter(|c| ![3, 49, 10].contains(c)).collect();
        assert_eq!(played, expected);
        assert_eq!(beat.due(10_000).count() as u64, CATCH_UP_MS);
    }
}
