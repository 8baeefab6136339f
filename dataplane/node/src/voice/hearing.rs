//! What callees say on its way to recognisers, and what those make of it on its way back.

mod ear;
mod server;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::voice::session::{self, Given};
use ::voice::{Heard as Said, Permit, Piece, SharedBreaker, prosody};
use call::voice::{Hearing, Told};
use media::{Chunk, Codec};
use script::{Ask, Program};

use super::config::{RecogniserConfig, RecogniserProtocol, VoiceConfig};
use super::hub::{News, nothing_heard};
use super::interpreting::{Answer, Interpreter};
use super::running::{Connector, Running};
use crate::metrics::VoiceMetrics;
use ear::{Question, Session};
use server::facts;

pub(super) use ear::{Ear, GATE_HANG_MS};
pub(super) use server::target;

/// Pieces that may wait for a session: five seconds of audio.
pub(super) const GIVEN_MAX: usize = 50;
/// How long a recogniser may take for its last word. The call gives up later.
pub(super) const LAST_WORD_MAX: Duration = Duration::from_secs(4);
/// The same of one that has said something already: not all of them answer when nothing more was said.
const ONE_MORE_MAX: Duration = Duration::from_millis(700);
/// One that has said nothing for so long is told that the audio ends: some keep words back until then.
const WORD_MAX: Duration = Duration::from_secs(2);
/// Longest answer, in bytes. A recogniser that says more is not listened to any further.
const SAID_BYTES_MAX: usize = 8 << 10;
/// Samples a millisecond.
const A_MS: u64 = 8;

/// One recogniser.
struct Recogniser {
    name: String,
    config: RecogniserConfig,
    breaker: SharedBreaker,
    /// The end of what the callee says is the end of the session, since the protocol asks for the last word in no other way.
    hears_once: bool,
}

/// All recognisers. Cheap to clone; clones have the same places.
#[derive(Clone)]
pub(super) struct Recognisers {
    all: Arc<[Recogniser]>,
    by_name: Arc<BTreeMap<String, usize>>,
    interpreter: Interpreter,
    metrics: VoiceMetrics,
}

impl Recognisers {
    pub(super) fn new(config: &VoiceConfig, interpreter: Interpreter, metrics: VoiceMetrics) -> Self {
        let mut by_name = BTreeMap::new();
        let mut all = Vec::new();
        for (name, config) in &config.recognisers {
            by_name.insert(name.clone(), all.len());
            all.push(Recogniser {
                name: name.clone(),
                config: config.clone(),
                breaker: SharedBreaker::new(config.sessions_max),
                hears_once: config.protocol == RecogniserProtocol::Vosk,
            });
        }
        if let Some(default) = config.default_recogniser().and_then(|name| by_name.get(name)).copied() {
            by_name.insert(String::new(), default);
        }
        Self { all: all.into(), by_name: Arc::new(by_name), interpreter, metrics }
    }

    /// Sessions that could still be opened.
    pub(super) fn free(&self) -> HashMap<String, u32> {
        let now = Instant::now();
        let free = |(name, index): (&String, &usize)| {
            (name.clone(), u32::try_from(self.all[*index].breaker.lock().free(now)).unwrap_or(u32::MAX))
        };
        self.by_name.iter().map(free).collect()
    }

    /// Begins to listen. An answer at once means that nobody can.
    pub(super) fn listen(
        &self,
        ear: &mut Ear,
        number: u32,
        ask: Ask,
        program: Arc<Program>,
        ongoing: bool,
    ) -> Option<Told> {
        let name = ask.recogniser.as_deref().unwrap_or_default();
        let Some(&recogniser) = self.by_name.get(name) else {
            tracing::warn!(
                recogniser = name,
                "a script listens with a recogniser that the configuration does not have"
            );
            return Some(Told::Deaf { number });
        };
        let facts = facts(ear.call, &ask, &program);
        let is_other = |session: &Session| {
            (session.recogniser, session.end_silence) != (recogniser, ask.end_silence)
                || session.facts != facts
                || session.running.is_finishing()
        };
        if ear.session.as_ref().is_some_and(is_other) {
            ear.end_session();
        }
        ear.stop_asking();
        ear.turn = prosody::Turn::default();
        ear.question = Some(Question {
            number,
            recogniser,
            ask,
            program,
            said: Vec::new(),
            is_heard: false,
            asked_at: None,
        });
        if !ongoing {
            ear.ahead.forget();
        }
        let codec = ear.codec.filter(|_| !ear.ahead.is_empty())?;
        if ear.session.is_none() && !self.open(ear, recogniser, codec) {
            ear.question = None;
            return Some(Told::Deaf { number });
        }
        for piece in ear.ahead.take() {
            self.send(ear, recogniser, codec, piece);
        }
        None
    }

    /// A chunk of what the callee says.
    pub(super) fn hear(&self, ear: &mut Ear, chunk: &Chunk) -> Option<Told> {
        let codec = *ear.codec.insert(chunk.codec());
        self.metrics.audio_heard(chunk.samples().len() as u64 / A_MS);
        let passed = ear.gate.hear(codec, chunk.position(), chunk.samples());
        let Some(question) = ear.question.as_ref().filter(|question| question.asked_at.is_none()) else {
            ear.ahead.keep(passed);
            return None;
        };
        let (number, recogniser) = (question.number, question.recogniser);
        if ear.session.is_none() && !self.open(ear, recogniser, codec) {
            ear.question = None;
            return Some(Told::Deaf { number });
        }
        self.send(ear, recogniser, codec, passed.piece?);
        None
    }

    /// Hands a piece to the call's session.
    fn send(&self, ear: &mut Ear, recogniser: usize, codec: Codec, piece: Piece) {
        ear.turn.hear(codec, &piece.samples);
        let samples = piece.samples.len() as u64;
        ear.sent_samples += samples;
        self.metrics.audio_sent(&self.all[recogniser].name, samples / A_MS);
        if let Some(question) = &mut ear.question {
            question.is_heard = true;
        }
        if !ear.session.as_ref().is_some_and(|session| session.running.give(Given::Audio(piece))) {
            ear.dropped_samples += samples;
            self.metrics.dropped(&self.all[recogniser].name, samples / A_MS);
        }
    }

    /// The callee has finished.
    pub(super) fn end_of_speech(&self, ear: &mut Ear, number: u32) -> Option<Told> {
        let question = ear.question.as_mut().filter(|question| question.number == number)?;
        question.asked_at = Some(Instant::now());
        if !question.is_heard {
            // So faint that the gate let nothing pass.
            ear.question = None;
            return Some(nothing_heard(number));
        }
        let Some(session) = &mut ear.session else {
            ear.question = None;
            return Some(Told::Deaf { number });
        };
        if self.all[session.recogniser].hears_once {
            session.running.finish();
        } else {
            // A session whose queue is full is asked by nobody, and the time for its last word runs out.
            session.running.give(Given::EndOfSpeech);
        }
        None
    }

    /// Nothing more is to be heard.
    pub(super) fn stop(&self, ear: &mut Ear, number: u32) {
        ear.stop_asking();
        let Some(question) = ear.question.take_if(|question| question.number == number) else { return };
        // What it has heard would be part of the next answer.
        let hears_once = |session: &Session| self.all[session.recogniser].hears_once;
        if question.is_heard || ear.session.as_ref().is_some_and(hears_once) {
            ear.end_session();
        }
    }

    /// The call is over. What was just said is heard to its end: "do not call again" is often the last word of a callee who hangs up.
    pub(super) fn on_call_over(&self, ear: &mut Ear) -> Option<Told> {
        let open = ear.question.as_ref().filter(|question| question.is_heard && ear.session.is_some());
        match open.map(|question| (question.number, question.asked_at)) {
            None => {
                ear.question = None;
                ear.end_session();
                None
            }
            Some((number, None)) => self.end_of_speech(ear, number),
            Some((_, Some(_))) => None,
        }
    }

    /// A session is over, and its connection is.
    pub(super) fn on_ended(&self, recogniser: usize, permit: Permit) {
        self.all[recogniser].breaker.lock().end(Instant::now(), permit);
        self.metrics.sessions(&self.all[recogniser].name, -1);
    }

    /// A session tells something; `None` for `ear` when nobody waits for it.
    pub(super) fn on_session(&self, ear: Option<&mut Ear>, number: u32, told: session::Told) -> Option<Told> {
        let ear = ear.filter(|ear| ear.session.as_ref().is_some_and(|session| session.number == number))?;
        let Session { recogniser, permit, .. } = *ear.session.as_ref().expect("just looked at");
        match told {
            session::Told::Connected { took } => {
                self.all[recogniser].breaker.lock().reached(permit);
                self.metrics.connected(&self.all[recogniser].name, took);
                None
            }
            session::Told::Heard(Said::Final { text, .. }) => {
                self.all[recogniser].breaker.lock().worked(permit);
                self.on_final(ear, text)
            }
            // The call finds the beginning of speech itself, sooner; what a recogniser says is for voice bots.
            session::Told::Heard(_) => None,
            session::Told::Dropped(samples) => {
                ear.dropped_samples += samples as u64;
                self.metrics.dropped(&self.all[recogniser].name, samples as u64 / A_MS);
                None
            }
            session::Told::Reconnecting => {
                self.metrics.reconnected(&self.all[recogniser].name);
                None
            }
            session::Told::Over(how) => {
                ear.session = None;
                if let Err(gone) = &how {
                    tracing::warn!(recogniser = self.all[recogniser].name, %gone, "a recogniser's session failed");
                    self.all[recogniser].breaker.lock().failed(Instant::now(), permit);
                    self.metrics.failed(&self.all[recogniser].name, gone.kind());
                }
                let question = ear.question.as_ref()?;
                match (&how, question.asked_at) {
                    (Ok(()), Some(_)) => self.answer(ear),
                    (_, None) if how.is_ok() => None,
                    _ => {
                        let number = question.number;
                        ear.question = None;
                        Some(Told::Deaf { number })
                    }
                }
            }
        }
    }

    /// Recognisers that do not come to their last word in time.
    pub(super) fn on_time(&self, now: Instant, ear: &mut Ear) -> Option<Told> {
        let question = ear.question.as_ref()?;
        let waited = now.saturating_duration_since(question.asked_at?);
        let has_said = !question.said.is_empty();
        if has_said && waited >= ONE_MORE_MAX && !self.all[question.recogniser].hears_once
            || has_said && waited >= LAST_WORD_MAX
        {
            // What it may still say is not of the next answer.
            ear.end_session();
            return self.answer(ear);
        }
        if waited < LAST_WORD_MAX {
            if let Some(session) = ear.session.as_mut().filter(|_| waited >= WORD_MAX) {
                session.running.finish();
            }
            return None;
        }
        let number = question.number;
        ear.question = None;
        if let Some(session) = &ear.session {
            self.all[session.recogniser].breaker.lock().failed(now, session.permit);
            self.metrics.failed(&self.all[session.recogniser].name, "stalled");
        }
        ear.end_session();
        Some(Told::Deaf { number })
    }

    fn on_final(&self, ear: &mut Ear, text: String) -> Option<Told> {
        let question = ear.question.as_mut()?;
        let said_bytes: usize = question.said.iter().map(String::len).sum();
        if !text.trim().is_empty() && said_bytes + text.len() <= SAID_BYTES_MAX {
            question.said.push(text);
        }
        question.asked_at?;
        // One that hears once may have more to say until it is over.
        if self.all[question.recogniser].hears_once { None } else { self.answer(ear) }
    }

    /// All has been said: what it means, unless somebody else has to be asked.
    fn answer(&self, ear: &mut Ear) -> Option<Told> {
        let question = ear.question.take()?;
        let began = Instant::now();
        let text = question.said.join(" ");
        let today = jiff::Timestamp::now().to_zoned(ear.zone.clone()).date();
        let heard = question.program.understand(question.ask.step, &text, today);
        let opts_out = understanding::opts_out(&text);
        let understanding = began.elapsed();
        let recogniser = question.asked_at.map_or(Duration::ZERO, |asked_at| began.duration_since(asked_at));
        self.metrics.heard(&self.all[question.recogniser].name, recogniser, understanding);
        let (heard_samples, _) = ear.gate.counts();
        let heard_before = std::mem::replace(&mut ear.counted, heard_samples);
        let ms = |samples: u64| u32::try_from(samples / A_MS).unwrap_or(u32::MAX);
        let hearing = Hearing {
            recogniser,
            understanding,
            opts_out,
            misunderstood: false,
            heard_ms: ms(heard_samples - heard_before),
            sent_ms: ms(std::mem::take(&mut ear.sent_samples)),
            dropped_ms: ms(std::mem::take(&mut ear.dropped_samples)),
            prosody: ear.mood(),
        };
        let number = question.number;
        // Nobody is asked what an opt-out means: the callee may hang up meanwhile.
        let inquiry = question.program.inquiry(question.ask.step, &heard).filter(|_| !hearing.opts_out);
        let Some(inquiry) = inquiry else {
            return Some(Told::Heard { number, heard, hearing });
        };
        let Question { program, ask, .. } = question;
        let answer = Answer { call: ear.call, number, program, step: ask.step, today, heard, hearing };
        ear.asking = Some(self.interpreter.ask(answer, inquiry, &ear.news));
        None
    }

    /// Opens a session for the call's question. False when there is none to be had.
    fn open(&self, ear: &mut Ear, index: usize, codec: Codec) -> bool {
        let Some(question) = &ear.question else { return false };
        let recogniser = &self.all[index];
        let begun = recogniser.breaker.lock().begin(Instant::now());
        let permit = match begun {
            Ok(permit) => permit,
            Err(refusal) => {
                tracing::debug!(recogniser = recogniser.name, %refusal, "no session");
                self.metrics.refused(&recogniser.name);
                return false;
            }
        };
        self.metrics.sessions(&recogniser.name, 1);
        let (facts, end_silence) =
            (facts(ear.call, &question.ask, &question.program), question.ask.end_silence);
        let target = target(&recogniser.config, &facts, &question.ask);
        ear.sessions += 1;
        let (number, call) = (ear.sessions, ear.call);
        let place = (Connector::Recogniser(index), permit);
        let name = move |told| News::Session { call, session: number, told };
        let running = Running::begin(target, facts.clone(), codec, place, GIVEN_MAX, &ear.news, name);
        ear.session = Some(Session { number, recogniser: index, permit, running, facts, end_silence });
        true
    }
}
