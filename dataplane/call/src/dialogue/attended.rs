//! A voice bot has the call: what it says is played as it comes, silenced when it wants, and its marks are answered when they were
//! reached. What the callee hears of it is known here alone, so that is where it is counted.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use media::{Prompt, vad};
use script::{Attend, Input};

use super::{Dialogue, Effect, Silence, Speaker};
use crate::voice::{BotTold, BotWish, Wish};

/// How long a bot may take to be there.
const ATTACH_MAX: Duration = Duration::from_secs(5);
/// A pause in a bot's speech that makes no turn of its own: its audio came late.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// The bot that has the call. Places in its audio are counted from its beginning, or from when it was last silenced.
#[derive(Debug)]
pub(super) struct Attended {
    number: u32,
    /// When it must be there; `None` once it is.
    attach_until: Option<Instant>,
    /// What has come of its audio.
    come: Duration,
    /// Where what is playing begins; what came before it was played.
    playing_from: Option<Duration>,
    /// When the first packet of what is playing left.
    heard_since: Option<Instant>,
    /// What shall be told, and the place in its audio at which.
    marks: VecDeque<(Duration, String)>,
    /// Since when it says nothing, in a turn that may go on.
    quiet_since: Option<Instant>,
    /// It has closed the connection; the last of what it said is played.
    has_left: bool,
}

impl Attended {
    /// When something is due: the bot itself, or a mark.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let from = self.playing_from.unwrap_or_default();
        let mark = self
            .marks
            .front()
            .zip(self.heard_since)
            .map(|((place, _), since)| since + place.saturating_sub(from));
        [self.attach_until, mark].into_iter().flatten().min()
    }

    pub(super) fn is_playing(&self) -> bool {
        self.playing_from.is_some()
    }

    /// How far the callee has heard it.
    fn heard(&self, now: Instant) -> Duration {
        let Some(from) = self.playing_from else { return self.come };
        let since = self.heard_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        (from + since).min(self.come)
    }
}

impl Dialogue {
    pub(super) fn attach(&mut self, now: Instant, attend: Box<Attend>) {
        self.interrupt(now, false);
        let number = self.number();
        self.attended = Some(Attended {
            number,
            attach_until: Some(now + ATTACH_MAX),
            come: Duration::ZERO,
            playing_from: None,
            heard_since: None,
            marks: VecDeque::new(),
            quiet_since: None,
            has_left: false,
        });
        self.wish_of_bot(number, BotWish::Attach(attend));
    }

    /// The call is not the bot's any more.
    pub(super) fn detach(&mut self, now: Instant) {
        let Some(attended) = &self.attended else { return };
        let number = attended.number;
        self.silence_bot(now);
        self.attended = None;
        self.wish_of_bot(number, BotWish::Detach);
    }

    pub(super) fn tell_key(&mut self, digit: common::digits::Digit) {
        if let Some(attended) = &self.attended {
            self.wish_of_bot(attended.number, BotWish::Key(digit));
        }
    }

    pub(super) fn on_bot(&mut self, now: Instant, number: u32, told: BotTold) {
        let Some(attended) = self.attended.as_mut().filter(|attended| attended.number == number) else {
            return;
        };
        match told {
            BotTold::Attached => attended.attach_until = None,
            BotTold::Audio { prompt, held } => self.on_bot_audio(now, prompt, held),
            BotTold::Mark(mark) if attended.is_playing() => attended.marks.push_back((attended.come, mark)),
            BotTold::Mark(mark) => self.wish_of_bot(number, BotWish::Marked(mark)),
            BotTold::Clear => self.on_clear(now),
            BotTold::Said { speaker, text, .. } => {
                if speaker == Speaker::Callee {
                    self.silence = Silence::default();
                }
                self.record.was_said(speaker, &text);
            }
            BotTold::Dropped { ms } => self.record.counts.dropped_ms += ms,
            BotTold::Left if attended.is_playing() => attended.has_left = true,
            BotTold::Left => self.on_bot_gone(now, Input::BotLeft),
            BotTold::Failed => self.on_bot_failed(now),
        }
    }

    fn on_bot_audio(&mut self, now: Instant, prompt: Arc<Prompt>, held: Duration) {
        let step = self.run.step();
        let Some(attended) = &mut self.attended else { return };
        if !attended.is_playing() {
            // Bots have their own ways to find out whether anybody is there.
            self.silence = Silence::default();
            attended.playing_from = Some(attended.come);
            self.is_unheard = true;
            match attended.quiet_since.take() {
                Some(since) if now.saturating_duration_since(since) <= PAUSE_MAX => {}
                before => {
                    if let Some(before) = before {
                        self.record.we_are_silent(before, false);
                    }
                    self.record.we_say(step, String::new(), None);
                    self.record.bot_answers(now - held);
                }
            }
        }
        attended.come += prompt.duration();
        self.effects.push_back(Effect::PlayAfter(prompt));
    }

    /// The bot wants silence: what it said and was not heard is forgotten.
    fn on_clear(&mut self, now: Instant) {
        let heard_since = self.attended.as_ref().and_then(|attended| attended.heard_since);
        if let (Some(since), Some(heard)) = (self.callee_speaks, heard_since) {
            self.record.on_barge_in(now.saturating_duration_since(since.max(heard)));
        }
        let heard = self.attended.as_ref().map_or(Duration::ZERO, |attended| attended.heard(now));
        self.silence_bot(now);
        let Some(attended) = &mut self.attended else { return };
        attended.come = Duration::ZERO;
        let (number, marks) = (attended.number, std::mem::take(&mut attended.marks));
        for (_, mark) in marks {
            self.wish_of_bot(number, BotWish::Marked(mark));
        }
        self.wish_of_bot(number, BotWish::Silenced { heard });
    }

    /// Stops what is playing of it, and ends its turn.
    fn silence_bot(&mut self, now: Instant) {
        let Some(attended) = &mut self.attended else { return };
        let was_playing = attended.playing_from.take().is_some();
        attended.heard_since = None;
        let quiet_since = attended.quiet_since.take();
        if was_playing {
            self.is_unheard = false;
            self.effects.push_back(Effect::StopPlaying);
        }
        self.record.we_are_silent(quiet_since.unwrap_or(now), was_playing);
    }

    /// All that has come of its audio was played.
    pub(super) fn on_bot_played(&mut self, now: Instant) {
        self.answer_marks(now, true);
        let Some(attended) = &mut self.attended else { return };
        (attended.playing_from, attended.heard_since) = (None, None);
        attended.quiet_since = Some(now);
        self.is_unheard = false;
        if attended.has_left {
            self.on_bot_gone(now, Input::BotLeft);
        }
    }

    pub(super) fn on_bot_first_packet(&mut self, now: Instant) {
        if let Some(attended) = self.attended.as_mut().filter(|attended| attended.is_playing()) {
            attended.heard_since.get_or_insert(now);
        }
    }

    pub(super) fn on_bot_time(&mut self, now: Instant) {
        let Some(attended) = &self.attended else { return };
        if attended.attach_until.is_some_and(|until| until <= now) {
            let number = attended.number;
            self.wish_of_bot(number, BotWish::Detach);
            return self.on_bot_failed(now);
        }
        self.answer_marks(now, false);
    }

    /// Answers the marks that were reached; at the `end` of what is playing, all.
    fn answer_marks(&mut self, now: Instant, end: bool) {
        loop {
            let Some(attended) = &mut self.attended else { return };
            let heard = if end { attended.come } else { attended.heard(now) };
            let is_reached = attended.marks.front().is_some_and(|(place, _)| *place <= heard);
            let Some((_, mark)) = attended.marks.pop_front_if(|_| is_reached) else { return };
            let number = attended.number;
            self.wish_of_bot(number, BotWish::Marked(mark));
        }
    }

    /// The callee said something to the bot, which began at `began` and has just been noticed to be over.
    pub(super) fn on_said_to_bot(&mut self, now: Instant, began: Instant) {
        let Some(attended) = &self.attended else { return };
        let last_sound = (now - vad::HANGOVER).max(began);
        // What is said into a bot's speech without silencing it waits for no answer.
        let waits = !attended.is_playing();
        self.record.said_to_bot(self.run.step(), began, last_sound, waits);
    }

    /// Nobody is between the call and its bot any more. Whatever else is waited for has a deadline that comes soon.
    pub(crate) fn on_voice_gone(&mut self, now: Instant) {
        if self.attended.is_some() {
            self.on_bot_failed(now);
        }
    }

    fn on_bot_failed(&mut self, now: Instant) {
        self.record.counts.server_errors += 1;
        self.on_bot_gone(now, Input::BotFailed);
    }

    fn on_bot_gone(&mut self, now: Instant, input: Input) {
        self.silence_bot(now);
        self.attended = None;
        self.hand(now, input);
    }

    fn wish_of_bot(&mut self, number: u32, wish: BotWish) {
        self.effects.push_back(Effect::Wish(Wish::Bot { number, wish }));
    }
}
