//! What we sent, without its samples: frames in a row of a prompt that all calls share, or of silence.

use std::sync::Arc;

use crate::prompt::Prompt;
use crate::{Codec, FRAME_SAMPLES};

/// Frames in a row.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    /// What they are of, and the number of the first one; `None` for silence.
    origin: Option<(Arc<Prompt>, usize)>,
    frames: usize,
}

impl Stretch {
    pub(super) const NONE: Stretch = Stretch { origin: None, frames: 0 };

    /// One frame: number `at` of a prompt, or silence.
    pub(super) fn of(frame: Option<(&Arc<Prompt>, usize)>) -> Stretch {
        Stretch { origin: frame.map(|(prompt, at)| (Arc::clone(prompt), at)), frames: 1 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// Takes in one more frame, if it is the next one.
    pub(super) fn goes_on(&mut self, frame: Option<(&Arc<Prompt>, usize)>) -> bool {
        let next = match (&self.origin, frame) {
            (None, None) => true,
            (Some((prompt, first)), Some((other, at))) => {
                Arc::ptr_eq(prompt, other) && at == first + self.frames
            }
            _ => false,
        };
        self.frames += usize::from(next);
        next
    }

    /// Leaves the first `frames` here and gives the others.
    fn split_off(&mut self, frames: usize) -> Stretch {
        let rest = self.frames - frames;
        self.frames = frames;
        let origin = self.origin.as_ref().map(|(prompt, first)| (Arc::clone(prompt), first + frames));
        Stretch { origin, frames: rest }
    }

    /// The frames in `codec`.
    pub(super) fn frames(&self, codec: Codec) -> impl Iterator<Item = &[u8; FRAME_SAMPLES]> {
        (0..self.frames).map(move |n| {
            let frame = self.origin.as_ref().and_then(|(prompt, first)| prompt.frame(codec, first + n));
            frame.unwrap_or(codec.silent_frame())
        })
    }
}

/// Leaves the first `frames` in `stretches` and moves the others to `rest`, which is empty.
pub(super) fn split_off(stretches: &mut Vec<Stretch>, mut frames: usize, rest: &mut Vec<Stretch>) {
    for at in 0..stretches.len() {
        let stretch = &mut stretches[at];
        if frames < stretch.frames {
            if frames > 0 {
                rest.push(stretch.split_off(frames));
            }
            rest.extend(stretches.drain(at + usize::from(frames > 0)..));
            return;
        }
        frames -= stretch.frames;
    }
}

/// Lets go of the first `frames`.
pub(super) fn drop_front(stretches: &mut Vec<Stretch>, mut frames: usize) {
    while let Some(first) = stretches.first_mut() {
        if frames < first.frames {
            *first = first.split_off(frames);
            return;
        }
        frames -= first.frames;
        stretches.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every split of stretches of 1, 2 and 3 frames leaves all frames in their order.
    #[test]
    fn a_split_keeps_every_frame_in_its_place() {
        let samples: Vec<i16> = (0..6 * FRAME_SAMPLES).map(|at| (at / FRAME_SAMPLES) as i16 * 1000).collect();
        let prompt = Prompt::from_pcm(&samples, 8000).unwrap();
        let all = [(0, 1), (1, 2), (3, 3)].map(|(first, frames)| {
            let mut stretch = Stretch::of(Some((&prompt, first)));
            assert!((1..frames).all(|n| stretch.goes_on(Some((&prompt, first + n)))));
            assert!(!stretch.goes_on(None) && !stretch.goes_on(Some((&prompt, first))));
            stretch
        });
        for at in 0..=6 {
            let (mut front, mut back, mut rest) = (all.to_vec(), vec![], all.to_vec());
            split_off(&mut front, at, &mut back);
            drop_front(&mut rest, at);
            let frames = |stretches: &[Stretch]| -> Vec<_> {
                stretches.iter().flat_map(|stretch| stretch.frames(Codec::Pcma)).copied().collect()
            };
            assert_eq!(frames(&rest), frames(&back));
            let count = |stretches: &[Stretch]| stretches.iter().map(|s| s.frames).sum::<usize>();
            assert_eq!((count(&front), count(&back)), (at, 6 - at));
            let joined = front.iter().chain(&back).flat_map(|stretch| stretch.frames(Codec::Pcma));
            assert!(joined.enumerate().all(|(n, frame)| Some(frame) == prompt.frame(Codec::Pcma, n)));
        }
    }
}
