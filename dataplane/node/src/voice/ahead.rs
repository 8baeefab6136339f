//! What a callee says before its question is open: kept as long as they go on, since an answer may have begun with it.

use std::collections::VecDeque;

use ::voice::{Passed, Piece};

/// So much is kept, in samples: ten seconds. Of more the beginning is lost.
const SAMPLES_MAX: usize = 10 * 8_000;

/// The pieces that the gate has passed since it opened.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    pieces: VecDeque<Piece>,
    samples: usize,
}

impl Ahead {
    /// What the gate has made of a chunk that nobody listened to.
    pub(super) fn keep(&mut self, passed: Passed) {
        if passed.opened {
            self.forget();
        }
        if let Some(piece) = passed.piece {
            self.samples += piece.samples.len();
            self.pieces.push_back(piece);
        }
        while self.samples > SAMPLES_MAX
            && let Some(oldest) = self.pieces.pop_front()
        {
            self.samples -= oldest.samples.len();
        }
        if passed.closed {
            self.forget();
        }
    }

    /// It was no answer.
    pub(super) fn forget(&mut self) {
        self.pieces.clear();
        self.samples = 0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// All of it, from the sound with which the gate opened and what came before that.
    pub(super) fn take(&mut self) -> VecDeque<Piece> {
        self.samples = 0;
        std::mem::take(&mut self.pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::voice::Gate;
    use media::Codec;

    const CHUNK: usize = 800;

    /// Chunks loud (`+`) and silent (`-`) through a gate that closes after a second; what is kept of them, as places in chunks.
    fn kept(signs: &str) -> Vec<(f64, f64)> {
        let (mut gate, mut ahead) = (Gate::new(1_000), Ahead::default());
        for (n, sign) in signs.chars().enumerate() {
            let loud = |k: usize| if sign == '+' { (8_000.0 * (k as f64 * 0.4).sin()) as i16 } else { 0 };
            let chunk: Vec<u8> = (0..CHUNK).map(|k| Codec::Pcmu.encode(loud(k))).collect();
            ahead.keep(gate.hear(Codec::Pcmu, (n * CHUNK) as u64, &chunk));
        }
        let place = |samples: u64| samples as f64 / CHUNK as f64;
        let span =
            |piece: &Piece| (place(piece.position), place(piece.position + piece.samples.len() as u64));
        let pieces = ahead.take();
        assert!(ahead.is_empty());
        pieces.iter().map(span).collect()
    }

    #[test]
    fn who_goes_on_is_kept_from_before_the_first_sound() {
        let pieces = kept("----------+++-+++");
        assert_eq!(pieces.first().map(|(from, _)| *from), Some(7.0), "300 ms before it");
        assert_eq!(pieces.last().map(|(_, to)| *to), Some(17.0));
        assert!(pieces.windows(2).all(|pair| pair[0].1 == pair[1].0), "without a gap: {pieces:?}");
    }

    #[test]
    fn who_has_finished_is_not() {
        assert_eq!(kept("-----++++----------------"), []);
        let second = kept("-----++++----------------++");
        assert_eq!(second.first().map(|(from, _)| *from), Some(22.0), "only the second");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let pieces = kept(&"++++++++--".repeat(30));
        assert!((95..=100).contains(&pieces.len()), "{}", pieces.len());
        assert_eq!(pieces.last().map(|(_, to)| *to), Some(300.0));
    }
}
