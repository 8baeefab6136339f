//! One call's way through a program.
//!
//! ```text
//!              ┌──── SpeechBegan, Key: barge-in ────┐
//! Speaking ────┤                                    ▼
//!   │ Spoken   └─▶ next step            Listening / MenuOpen / Collecting
//!   ▼                                     │ Heard, Key        │ Time: silence
//! next step, or what the question waits for ▼                 ▼
//!                                       that way      said again, or elsewhere
//! ```

mod asking;
mod attending;
mod conversing;
mod exchange;
mod keys;
mod speaking;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use asking::leads_elsewhere;
pub use attending::Attend;
pub use conversing::{ModelDeed, Talk, Wording};
pub use exchange::{Action, Ask, Awaits, End, Heard, Input, Reply, Request, Tally};
pub use speaking::OPT_OUT;

use crate::program::{Op, Program, Sentence, StepIndex, Target, Utterance};
use crate::template::Escape;

/// Steps that one call may do; a script that circles for so long has lost its way.
const STEPS_MAX: u32 = 10_000;

/// How much longer than the callee's speech the answer to a question may take: the silence that ends it and the recogniser's time. Who
/// runs the script has deadlines of its own for both; this one is the last.
const ANSWER_GRACE: Duration = Duration::from_secs(15);

/// Pause before the second try of a request, twice as long before each further one. Whoever asks servers keeps to it.
pub const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Names of variables kept for programs that come later, beside those of the program that runs.
const KEPT_MAX: usize = 1_000;

/// How much longer than all tries of a request its reply may take, before the run stops waiting for it.
const REPLY_GRACE: Duration = Duration::from_secs(1);

#[derive(Debug)]
enum State {
    NotStarted,
    /// What is said belongs to the step: alone, or as its question.
    Speaking,
    Listening {
        deadline: Instant,
    },
    /// Music plays instead of an answer.
    Holding {
        deadline: Instant,
    },
    MenuOpen {
        deadline: Instant,
    },
    Collecting {
        entry: String,
        deadline: Instant,
    },
    Waiting {
        until: Instant,
    },
    AwaitingReply {
        deadline: Instant,
    },
    Attended {
        until: Instant,
    },
    /// What the step wants cannot be done.
    Failing {
        at: Instant,
        why: &'static str,
    },
    AwaitingBeep {
        deadline: Instant,
    },
    Transferring {
        /// `None` once they talk.
        deadline: Option<Instant>,
    },
    Over,
}

/// One call's way through a program.
#[derive(Debug)]
pub struct Run {
    program: Arc<Program>,
    /// With which the call began. Its prompts are the ones at hand.
    first: Arc<Program>,
    /// What is known of the contact, by the name after `contact.`; for programs that come later.
    contact: Box<[(String, String)]>,
    /// What variables of earlier programs hold, for programs that come later.
    kept: BTreeMap<String, String>,
    /// What each variable holds, by its place.
    values: Vec<String>,
    step: StepIndex,
    state: State,
    /// The recogniser was asked to listen and has not answered.
    listens: bool,
    /// Music is heard from the callee's side.
    on_hold: bool,
    /// How often the step was begun again for nothing, and for nothing fitting.
    silences: usize,
    misses: usize,
    typed_ahead: String,
    /// Sentences that were not said since the last input, because keys were typed ahead.
    unsaid: usize,
    /// What the callee said or pressed last, in words.
    answer: String,
    opted_out: bool,
    actions: VecDeque<Action>,
    entries: Vec<String>,
    steps_done: u32,
    tally: Tally,
    /// The step's conversation has begun.
    conversed: bool,
    /// Where a deed of the model leads.
    leads_to: Option<Target>,
}

impl Run {
    /// A call that was not answered yet. `contact` is what is known of the contact, by the name after `contact.`.
    pub fn new(program: Arc<Program>, contact: Box<[(String, String)]>) -> Self {
        let values = first_values(&program, |name| of_contact(&contact, name));
        Self {
            first: program.clone(),
            program,
            contact,
            kept: BTreeMap::new(),
            values,
            step: StepIndex(0),
            state: State::NotStarted,
            listens: false,
            on_hold: false,
            silences: 0,
            misses: 0,
            typed_ahead: String::new(),
            unsaid: 0,
            answer: String::new(),
            opted_out: false,
            actions: VecDeque::new(),
            entries: Vec::new(),
            steps_done: 0,
            tally: Tally::default(),
            conversed: false,
            leads_to: None,
        }
    }

    /// Takes what has happened. What does not fit the step, such as a late reply, changes nothing.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.unsaid = 0;
        match input {
            Input::Answered if matches!(self.state, State::NotStarted) => self.enter(now, Some(StepIndex(0))),
            Input::Answered => {}
            Input::Spoken if matches!(self.state, State::Speaking) => self.on_spoken(now),
            Input::Spoken => {}
            Input::Key(digit) => self.on_key(now, digit),
            Input::SpeechBegan => self.on_speech(now),
            Input::Heard(heard) => self.on_heard(now, heard),
            Input::MusicBegan => self.on_music(now),
            Input::MusicEnded => self.on_music_over(now),
            Input::RecogniserGone => self.on_recogniser_gone(now),
            Input::Reply(reply) => self.on_reply(now, reply),
            Input::Deed(deed) => self.on_deed(now, deed),
            Input::BotLeft => self.on_bot_gone(now, false),
            Input::BotFailed => self.on_bot_gone(now, true),
            Input::Beep if matches!(self.state, State::AwaitingBeep { .. }) => self.leave_message(),
            Input::Beep => {}
            Input::Joined => {
                if let State::Transferring { deadline } = &mut self.state {
                    *deadline = None;
                }
            }
            Input::Transferred(done) => self.on_transferred(now, done),
            Input::Time => self.on_time(now),
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Input::Time`] is wanted.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Listening { deadline }
            | State::Holding { deadline }
            | State::MenuOpen { deadline }
            | State::Collecting { deadline, .. }
            | State::Waiting { until: deadline }
            | State::Attended { until: deadline }
            | State::AwaitingReply { deadline }
            | State::Failing { at: deadline, .. }
            | State::AwaitingBeep { deadline } => Some(deadline),
            State::Transferring { deadline } => deadline,
            State::NotStarted | State::Speaking | State::Over => None,
        }
    }

    /// What it waits for.
    pub fn awaits(&self) -> Awaits {
        match self.state {
            State::NotStarted => Awaits::Answer,
            State::Speaking => Awaits::Spoken,
            State::Listening { .. } => Awaits::Speech,
            State::Holding { .. } => Awaits::Hold,
            State::MenuOpen { .. } | State::Collecting { .. } => Awaits::Key,
            State::AwaitingReply { .. } => Awaits::Reply,
            State::Attended { .. } => Awaits::Bot,
            State::AwaitingBeep { .. } => Awaits::Beep,
            State::Transferring { .. } => Awaits::Transfer,
            State::Waiting { .. } | State::Failing { .. } => Awaits::Time,
            State::Over => Awaits::Nothing,
        }
    }

    /// What was collected, an entry for each completed `collect` step, commas between.
    pub fn entries(&self) -> String {
        self.entries.join(",")
    }

    /// How often questions went wrong so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The step that the call is in: its id, or its number counted from 1.
    pub fn step(&self) -> &str {
        &self.node().name
    }

    /// What a variable holds; empty for nothing.
    pub fn value(&self, name: &str) -> &str {
        self.program.variable(name).map_or("", |slot| &self.values[slot])
    }

    /// The program that the call is in: the first, or the one that a server has answered with.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    fn node(&self) -> &crate::program::Node {
        &self.program.steps[usize::from(self.step.0)]
    }

    fn on_time(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|deadline| deadline > now) {
            return;
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Listening { .. } | State::MenuOpen { .. } => self.on_silence(now),
            State::Holding { .. } => self.on_held_too_long(now),
            State::Collecting { entry, .. } => self.complete_entry(now, entry),
            State::Waiting { .. } => self.enter_next(now),
            State::AwaitingReply { .. } => self.fail(now, "no reply in time".to_owned()),
            State::Failing { why, .. } => self.fail(now, why.to_owned()),
            State::Attended { .. } => self.take_from_bot(now),
            State::AwaitingBeep { .. } => self.leave_message(),
            State::Transferring { .. } => self.fail(now, "transfer".to_owned()),
            State::NotStarted | State::Speaking | State::Over => unreachable!("they have no deadline"),
        }
    }

    fn enter_next(&mut self, now: Instant) {
        let next = self.node().next;
        self.enter(now, next);
    }

    /// Does steps until one has to wait.
    fn enter(&mut self, now: Instant, target: Target) {
        let mut target = target;
        loop {
            let Some(step) = target else { return self.end(End::default()) };
            if self.steps_done >= STEPS_MAX {
                let error = Some(format!("{STEPS_MAX} steps were done; the script circles"));
                return self.end(End { disposition: None, error });
            }
            self.steps_done += 1;
            self.step = step;
            (self.silences, self.misses) = (0, 0);
            match self.begin(now) {
                Some(next) => target = next,
                None => return,
            }
        }
    }

    /// Begins the step. Gives where to go if it is over at once.
    fn begin(&mut self, now: Instant) -> Option<Target> {
        let program = self.program.clone();
        let node = &program.steps[usize::from(self.step.0)];
        match &node.op {
            Op::Speak { utterance, barge_in } => {
                // So many that they came round: nothing takes the keys, and the callee is to hear something.
                let circles = self.unsaid > program.steps.len();
                if barge_in.by_keys() && !self.typed_ahead.is_empty() && !circles {
                    self.unsaid += 1;
                    return Some(node.next);
                }
                self.say(utterance);
            }
            Op::Listen(listen) => self.begin_listen(now, listen),
            Op::Converse(converse) => self.begin_converse(now, converse),
            Op::Bot(bot) => self.begin_bot(now, bot),
            Op::Menu(menu) => self.begin_menu(now, menu),
            Op::Collect(collect) => self.begin_collect(now, collect),
            Op::Set(values) => {
                let new: Vec<_> = values.iter().map(|(slot, text)| (*slot, self.render(text))).collect();
                new.into_iter().for_each(|(slot, value)| self.values[slot] = value);
                return Some(node.next);
            }
            Op::Branch(ways) => {
                let value = |slot: usize| self.values[slot].as_str();
                let way = ways.iter().find(|(test, _)| test.holds(&value));
                return Some(way.map_or(node.next, |(_, to)| *to));
            }
            Op::Http(http) => self.begin_http(now, http),
            Op::Webhook(webhook) => self.begin_webhook(now, webhook),
            Op::OptOut => {
                self.opt_out();
                return Some(node.next);
            }
            Op::Record(on) => {
                self.actions.push_back(Action::Record(*on));
                return Some(node.next);
            }
            Op::LeaveMessage { beep_max, .. } => {
                self.actions.push_back(Action::AwaitBeep);
                self.state = State::AwaitingBeep { deadline: now + *beep_max };
            }
            Op::Transfer(transfer) => {
                let Some(to) = transfer.to.address(&|slot| &self.values[slot]) else {
                    self.fail_in_time(now, "transfer");
                    return None;
                };
                let (mode, timeout) = (transfer.mode, transfer.timeout);
                self.actions.push_back(Action::Transfer { to, mode, timeout });
                self.state = State::Transferring { deadline: Some(now + timeout + REPLY_GRACE) };
            }
            Op::Wait(pause) => self.state = State::Waiting { until: now + *pause },
            Op::HangUp { disposition } => {
                self.end(End { disposition: disposition.clone(), error: None });
            }
        }
        None
    }

    /// The callee wants no more calls.
    fn opt_out(&mut self) {
        let is_over = matches!(self.state, State::Over);
        if !is_over && !std::mem::replace(&mut self.opted_out, true) {
            self.actions.push_back(Action::OptOut { said: self.answer.clone() });
        }
    }

    fn end(&mut self, end: End) {
        self.stop_listening();
        self.actions.push_back(Action::End(end));
        self.state = State::Over;
    }

    fn on_transferred(&mut self, now: Instant, done: bool) {
        if !matches!(self.state, State::Transferring { .. }) {
            return;
        }
        if done {
            return self.end(End { disposition: Some("transferred".to_owned()), error: None });
        }
        self.fail(now, "transfer".to_owned());
    }

    /// Nothing came of what the step wanted of somebody else.
    fn fail(&mut self, now: Instant, why: String) {
        let failed = match &self.node().op {
            Op::Http(http) => http.failed,
            Op::Webhook(webhook) => webhook.failed,
            Op::Transfer(transfer) => transfer.failed,
            _ => None,
        };
        self.set_built_in("error", why);
        self.enter(now, failed);
    }

    /// Fails in its own time: never within the input that began the step, so that a step that leads to itself does not circle.
    fn fail_in_time(&mut self, now: Instant, why: &'static str) {
        self.state = State::Failing { at: now, why };
    }

    fn render(&self, template: &crate::Template) -> String {
        template.render(&|slot| &self.values[slot])
    }

    fn render_for(&self, template: &crate::Template, escape: Escape) -> String {
        template.render_for(escape, &|slot| &self.values[slot])
    }

    fn set_built_in(&mut self, name: &str, value: impl Into<String>) {
        if let Some(slot) = self.program.variable(name) {
            self.values[slot] = value.into();
        }
    }

    fn say(&mut self, utterance: &Utterance) {
        self.actions.push_back(match utterance {
            Utterance::Prompt(prompt) => Action::Play(*prompt),
            Utterance::Sentence { text, voice, language } => {
                let (voice, language) = (voice.clone(), language.clone());
                Action::Say(Sentence { text: self.render(text), voice, language })
            }
        });
        self.state = State::Speaking;
    }
}

/// What a variable of the contact holds.
fn of_contact(contact: &[(String, String)], variable: &str) -> Option<String> {
    let name = variable.strip_prefix("contact.")?;
    contact.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

/// What every variable of a program holds at first; `known` gives what is known beforehand.
fn first_values(program: &Program, known: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut values: Vec<String> =
        program.variables.iter().map(|name| known(name).unwrap_or_default()).collect();
    for (slot, value) in &program.first_values {
        if values[*slot].is_empty() {
            values[*slot].clone_from(value);
        }
    }
    values
}
