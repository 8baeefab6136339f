//! The calls that a voice thread knows, and what each wants of it.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use ::voice::{Permit, session};
use call::voice::{BotWish, Told, Wish};
use call::{CallName, Mail, TapQueue};
use common::AttemptId;
use crossbeam_channel::TrySendError;
use jiff::tz::TimeZone;
use prometheus::Histogram;
use script::{Heard, Sentence};
use shard::{MailRefused, MailSender};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

use super::asking::Asker;
use super::attending::{Bots, Stream};
use super::conversing::{Conversation, Talker};
use super::hearing::{Ear, Recognisers};
use super::models::Models;
use super::running::Connector;
use super::speaking::Speaker;
use super::{Command, FreeSessions, LAST_WORDS_MAX};
use crate::assets::AudioName;
use crate::dispatch::Input;
use crate::metrics::VoiceMetrics;

/// Time between looks at the tap: a tenth of what a chunk lasts.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Looks between two counts of free sessions and of requests under way.
const LOOKS_A_COUNT: u32 = 10;
/// Chunks taken before other work has its turn.
const BITE: usize = 1_024;
pub(super) type CallKey = (AttemptId, u32);

/// What tasks tell the hub.
#[derive(Debug)]
pub(super) enum News {
    /// Of a session. Its number tells it from the call's earlier ones.
    Session { call: CallKey, session: u32, told: session::Told },
    /// Of a bot's session, by the number of the wish for it.
    Bot { call: CallKey, number: u32, told: session::Told },
    /// A session's connection is over.
    Ended { connector: Connector, permit: Permit },
    /// For a call.
    Call { call: CallKey, told: Told },
    /// A sentence was prepared, or cannot be.
    Prepared { sentence: Sentence, result: Result<std::sync::Arc<media::Prompt>, String> },
}

/// See the module's text.
pub(super) struct Hub {
    tap: TapQueue,
    outbox: Outbox,
    /// For the dispatcher, which may be waiting for this thread to end. There are no more of them than scripts have sentences.
    prepared: VecDeque<Input>,
    tools: Tools,
    calls: HashMap<CallKey, Call>,
    news: mpsc::UnboundedSender<News>,
    heard: Option<mpsc::UnboundedReceiver<News>>,
}

/// What all voice threads work with. Clones share places, caches, connections and counters.
#[derive(Clone)]
pub(super) struct Tools {
    pub(super) recognisers: Recognisers,
    pub(super) bots: Bots,
    pub(super) speaker: Speaker,
    pub(super) asker: Asker,
    pub(super) talker: Talker,
    pub(super) models: Models,
    pub(super) results: crossbeam_channel::Sender<Input>,
    pub(super) metrics: VoiceMetrics,
    pub(super) lag: Histogram,
    pub(super) free: FreeSessions,
}

/// Mail to the shard.
struct Outbox {
    mail: MailSender<Mail>,
    /// What found its queue full. There are no more of them than calls have wishes.
    waiting: VecDeque<Mail>,
}

/// One call.
struct Call {
    name: CallName,
    /// It is over since then, but for what the callee said last.
    over_at: Option<Instant>,
    /// It was told that the callee wants no more calls.
    opted_out: bool,
    ear: Ear,
    bot: Option<Stream>,
    /// What is being spoken or asked; ended with the call.
    speaking: Option<(u32, AbortHandle)>,
    conversation: Conversation,
    /// The turn of the model that spoke last, and how much of it was heard if it was interrupted.
    model_turn: Option<u32>,
    cut_short: Option<Duration>,
    asking: Option<AbortHandle>,
}

impl Call {
    fn stop_working(&mut self) {
        let tasks = self.speaking.take().map(|(_, task)| task).into_iter().chain(self.asking.take());
        tasks.for_each(|task| task.abort());
    }

    /// Whether the call shall be told this, which it notes: an opt-out that is known is not told again after the end.
    fn admits(&mut self, told: &Told) -> bool {
        let was_told = self.opted_out;
        self.opted_out |= told.opt_out().is_some();
        let is_repeated = was_told && told.opt_out().is_some();
        self.over_at.is_none() || !is_repeated
    }

    /// Whether nothing more will come of it.
    fn is_done(&self) -> bool {
        let Some(over_at) = self.over_at else { return false };
        let works = self.ear.is_listening() || self.speaking.is_some();
        !works || over_at.elapsed() >= LAST_WORDS_MAX
    }

    /// The call is over: nothing is spoken or asked for it any more. A model that has not come to its end may still understand that the
    /// callee wants no more calls.
    fn on_over(&mut self) {
        self.over_at = Some(Instant::now());
        self.conversation.end();
        let is_models = |(number, _): &(u32, AbortHandle)| self.model_turn == Some(*number);
        let speaking = self.speaking.take();
        let (kept, ended) = match speaking {
            Some(speaking) if is_models(&speaking) => (Some(speaking), None),
            other => (None, other),
        };
        self.speaking = kept;
        let ended = ended.map(|(_, task)| task).into_iter().chain(self.asking.take());
        ended.for_each(|task| task.abort());
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.stop_working();
        self.ear.leave();
    }
}

impl Hub {
    /// For the calls of the shard that this tap and this mail are of.
    pub(super) fn new(tap: TapQueue, mail: MailSender<Mail>, tools: Tools) -> Self {
        let (news, heard) = mpsc::unbounded_channel();
        let outbox = Outbox { mail, waiting: VecDeque::new() };
        let (prepared, calls) = (VecDeque::new(), HashMap::new());
        Self { tap, outbox, prepared, tools, calls, news, heard: Some(heard) }
    }

    /// Until nobody can send commands any more.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut heard = self.heard.take().expect("it runs once");
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looks = 0;
        // Made at their first use, which should not be a call's.
        let _ = (understanding::opts_out(""), jiff::Zoned::now());
        self.count();
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    None => return,
                    Some(Command::Wish { call, zone, wish, .. }) => self.on_wish(call, zone, wish),
                    Some(Command::Prepare(sentence)) => self.prepare(sentence),
                },
                Some(news) = heard.recv() => self.on_news(news),
                _ = look.tick() => {
                    self.hear();
                    self.outbox.send_waiting();
                    self.send_prepared();
                    self.listen_on_time();
                    looks = (looks + 1) % LOOKS_A_COUNT;
                    if looks == 0 {
                        self.count();
                    }
                }
            }
        }
    }

    fn on_wish(&mut self, name: CallName, zone: TimeZone, wish: Wish) {
        let key = (name.attempt, name.route_try);
        if let Wish::End { opted_out } = wish {
            return self.on_call_over(name, opted_out);
        }
        // What only changes or ends something begins no call.
        let begins = matches!(
            wish,
            Wish::Speak { .. }
                | Wish::Converse { .. }
                | Wish::Overhear
                | Wish::Listen { .. }
                | Wish::Request { .. }
                | Wish::Bot { wish: BotWish::Attach(_), .. }
        );
        if !begins && !self.calls.contains_key(&key) {
            return;
        }
        let call = self.calls.entry(key).or_insert_with(|| Call {
            name,
            over_at: None,
            opted_out: false,
            ear: Ear::new(name, zone, self.news.clone()),
            bot: None,
            speaking: None,
            conversation: Conversation::default(),
            model_turn: None,
            cut_short: None,
            asking: None,
        });
        match wish {
            Wish::Speak { number, sentence } => {
                let task = self.tools.speaker.speak(key, number, sentence, &self.news);
                if let Some((_, before)) = call.speaking.replace((number, task)) {
                    before.abort();
                }
            }
            Wish::Converse { number, talk } => {
                let heard = call.cut_short.take();
                let talker = &self.tools.talker;
                let task = talker.answer(key, number, *talk, &call.conversation, heard, &self.news);
                call.model_turn = Some(number);
                if let Some((_, before)) = call.speaking.replace((number, task)) {
                    before.abort();
                }
            }
            Wish::Hush { number, heard } => {
                if call.model_turn == Some(number) {
                    call.cut_short = Some(heard);
                }
                if let Some((_, task)) = call.speaking.take_if(|(of, _)| *of == number) {
                    task.abort();
                }
            }
            Wish::Request { number, request } => {
                let task = self.tools.asker.ask(key, number, *request, &self.news);
                if let Some(before) = call.asking.replace(task) {
                    before.abort();
                }
            }
            Wish::Overhear => {}
            Wish::Listen { number, ask, program, ongoing } => {
                let told = self.tools.recognisers.listen(&mut call.ear, number, *ask, program, ongoing);
                if let Some(told) = told {
                    self.tell(key, told);
                }
            }
            Wish::EndOfSpeech { number } => {
                // What was handed to the tap before this wish was sent is part of the answer.
                self.hear();
                if let Some(call) = self.calls.get_mut(&key)
                    && let Some(told) = self.tools.recognisers.end_of_speech(&mut call.ear, number)
                {
                    self.tell(key, told);
                }
            }
            Wish::StopListening { number } => self.tools.recognisers.stop(&mut call.ear, number),
            Wish::Bot { number, wish } => {
                if let Some(told) = self.tools.bots.on_wish(key, &mut call.bot, number, wish, &self.news) {
                    self.tell(key, told);
                }
            }
            Wish::End { .. } => unreachable!("taken above"),
        }
    }

    fn on_call_over(&mut self, name: CallName, opted_out: bool) {
        // What was handed to the tap before.
        self.hear();
        let key = (name.attempt, name.route_try);
        let Some(call) = self.calls.get_mut(&key) else {
            // None of its wishes found room.
            return self.outbox.send(name, Told::Done);
        };
        call.opted_out |= opted_out;
        call.on_over();
        self.tools.bots.leave(&mut call.bot);
        let told = self.tools.recognisers.on_call_over(&mut call.ear);
        self.tell_last(key, told);
    }

    fn on_news(&mut self, news: News) {
        match news {
            News::Session { call: key, session, told } => {
                let ear = self.calls.get_mut(&key).map(|call| &mut call.ear);
                let told = self.tools.recognisers.on_session(ear, session, told);
                self.tell_last(key, told);
            }
            News::Ended { connector: Connector::Recogniser(index), permit } => {
                self.tools.recognisers.on_ended(index, permit);
            }
            News::Ended { connector: Connector::Bot(index), permit } => {
                self.tools.bots.on_ended(index, permit)
            }
            News::Bot { call: key, number, told } => {
                let Some(call) = self.calls.get_mut(&key) else { return };
                let mut tell = Vec::new();
                self.tools.bots.on_session(&mut call.bot, number, told, &mut tell);
                tell.into_iter().for_each(|told| self.tell(key, told));
            }
            News::Call { call: key, told } => {
                let Some(call) = self.calls.get_mut(&key) else { return };
                if let Told::Heard { .. } = told {
                    call.ear.on_understood();
                }
                if let Told::Silent { number } = told {
                    call.speaking.take_if(|(of, _)| *of == number);
                }
                let counts = call.over_at.is_none() || told.opt_out().is_some();
                self.tell_last(key, Some(told).filter(|_| counts));
            }
            News::Prepared { sentence, result } => {
                self.prepared.push_back(Input::Made { name: AudioName::Sentence(sentence), result });
                self.send_prepared();
            }
        }
    }

    fn send_prepared(&mut self) {
        while let Some(made) = self.prepared.pop_front() {
            // The dispatcher may have ended meanwhile.
            if let Err(TrySendError::Full(made)) = self.tools.results.try_send(made) {
                return self.prepared.push_front(made);
            }
        }
    }

    fn prepare(&self, sentence: Sentence) {
        self.tools.speaker.prepare(sentence, &self.news);
    }

    /// Takes what the tap has.
    fn hear(&mut self) {
        let Self { tap, outbox, tools, calls, .. } = self;
        for _ in 0..BITE {
            let Some(tapped) = tap.take() else { break };
            let Some(call) = calls.get_mut(&(tapped.call.attempt, tapped.call.route_try)) else { continue };
            tools.lag.observe(tapped.given.elapsed().as_secs_f64());
            let told = tools.bots.hear(&mut call.bot, &tapped.chunk).into_iter();
            let told = told.chain(tools.recognisers.hear(&mut call.ear, &tapped.chunk));
            told.for_each(|told| outbox.send(call.name, told));
        }
    }

    fn listen_on_time(&mut self) {
        let now = Instant::now();
        let Self { outbox, tools, calls, .. } = self;
        let mut tell = Vec::new();
        calls.retain(|_, call| {
            tools.bots.on_time(now, &mut call.bot, &mut tell);
            tell.extend(tools.recognisers.on_time(now, &mut call.ear));
            let is_done = call.is_done();
            tell.retain(|told| call.admits(told));
            tell.extend(is_done.then_some(Told::Done));
            tell.drain(..).for_each(|told| outbox.send(call.name, told));
            !is_done
        });
    }

    fn tell(&mut self, key: CallKey, told: Told) {
        let Some(call) = self.calls.get_mut(&key) else { return };
        if call.admits(&told) {
            self.outbox.send(call.name, told);
        }
    }

    /// Tells what may be the last of a call.
    fn tell_last(&mut self, key: CallKey, told: Option<Told>) {
        if let Some(told) = told {
            self.tell(key, told);
        }
        if self.calls.get(&key).is_some_and(Call::is_done) {
            self.tell(key, Told::Done);
            self.calls.remove(&key);
        }
    }

    fn count(&self) {
        let Tools { recognisers, bots, speaker, models, metrics, free, .. } = &self.tools;
        let mut now_free = recognisers.free();
        now_free.extend(bots.free());
        free.set(now_free);
        models.under_way().for_each(|(model, now)| metrics.model_requests(model, now));
        speaker.under_way().for_each(|(voice, now)| metrics.voice_requests(voice, now));
    }
}

impl Outbox {
    fn send(&mut self, call: CallName, told: Told) {
        self.waiting.push_back(Mail::Voice { call, told });
        self.send_waiting();
    }

    fn send_waiting(&mut self) {
        while let Some(mail) = self.waiting.pop_front() {
            if let Err(MailRefused::Full(mail)) = self.mail.try_send(mail) {
                return self.waiting.push_front(mail);
            }
        }
    }
}

/// An answer in which nothing was understood.
pub(super) fn nothing_heard(number: u32) -> Told {
    Told::Heard { number, heard: Heard::default(), hearing: call::voice::Hearing::default() }
}
