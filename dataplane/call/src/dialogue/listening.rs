//! What is being listened to: from the question to the recogniser's answer.
//!
//! The end of what the callee says is found here, by the voice activity of the session: it is what the callee's patience is measured
//! by, so it must not depend on what a recogniser does.

use std::time::{Duration, Instant};

use media::{music, vad};
use script::{Ask, Awaits, Heard, Input};

use super::{Dialogue, Effect, Silence};
use crate::voice::{Hearing, Wish};

/// How long a recogniser may take for its last word.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Deadlines that are a whole number of ticks away come a moment sooner, so that they are met by that tick and not by the next.
const TICK_JITTER: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(super) struct Listening {
    number: u32,
    end_silence: Duration,
    /// The callee has begun to answer.
    began: Option<Instant>,
    speech_max: Duration,
    /// What the recogniser and whoever understands it may take together.
    answer_max: Duration,
    /// When the callee's last sound was, and when that will have been the end of the answer.
    quiet: Option<(Instant, Instant)>,
    /// When the recogniser was asked for its last word, and when it must have it.
    asked: Option<(Instant, Instant)>,
}

impl Listening {
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.asked {
            Some((_, until)) => Some(until),
            None => {
                let longest = self.began.map(|began| began + self.speech_max);
                [self.quiet.map(|(_, ends)| ends), longest].into_iter().flatten().min()
            }
        }
    }
}

impl Dialogue {
    pub(super) fn listen(&mut self, _now: Instant, ask: Ask) {
        let number = self.number();
        self.listening = Some(Listening {
            number,
            end_silence: ask.end_silence,
            began: None,
            speech_max: ask.speech_max,
            answer_max: ANSWER_MAX + ask.understanding_max,
            quiet: None,
            asked: None,
        });
        // The steps of a webhook may be the first that listen.
        self.overhear();
        let (ask, program) = (Box::new(ask), self.run.program().clone());
        let ongoing = self.callee_speaks.is_some();
        self.effects.push_back(Effect::Wish(Wish::Listen { number, ask, program, ongoing }));
    }

    /// From here on the voice thread gets what the callee says, so that an answer which begins before its question is open is heard whole.
    pub(super) fn overhear(&mut self) {
        if !std::mem::replace(&mut self.overhears, true) {
            self.effects.push_back(Effect::Overhear);
            self.effects.push_back(Effect::Wish(Wish::Overhear));
        }
    }

    pub(super) fn stop_listening(&mut self) {
        if let Some(listening) = self.listening.take() {
            self.effects.push_back(Effect::Wish(Wish::StopListening { number: listening.number }));
        }
    }

    /// The session hears music: what it took for the callee's voice was none.
    pub(crate) fn on_music_began(&mut self, now: Instant) {
        self.music_since = Some(now - music::KNOWN_AFTER);
        self.record.counts.holds += 1;
        self.callee_speaks = None;
        self.hand(now, Input::MusicBegan);
    }

    /// The session hears no music any more.
    pub(crate) fn on_music_ended(&mut self, now: Instant) {
        self.on_music_over(now);
        // Whoever put us on hold may come back.
        self.silence = Silence::default();
        self.hand(now, Input::MusicEnded);
    }

    pub(super) fn on_music_over(&mut self, now: Instant) {
        let lasted =
            self.music_since.take().map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.record.counts.hold += lasted;
    }

    /// The session hears the callee speak, and has since a packet that came at `began`.
    pub(crate) fn on_speech_began(&mut self, now: Instant, began: Instant) {
        if self.music_since.is_some() {
            return;
        }
        self.callee_speaks = Some(began);
        self.silence = Silence::default();
        if let Some(listening) = self.listening.as_mut().filter(|listening| listening.asked.is_none()) {
            listening.began.get_or_insert(began);
            listening.quiet = None;
        }
        self.hand(now, Input::SpeechBegan);
    }

    /// The session hears that the callee has fallen silent.
    pub(crate) fn on_speech_ended(&mut self, now: Instant) {
        if let Some(began) = self.callee_speaks.take() {
            self.on_said_to_bot(now, began);
        }
        let Some(listening) = self.listening.as_mut().filter(|it| it.began.is_some() && it.asked.is_none())
        else {
            return;
        };
        let last_sound = now - vad::HANGOVER;
        let ends = (last_sound + listening.end_silence).max(now) - TICK_JITTER;
        listening.quiet = Some((last_sound, ends));
    }

    pub(super) fn on_listening_time(&mut self, now: Instant) {
        let Some(listening) = self.listening.as_mut().filter(|it| it.deadline().is_some_and(|at| at <= now))
        else {
            return;
        };
        let number = listening.number;
        if listening.asked.is_some() {
            self.on_deaf(now, number);
            return;
        }
        // A callee who does not stop is heard as far as they have come.
        let last_sound = listening.quiet.map_or(now, |(last_sound, _)| last_sound);
        listening.asked = Some((now, now + listening.answer_max));
        let began = listening.began.unwrap_or(last_sound);
        self.record.callee_said(self.run.step(), began, last_sound, now);
        self.effects.push_back(Effect::Wish(Wish::EndOfSpeech { number }));
    }

    pub(super) fn on_heard(&mut self, now: Instant, number: u32, heard: Heard, hearing: Hearing) {
        let Some(listening) = self.listening.take_if(|listening| listening.number == number) else { return };
        if !heard.text.is_empty() {
            // Recognisers hear voices that are too faint for us.
            self.silence = Silence::default();
        }
        if listening.asked.is_none() {
            // Recognisers may find the end of speech sooner than we do.
            let began = listening.began.unwrap_or(now);
            self.record.callee_said(self.run.step(), began, listening.quiet.map_or(now, |(at, _)| at), now);
        }
        self.record.on_heard(&heard, &hearing);
        self.hand(now, Input::Heard(heard));
    }

    /// There is nobody who could hear the callee.
    pub(super) fn on_deaf(&mut self, now: Instant, number: u32) {
        if self.listening.take_if(|listening| listening.number == number).is_none() {
            return;
        }
        self.record.counts.recogniser_errors += 1;
        self.effects.push_back(Effect::Wish(Wish::StopListening { number }));
        self.hand(now, Input::RecogniserGone);
    }

    /// A callee who has been speaking since before the question was open answers it with what follows.
    pub(super) fn catch_up_with_callee(&mut self, now: Instant) {
        let Some(since) = self.callee_speaks else { return };
        let waits = self.run.awaits() == Awaits::Speech;
        let Some(listening) = self.listening.as_mut().filter(|listening| waits && listening.began.is_none())
        else {
            return;
        };
        listening.began = Some(since);
        self.run.handle_input(now, Input::SpeechBegan);
        self.follow(now);
    }
}
