//! What is being said: a prompt, or a sentence that comes in pieces.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::PromptId;
use media::Prompt;
use script::{Input, ModelDeed, Sentence, Talk};

use super::{Dialogue, Effect};
use crate::voice::Wish;

/// How long the callee waits for a sentence, or for the rest of one. Then it counts as spoken.
const PIECE_MAX: Duration = Duration::from_secs(5);
/// Pieces of one sentence that are taken. More are a fault of whoever makes them.
const PIECES_MAX: usize = 2_000;

#[derive(Debug, Default)]
pub(super) struct Speaking {
    /// Of the wish; 0 for what was at hand.
    number: u32,
    /// Pieces that have come.
    pieces: usize,
    is_playing: bool,
    more_to_come: bool,
    /// When the next piece must be there.
    pub(super) wait_until: Option<Instant>,
    /// A model may take until then for what comes next.
    asks_until: Option<Instant>,
    /// Audio that has come.
    come: Duration,
    /// Where in it what is playing begins; what came before it was played.
    playing_from: Duration,
    /// When the first packet of what is playing left.
    heard_since: Option<Instant>,
    /// When the first of all left.
    first_heard: Option<Instant>,
    /// A language model says it.
    by_model: bool,
}

impl Dialogue {
    pub(super) fn play(&mut self, now: Instant, id: PromptId) {
        match self.script.prompts.get(&id).cloned() {
            Some(prompt) => self.play_at_once(now, prompt, format!("[prompt {id}]")),
            None => self.skip(now),
        }
    }

    pub(super) fn say(&mut self, now: Instant, sentence: Sentence) {
        if let Some(prompt) = self.script.sentences.get(&sentence).cloned() {
            return self.play_at_once(now, prompt, sentence.text);
        }
        self.replace(now);
        self.record.we_say(self.run.step(), sentence.text.clone(), Some(now));
        let number = self.number();
        self.speaking = Some(Speaking {
            number,
            more_to_come: true,
            wait_until: Some(now + PIECE_MAX),
            ..Speaking::default()
        });
        self.effects.push_back(Effect::Wish(Wish::Speak { number, sentence }));
    }

    fn play_at_once(&mut self, now: Instant, prompt: Arc<Prompt>, text: String) {
        self.replace(now);
        self.record.we_say(self.run.step(), text, None);
        self.speaking = Some(Speaking { is_playing: true, ..Speaking::default() });
        self.is_unheard = true;
        self.effects.push_back(Effect::Play(prompt));
    }

    /// What cannot be said counts as said, in its own time: never within the input that asked for it.
    fn skip(&mut self, now: Instant) {
        self.replace(now);
        self.record.counts.voice_errors += 1;
        self.speaking = Some(Speaking { wait_until: Some(now), ..Speaking::default() });
    }

    /// A language model has the word.
    pub(super) fn converse(&mut self, now: Instant, talk: Box<Talk>) {
        self.replace(now);
        self.record.we_say(self.run.step(), String::new(), Some(now));
        let number = self.number();
        self.speaking = Some(Speaking {
            number,
            more_to_come: true,
            wait_until: Some(now + Duration::from_millis(talk.answer_ms_max.into()) + PIECE_MAX),
            by_model: true,
            ..Speaking::default()
        });
        self.effects.push_back(Effect::Wish(Wish::Converse { number, talk }));
    }

    /// The next words of a model.
    pub(super) fn on_says(&mut self, number: u32, text: &str, took: Duration) {
        if self.speaking.as_ref().is_some_and(|speaking| speaking.number == number) {
            self.record.we_go_on(text, took);
        }
    }

    /// A model, or what it looks up, has so long for what comes next.
    pub(super) fn on_asks(&mut self, now: Instant, number: u32, within: Duration) {
        let Some(speaking) = self.speaking.as_mut().filter(|speaking| speaking.number == number) else {
            return;
        };
        let until = now + within + PIECE_MAX;
        speaking.asks_until = Some(until);
        speaking.wait_until = speaking.wait_until.map(|_| until);
    }

    /// Nothing more is to be said.
    pub(super) fn on_silent(&mut self, now: Instant, number: u32) {
        let Some(speaking) = self.speaking.as_mut().filter(|speaking| speaking.number == number) else {
            return;
        };
        speaking.more_to_come = false;
        if !speaking.is_playing {
            self.on_said(now);
        }
    }

    /// A piece has come from the voice thread.
    pub(super) fn on_speech_made(&mut self, now: Instant, number: u32, prompt: Arc<Prompt>, is_last: bool) {
        let Some(speaking) = self.speaking.as_mut().filter(|speaking| speaking.number == number) else {
            return;
        };
        speaking.more_to_come = !is_last;
        speaking.wait_until = None;
        speaking.pieces += 1;
        if speaking.pieces > PIECES_MAX {
            return;
        }
        self.record.on_piece(now);
        if !std::mem::replace(&mut speaking.is_playing, true) {
            (speaking.playing_from, speaking.heard_since) = (speaking.come, None);
            self.is_unheard = true;
        }
        speaking.come += prompt.duration();
        self.effects.push_back(Effect::PlayAfter(prompt));
    }

    pub(super) fn on_speechless(&mut self, now: Instant, number: u32) {
        let Some(speaking) = self.speaking.as_mut().filter(|speaking| speaking.number == number) else {
            return;
        };
        self.record.counts.voice_errors += 1;
        speaking.more_to_come = false;
        if !speaking.is_playing {
            self.on_said(now);
        }
    }

    /// The session has played a prompt to its end.
    pub(crate) fn on_prompt_ended(&mut self, now: Instant) {
        let Some(speaking) = &mut self.speaking else { return self.on_bot_played(now) };
        if speaking.more_to_come {
            speaking.is_playing = false;
            speaking.wait_until = speaking.asks_until.max(Some(now + PIECE_MAX));
        } else {
            self.on_said(now);
        }
    }

    pub(super) fn on_speaking_time(&mut self, now: Instant) {
        let Some(speaking) = self.speaking.as_ref().filter(|it| it.wait_until.is_some_and(|at| at <= now))
        else {
            return;
        };
        if speaking.more_to_come {
            let (number, by_model) = (speaking.number, speaking.by_model);
            let heard = speaking.heard(now);
            self.effects.push_back(Effect::Wish(Wish::Hush { number, heard }));
            if by_model {
                self.record.counts.server_errors += 1;
                self.run.handle_input(now, Input::Deed(ModelDeed::Failed));
            } else {
                self.record.counts.voice_errors += 1;
            }
        }
        self.on_said(now);
    }

    fn on_said(&mut self, now: Instant) {
        self.speaking = None;
        self.is_unheard = false;
        self.record.we_are_silent(now, false);
        self.hand(now, Input::Spoken);
    }

    /// The first packet of what is being said has left.
    pub(crate) fn on_first_packet(&mut self, now: Instant) {
        self.is_unheard = false;
        if let Some(speaking) = &mut self.speaking {
            speaking.heard_since.get_or_insert(now);
            speaking.first_heard.get_or_insert(now);
        }
        self.on_bot_first_packet(now);
        self.record.we_are_heard(now);
    }

    /// Falls silent; `by_callee` when the callee is the reason.
    pub(super) fn interrupt(&mut self, now: Instant, by_callee: bool) {
        let Some(speaking) = self.speaking.take() else { return };
        self.is_unheard = false;
        if speaking.is_playing {
            self.effects.push_back(Effect::StopPlaying);
        }
        self.hush(now, &speaking);
        self.record.we_are_silent(now, by_callee);
        // Whoever speaks into a gap interrupts nothing; into what comes before a gap, until after it.
        let first_heard = speaking.first_heard.filter(|_| speaking.is_playing);
        if by_callee && let (Some(since), Some(heard)) = (self.callee_speaks, first_heard) {
            self.record.on_barge_in(now.saturating_duration_since(since.max(heard)));
        }
    }

    /// Something else is said instead; the session needs no word of it.
    fn replace(&mut self, now: Instant) {
        if let Some(speaking) = self.speaking.take() {
            self.hush(now, &speaking);
            self.record.we_are_silent(now, true);
        }
    }

    fn hush(&mut self, now: Instant, speaking: &Speaking) {
        if speaking.number > 0 && (speaking.more_to_come || speaking.by_model) {
            let (number, heard) = (speaking.number, speaking.heard(now));
            self.effects.push_back(Effect::Wish(Wish::Hush { number, heard }));
        }
    }
}

impl Speaking {
    pub(super) fn is_of(&self, number: u32) -> bool {
        self.number == number
    }

    /// How much of it was heard: audio, without the gaps in which none was there.
    fn heard(&self, now: Instant) -> Duration {
        if !self.is_playing {
            return self.come;
        }
        let since = self.heard_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        (self.playing_from + since).min(self.come)
    }
}
