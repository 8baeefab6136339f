//! The audio of an utterance that goes on, kept until its result has come: a connection that breaks in the middle is opened again and
//! hears it from its beginning.

use std::collections::VecDeque;

use crate::gate::Piece;

/// Longest utterance that is kept: 20 s. Of a longer one the beginning is lost with the connection.
pub const SAMPLES_MAX: usize = 20 * 8_000;

/// Pieces that wait to be sent, at most: 5 s. A server that takes no more loses the oldest.
pub const WAITING_SAMPLES_MAX: usize = 5 * 8_000;

/// The audio on its way to one server.
#[derive(Debug, Default)]
pub struct Utterance {
    /// What was handed to the connection since the last result.
    sent: VecDeque<Piece>,
    sent_samples: usize,
    waiting: VecDeque<Piece>,
    waiting_samples: usize,
    dropped_samples: u64,
    replayed_samples: u64,
    /// Of what waits, what is sent again: it had its place already, and takes none of what follows.
    again_samples: usize,
}

impl Utterance {
    /// A piece to be sent. Says how many samples had to go for it.
    pub fn push(&mut self, piece: Piece) -> usize {
        self.waiting_samples += piece.samples.len();
        self.waiting.push_back(piece);
        let mut dropped = 0;
        while self.waiting_samples > WAITING_SAMPLES_MAX + self.again_samples && self.waiting.len() > 1 {
            let oldest = self.waiting.pop_front().expect("there are two");
            self.waiting_samples -= oldest.samples.len();
            dropped += oldest.samples.len();
        }
        self.dropped_samples += dropped as u64;
        dropped
    }

    /// The next piece for the connection, which has room for it.
    pub fn pop(&mut self) -> Option<Piece> {
        let piece = self.waiting.pop_front()?;
        self.waiting_samples -= piece.samples.len();
        self.again_samples = self.again_samples.saturating_sub(piece.samples.len());
        self.sent_samples += piece.samples.len();
        self.sent.push_back(piece.clone());
        while self.sent_samples > SAMPLES_MAX {
            let oldest = self.sent.pop_front().expect("it has samples");
            self.sent_samples -= oldest.samples.len();
        }
        Some(piece)
    }

    /// A result has come for what was sent: it is not needed again.
    pub fn finish(&mut self) {
        self.sent.clear();
        self.sent_samples = 0;
    }

    /// The connection broke: what it had, without a result, is sent again to the next. It may be more than usually waits.
    pub fn replay(&mut self) {
        self.replayed_samples += self.sent_samples as u64;
        self.again_samples += self.sent_samples;
        self.waiting_samples += std::mem::take(&mut self.sent_samples);
        while let Some(piece) = self.sent.pop_back() {
            self.waiting.push_front(piece);
        }
    }

    /// Whether there is nothing for which a result is still to come.
    pub fn is_finished(&self) -> bool {
        self.sent.is_empty() && self.waiting.is_empty()
    }

    /// Samples that were lost for want of room, and those that were sent again.
    pub fn counts(&self) -> (u64, u64) {
        (self.dropped_samples, self.replayed_samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(n: u64) -> Piece {
        Piece { position: n * 800, samples: vec![n as u8; 800] }
    }

    #[test]
    fn a_broken_connection_hears_it_again() {
        let mut utterance = Utterance::default();
        (0..5).for_each(|n| assert_eq!(utterance.push(piece(n)), 0));
        assert_eq!([utterance.pop(), utterance.pop()], [Some(piece(0)), Some(piece(1))]);
        utterance.replay();
        let all: Vec<_> = std::iter::from_fn(|| utterance.pop()).collect();
        assert_eq!(all, (0..5).map(piece).collect::<Vec<_>>());
        assert!(!utterance.is_finished());
        utterance.finish();
        assert!(utterance.is_finished());
        utterance.replay();
        assert_eq!((utterance.pop(), utterance.counts()), (None, (0, 1_600)));
    }

    #[test]
    fn what_is_sent_again_is_not_lost_to_what_follows() {
        let mut utterance = Utterance::default();
        for n in 0..100 {
            utterance.push(piece(n));
            utterance.pop();
        }
        utterance.replay();
        let dropped: usize = (100..160).map(|n| utterance.push(piece(n))).sum();
        assert_eq!(dropped, 10 * 800, "five seconds wait besides, and then the oldest goes");
        assert_eq!(utterance.pop(), Some(piece(10)));
    }

    #[test]
    fn who_takes_nothing_loses_the_oldest() {
        let mut utterance = Utterance::default();
        let dropped: usize = (0..60).map(|n| utterance.push(piece(n))).sum();
        assert_eq!((dropped, utterance.counts().0), (8_000, 8_000));
        assert_eq!(utterance.pop(), Some(piece(10)));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut utterance = Utterance::default();
        for n in 0..1_000 {
            utterance.push(piece(n));
            utterance.pop();
        }
        utterance.replay();
        assert_eq!(utterance.pop(), Some(piece(800)));
        assert_eq!(utterance.counts().1 as usize, SAMPLES_MAX);
    }
}
