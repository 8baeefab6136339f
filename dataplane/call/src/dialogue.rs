//! The dialogue of one call: its run through the script, what is being said, what is being listened to, which
//! bot has it, and the record of all.
//!
//! ```text
//!   Run (script) ── Play, Say ──▶ Speaking ──▶ prompts to the session, sentences from the voice thread
//!       ▲        ── Listen ─────▶ Listening ─▶ end of speech, the recogniser's answer
//!       ▲        ── Attach ─────▶ Attended ──▶ a bot's audio to the session, its marks and keys to the voice thread
//!       └──────── inputs ◀─────── keys, speech, time, what the voice thread tells
//! ```
//!
//! One input, then [`Dialogue::poll_effect`] until there is none. Everything that is waited for has a deadline here or in the run, so
//! that a voice thread that never answers leaves no call stuck.

mod attended;
mod listening;
mod record;
mod speaking;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::digits::Digit;
use media::Prompt;
use script::{Action, Awaits, Input, ModelDeed, ModelTool, Run, TransferMode};

pub use record::{Counts, Latency, Record, Speaker, Turn};

use crate::Script;
use crate::voice::{Told, Wish};
use attended::Attended;
use listening::Listening;
use record::Recorder;
use speaking::Speaking;

/// A callee who has been waited for so long in all, in one question or in many, and has given no sign meanwhile, is not there any more. Longer than the
/// silence that a script may wait out in a question.
const DEAD_AFTER: Duration = Duration::from_secs(75);

/// A call that the far end has held for so long is forgotten there, or its end was lost: while it is held no media is due that could be
/// missed.
const HELD_MAX: Duration = Duration::from_secs(600);

/// What the call shall do.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// Play, in the place of what is playing.
    Play(Arc<Prompt>),
    /// Play after what is playing.
    PlayAfter(Arc<Prompt>),
    StopPlaying,
    /// For the voice thread.
    Wish(Wish),
    /// Keep what is said from now on in the recording, or keep it out.
    Record(bool),
    /// Watch for the tone of an answering machine.
    AwaitBeep,
    /// Hand out what the callee says, and watch for music there, until the end of the call.
    Overhear,
    /// The callee wants no more calls; in their words, or `pressed 9`. Empty where a model says so of a callee who speaks again.
    OptedOut(String),
    /// Give the callee to somebody else, who must have answered by then.
    Transfer {
        to: String,
        mode: TransferMode,
        by: Instant,
    },
    HangUp,
    /// Nobody has said anything for too long.
    HangUpDead,
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Dialogue {
    script: Arc<Script>,
    run: Run,
    speaking: Option<Speaking>,
    listening: Option<Listening>,
    attended: Option<Attended>,
    /// Since when the callee speaks.
    callee_speaks: Option<Instant>,
    /// Since when music is heard instead.
    music_since: Option<Instant>,
    /// What the callee says is handed to the voice thread.
    overhears: bool,
    /// Number and time of the request that the run waits for.
    request: Option<(u32, Instant)>,
    /// Numbers wishes.
    wishes: u32,
    silence: Silence,
    /// Since when the far end holds the call.
    held_since: Option<Instant>,
    opted_out: bool,
    /// Something is being said whose first packet has not left.
    pub(crate) is_unheard: bool,
    effects: VecDeque<Effect>,
    record: Recorder,
}

impl Dialogue {
    pub(crate) fn new(script: Arc<Script>, contact: Box<[(String, String)]>) -> Self {
        Self {
            run: Run::new(script.program.clone(), contact),
            script,
            speaking: None,
            listening: None,
            attended: None,
            callee_speaks: None,
            music_since: None,
            overhears: false,
            request: None,
            wishes: 0,
            silence: Silence::default(),
            held_since: None,
            opted_out: false,
            is_unheard: false,
            effects: VecDeque::new(),
            record: Recorder::default(),
        }
    }

    /// The call was answered.
    pub(crate) fn on_answered(&mut self, now: Instant) {
        self.record.begin(now);
        if self.run.program().listens() {
            self.overhear();
        }
        self.hand(now, Input::Answered);
    }

    pub(crate) fn on_digit(&mut self, now: Instant, digit: Digit) {
        self.silence = Silence::default();
        self.hand(now, Input::Key(digit));
    }

    /// The far end holds the call, or not (RFC 3264 section 8.4). Whoever holds may be silent for [`HELD_MAX`].
    pub(crate) fn on_hold(&mut self, now: Instant, is_held: bool) {
        if self.held_since.is_some() != is_held {
            self.held_since = is_held.then_some(now);
            self.silence = Silence::default();
        }
    }

    /// The tone of an answering machine is over.
    pub(crate) fn on_beep(&mut self, now: Instant) {
        self.hand(now, Input::Beep);
    }

    /// Must be called once [`Dialogue::deadline`] has come.
    pub(crate) fn on_time(&mut self, now: Instant) {
        if self.dead_at().is_some_and(|at| at <= now) {
            self.effects.push_back(Effect::HangUpDead);
            (self.silence, self.held_since) = (Silence::default(), None);
            return;
        }
        self.on_speaking_time(now);
        self.on_listening_time(now);
        self.on_bot_time(now);
        if self.run.poll_timeout().is_some_and(|at| at <= now) {
            self.hand(now, Input::Time);
        }
    }

    /// The voice thread tells something.
    pub(crate) fn on_told(&mut self, now: Instant, told: Told) {
        // Whether or not anything else is made of it.
        if let Some(said) = told.opt_out().filter(|_| !matches!(told, Told::Deed { .. })) {
            self.opt_out(said.to_owned());
        }
        match told {
            Told::Speech { number, prompt, is_last } => self.on_speech_made(now, number, prompt, is_last),
            Told::Says { number, text, took } => self.on_says(number, &text, took),
            Told::Asks { number, within } => self.on_asks(now, number, within),
            Told::Deed { number, deed } => self.on_deed(now, number, deed),
            Told::Silent { number } => self.on_silent(now, number),
            Told::Speechless { number } => self.on_speechless(now, number),
            Told::Heard { number, heard, hearing } => self.on_heard(now, number, heard, hearing),
            Told::Deaf { number } => self.on_deaf(now, number),
            Told::Bot { number, told } => self.on_bot(now, number, told),
            Told::Reply { number, reply } => {
                let Some((_, since)) = self.request.take_if(|(wish, _)| *wish == number) else { return };
                self.record.on_reply(now - since, matches!(reply, script::Reply::Failed(_)));
                self.hand(now, Input::Reply(reply));
            }
            // Of calls that are over.
            Told::Done => {}
        }
    }

    /// Somebody else is talking with the callee.
    pub(crate) fn on_joined(&mut self, now: Instant) {
        self.interrupt(now, false);
        self.record.we_say(self.run.step(), "[transferred]".to_owned(), None);
        self.record.we_are_heard(now);
        self.hand(now, Input::Joined);
    }

    /// Somebody else has the callee, or has had it; or nobody wanted it.
    pub(crate) fn on_transferred(&mut self, now: Instant, done: bool) {
        self.record.we_are_silent(now, false);
        self.silence = Silence::default();
        self.held_since = self.held_since.map(|_| now);
        self.hand(now, Input::Transferred(done));
    }

    /// When [`Dialogue::on_time`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let speaking = self.speaking.as_ref().and_then(|speaking| speaking.wait_until);
        let listening = self.listening.as_ref().and_then(Listening::deadline);
        let bot = self.attended.as_ref().and_then(Attended::deadline);
        [self.run.poll_timeout(), speaking, listening, bot, self.dead_at()].into_iter().flatten().min()
    }

    /// What the call shall do next. After the last, the silence of a callee who is waited for is counted from `now` on.
    pub(crate) fn poll_effect(&mut self, now: Instant) -> Option<Effect> {
        let effect = self.effects.pop_front();
        if effect.is_none() {
            self.silence.count(now, self.awaits_callee());
        }
        effect
    }

    /// What was collected, an entry for each completed `collect` step.
    pub(crate) fn entries(&self) -> String {
        self.run.entries()
    }

    /// The call is over. Gives what is kept of the dialogue, if it began.
    pub(crate) fn finish(&mut self, now: Instant) -> Option<Box<Record>> {
        self.interrupt(now, false);
        self.detach(now);
        self.on_music_over(now);
        self.record.finish(now, self.run.tally())
    }

    /// Whether the voice thread knows of the call.
    pub(crate) fn has_wished(&self) -> bool {
        self.wishes > 0 || self.overhears
    }

    /// Whether the script waits for somebody to take the callee.
    pub(crate) fn awaits_transfer(&self) -> bool {
        self.run.awaits() == Awaits::Transfer
    }

    fn hand(&mut self, now: Instant, input: Input) {
        self.run.handle_input(now, input);
        self.follow(now);
    }

    /// Does what the run wants.
    fn follow(&mut self, now: Instant) {
        while let Some(action) = self.run.poll_action() {
            match action {
                Action::Play(prompt) => self.play(now, prompt),
                Action::Say(sentence) => self.say(now, sentence),
                Action::StopSpeaking => self.interrupt(now, true),
                Action::Listen(ask) => self.listen(now, ask),
                Action::StopListening => self.stop_listening(),
                Action::Request(request) => {
                    let number = self.number();
                    self.request = Some((number, now));
                    self.effects.push_back(Effect::Wish(Wish::Request { number, request }));
                }
                Action::Converse(talk) => self.converse(now, talk),
                Action::Attach(attend) => self.attach(now, attend),
                Action::TellKey(digit) => self.tell_key(digit),
                Action::Detach => self.detach(now),
                Action::Pressed { step, keys, intent } => {
                    self.record.callee_pressed(now, &step, &keys, intent.unwrap_or_default());
                }
                Action::OptOut { said } => self.opt_out(said),
                Action::Record(on) => self.effects.push_back(Effect::Record(on)),
                Action::AwaitBeep => self.effects.push_back(Effect::AwaitBeep),
                Action::Transfer { to, mode, timeout } => {
                    self.effects.push_back(Effect::Transfer { to, mode, by: now + timeout });
                }
                Action::End(end) => {
                    self.interrupt(now, false);
                    self.detach(now);
                    self.record.end(end);
                    self.effects.push_back(Effect::HangUp);
                }
            }
        }
        // Whoever comes next, it is no answer to what the callee said: the script waits on purpose.
        if matches!(self.run.awaits(), Awaits::Transfer | Awaits::Beep | Awaits::Time) {
            self.record.await_nothing();
        }
        self.catch_up_with_callee(now);
    }

    /// The callee wants no more calls.
    fn opt_out(&mut self, said: String) {
        if !self.note_opt_out() {
            self.effects.push_back(Effect::OptedOut(said));
        }
    }

    /// Remembers that the callee wants no more calls. Says whether that was known.
    pub(crate) fn note_opt_out(&mut self) -> bool {
        std::mem::replace(&mut self.opted_out, true)
    }

    pub(crate) fn has_opted_out(&self) -> bool {
        self.opted_out
    }

    /// The model does something beside speaking.
    fn on_deed(&mut self, now: Instant, number: u32, deed: ModelDeed) {
        if self.speaking.as_ref().is_none_or(|speaking| !speaking.is_of(number)) {
            if matches!(deed, ModelDeed::Tool(ModelTool::OptOut, _)) {
                self.opt_out(String::new());
            }
            return;
        }
        if deed == ModelDeed::Failed {
            self.record.counts.server_errors += 1;
        }
        if let ModelDeed::Field(field, value) = &deed {
            self.record.is_noted(field, value);
        }
        self.hand(now, Input::Deed(deed));
    }

    fn number(&mut self) -> u32 {
        self.wishes += 1;
        self.wishes
    }

    /// When there is nobody any more. Whoever holds somebody else than us may do so for longer.
    fn dead_at(&self) -> Option<Instant> {
        let held = self.held_since.filter(|_| !self.awaits_transfer()).map(|since| since + HELD_MAX);
        [self.silence.dead_at(), held].into_iter().flatten().min()
    }

    /// Whether it is the callee's turn, who is silent.
    fn awaits_callee(&self) -> bool {
        let elsewhere = matches!(
            self.run.awaits(),
            Awaits::Answer
                | Awaits::Hold
                | Awaits::Time
                | Awaits::Beep
                | Awaits::Transfer
                | Awaits::Reply
                | Awaits::Nothing
        );
        let we_speak = self.speaking.is_some() || self.attended.as_ref().is_some_and(Attended::is_playing);
        let is_held = self.held_since.is_some();
        !elsewhere && !we_speak && !is_held && self.callee_speaks.is_none() && self.music_since.is_none()
    }
}

/// How long the callee was waited for without a sign of them.
#[derive(Debug, Default)]
struct Silence {
    /// Before `since`.
    waited: Duration,
    /// They are waited for, and have been since.
    since: Option<Instant>,
}

impl Silence {
    fn count(&mut self, now: Instant, waits: bool) {
        match (self.since, waits) {
            (None, true) => self.since = Some(now),
            (Some(since), false) => {
                self.waited += now.saturating_duration_since(since);
                self.since = None;
            }
            _ => {}
        }
    }

    fn dead_at(&self) -> Option<Instant> {
        self.since.map(|since| since + DEAD_AFTER.saturating_sub(self.waited))
    }
}
