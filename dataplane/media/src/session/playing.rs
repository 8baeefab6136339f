//! What a session plays, and the keys that it presses.

use std::collections::VecDeque;
use std::sync::Arc;

use super::MediaSession;
use crate::keys::Keys;
use crate::prompt::Prompt;
use crate::{Codec, FRAME_SAMPLES};

/// Frames of live audio that may wait for their tick: what a far end's jitter costs in delay, at the most. More are let go,
/// oldest first.
const LIVE_FRAMES_MAX: usize = 4;

#[derive(Debug)]
pub(super) struct Playing {
    prompt: Arc<Prompt>,
    /// Number of the next frame.
    at: usize,
}

/// What waits to be sent. Few calls have any of it, so it is kept apart.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// What is played after what is playing.
    prompts: VecDeque<Arc<Prompt>>,
    pub(super) keys: Keys,
}

impl Playing {
    /// What the next tick sends, if this goes on.
    pub(super) fn upcoming(&self, codec: Codec) -> Option<&[u8; FRAME_SAMPLES]> {
        self.prompt.frame(codec, self.at)
    }
}

impl MediaSession {
    /// Plays a prompt from its beginning with the next tick, in place of whatever was playing. One that was replaced
    /// does not report its end.
    pub fn play(&mut self, prompt: Arc<Prompt>) {
        self.stop_playing();
        self.hot.playing = Some(Playing { prompt, at: 0 });
    }

    /// Plays a prompt after what is playing, without a gap, and as one with it: only the end of the last is reported.
    pub fn play_after(&mut self, prompt: Arc<Prompt>) {
        match self.hot.playing {
            Some(_) => self.cold.waiting.get_or_insert_default().prompts.push_back(prompt),
            None => self.play(prompt),
        }
    }

    /// Plays a frame of somebody who is talking now, after those that wait already. Of too many the oldest is left out.
    pub fn play_live(&mut self, frame: Arc<Prompt>) {
        if let Some(waiting) = &mut self.cold.waiting
            && waiting.prompts.len() >= LIVE_FRAMES_MAX
        {
            waiting.prompts.pop_front();
        }
        self.play_after(frame);
    }

    /// Presses a key for the far end, with the next tick or after those that are being pressed; what is played goes on unheard meanwhile. Says
    /// whether the far end takes keys, and is told of this one.
    pub fn press(&mut self, key: common::digits::Digit) -> bool {
        let takes_keys = self.plan().is_some_and(|plan| plan.telephone_event.is_some());
        let is_told = takes_keys && self.cold.waiting.get_or_insert_default().keys.press(key);
        self.hot.pressing |= is_told;
        is_told
    }

    /// Stops the prompt, and says whether there was one. Its end is not reported.
    pub fn stop_playing(&mut self) -> bool {
        self.hot.prompt_ended = false;
        if let Some(waiting) = &mut self.cold.waiting {
            waiting.prompts.clear();
        }
        self.hot.playing.take().is_some()
    }

    /// Whether a prompt is playing.
    pub fn is_playing(&self) -> bool {
        self.hot.playing.is_some()
    }
}

/// The frame to play now, if any, by its prompt and number; notes the end of the prompt in the tick after its last frame.
pub(super) fn next_frame<'a>(
    playing: &'a mut Option<Playing>,
    waiting: &mut Option<Box<Waiting>>,
    ended: &mut bool,
) -> Option<(&'a Arc<Prompt>, usize)> {
    let current = playing.as_mut()?;
    if current.at >= current.prompt.frames() {
        let Some(prompt) = waiting.as_mut().and_then(|waiting| waiting.prompts.pop_front()) else {
            *playing = None;
            *ended = true;
            return None;
        };
        *current = Playing { prompt, at: 0 };
    }
    let at = current.at;
    current.at += 1;
    playing.as_ref().map(|playing| (&playing.prompt, at))
}
