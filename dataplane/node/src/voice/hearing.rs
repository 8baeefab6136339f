//! What callees say on its way to recognisers, and what those make of it on its way back.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::voice::prosody;
use ::voice::protocol::{deepgram::Deepgram, openai, vosk::Vosk};
use ::voice::session::{self, Given, Target};
use ::voice::{AudioFormat, Breaker, CallFacts, Gate, Heard as Said, Piece, Protocol};
use call::CallName;
use call::voice::{Hearing, Prosody, Told};
use media::{Chunk, Codec};
use script::{Ask, Program};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::ahead::Ahead;
use super::config::{RecogniserConfig, RecogniserProtocol, VoiceConfig};
use super::hub::{CallKey, News, nothing_heard};
use super::interpreting::{Answer, Interpreter};
use crate::metrics::VoiceMetrics;

/// Silence after which audio is kept back until somebody speaks again. Longer than a pause within a sentence, so that a recogniser hears
/// the sentence in one.
pub(super) const GATE_HANG_MS: u32 = 1_000;
/// Pieces that may wait for a session: five seconds of audio.
pub(super) const GIVEN_MAX: usize = 50;
/// How long a recogniser may take for its last word. The call gives up later.
pub(super) const LAST_WORD_MAX: Duration = Duration::from_secs(4);
/// Samples a millisecond.
const A_MS: u64 = 8;

/// One recogniser.
struct Recogniser {
    name: String,
    config: RecogniserConfig,
    breaker: Breaker,
    /// The end of what the callee says is the end of the session, since the protocol asks for the last word in no other way.
    hears_once: bool,
}

/// All recognisers.
pub(super) struct Recognisers {
    all: Vec<Recogniser>,
    by_name: BTreeMap<String, usize>,
    interpreter: Interpreter,
    metrics: VoiceMetrics,
}

/// How a call is listened to.
pub(super) struct Ear {
    call: CallKey,
    gate: Gate,
    codec: Option<Codec>,
    session: Option<Session>,
    sessions: u32,
    question: Option<Question>,
    /// Somebody is asked what the answer means.
    asking: Option<AbortHandle>,
    turn: prosody::Turn,
    first_turn: Option<prosody::Prosody>,
    /// Of what is being said while no question is open.
    ahead: Ahead,
    /// What [`Gate::counts`] said had been heard at the last answer.
    counted: u64,
    /// What was handed to sessions since.
    sent_samples: u64,
    dropped_samples: u64,
}

struct Session {
    number: u32,
    recogniser: usize,
    given: Option<mpsc::Sender<Given>>,
}

/// What is being listened for.
struct Question {
    number: u32,
    recogniser: usize,
    ask: Ask,
    program: Arc<Program>,
    /// What the recogniser is sure of.
    said: Vec<String>,
    /// Something was sent.
    is_heard: bool,
    /// The recogniser was asked for its last word.
    asked_at: Option<Instant>,
}

impl Ear {
    pub(super) fn new(name: CallName) -> Self {
        Self {
            call: (name.attempt, name.route_try),
            gate: Gate::new(GATE_HANG_MS),
            codec: None,
            session: None,
            sessions: 0,
            question: None,
            asking: None,
            turn: prosody::Turn::default(),
            first_turn: None,
            ahead: Ahead::default(),
            counted: 0,
            sent_samples: 0,
            dropped_samples: 0,
        }
    }

    fn stop_asking(&mut self) {
        if let Some(task) = self.asking.take() {
            task.abort();
        }
    }
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
                breaker: Breaker::new(config.sessions_max),
                hears_once: config.protocol == RecogniserProtocol::Vosk,
            });
        }
        if let Some(default) = config.default_recogniser().and_then(|name| by_name.get(name)).copied() {
            by_name.insert(String::new(), default);
        }
        Self { all, by_name, interpreter, metrics }
    }

    /// Sessions that could still be opened.
    pub(super) fn free(&self) -> HashMap<String, u32> {
        let now = Instant::now();
        let free = |(name, index): (&String, &usize)| {
            (name.clone(), u32::try_from(self.all[*index].breaker.free(now)).unwrap_or(u32::MAX))
        };
        self.by_name.iter().map(free).collect()
    }

    /// Begins to listen. An answer at once means that nobody can.
    pub(super) fn listen(
        &mut self,
        ear: &mut Ear,
        number: u32,
        ask: Ask,
        program: Arc<Program>,
        ongoing: bool,
        news: &mpsc::UnboundedSender<News>,
    ) -> Option<Told> {
        let name = ask.recogniser.as_deref().unwrap_or_default();
        let Some(&recogniser) = self.by_name.get(name) else {
            tracing::warn!(
                recogniser = name,
                "a script listens with a recogniser that the configuration does not have"
            );
            return Some(Told::Deaf { number });
        };
        let is_other = |session: &Session| session.recogniser != recogniser || session.given.is_none();
        if ear.session.as_ref().is_some_and(is_other) {
            self.end_session(ear);
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
        if ear.session.is_none() && !self.open(ear.call, ear, recogniser, codec, news) {
            ear.question = None;
            return Some(Told::Deaf { number });
        }
        for piece in ear.ahead.take() {
            self.send(ear, recogniser, codec, piece);
        }
        None
    }

    /// A chunk of what the callee says.
    pub(super) fn hear(
        &mut self,
        key: CallKey,
        ear: &mut Ear,
        chunk: &Chunk,
        news: &mpsc::UnboundedSender<News>,
    ) -> Option<Told> {
        let codec = *ear.codec.insert(chunk.codec());
        let passed = ear.gate.hear(codec, chunk.position(), chunk.samples());
        let Some(question) = ear.question.as_ref().filter(|question| question.asked_at.is_none()) else {
            ear.ahead.keep(passed);
            return None;
        };
        let (number, recogniser) = (question.number, question.recogniser);
        if ear.session.is_none() && !self.open(key, ear, recogniser, codec, news) {
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
        if let Some(question) = &mut ear.question {
            question.is_heard = true;
        }
        let session = ear.session.as_ref().and_then(|session| session.given.as_ref());
        if session.is_none_or(|given| given.try_send(Given::Audio(piece)).is_err()) {
            ear.dropped_samples += samples;
            self.metrics.dropped(&self.all[recogniser].name, samples / A_MS);
        }
    }

    /// The callee has finished.
    pub(super) fn end_of_speech(&mut self, ear: &mut Ear, number: u32) -> Option<Told> {
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
            session.given = None;
        } else if let Some(given) = &session.given {
            // A session whose queue is full is asked by nobody, and the time for its last word runs out.
            let _ = given.try_send(Given::EndOfSpeech);
        }
        None
    }

    /// Nothing more is to be heard.
    pub(super) fn stop(&mut self, ear: &mut Ear, number: u32) {
        ear.stop_asking();
        let Some(question) = ear.question.take_if(|question| question.number == number) else { return };
        // What it has heard would be part of the next answer.
        let hears_once = |session: &Session| self.all[session.recogniser].hears_once;
        if question.is_heard || ear.session.as_ref().is_some_and(hears_once) {
            self.end_session(ear);
        }
    }

    /// The call is over.
    pub(super) fn leave(&mut self, ear: &mut Ear) {
        ear.stop_asking();
        if let Some(session) = &ear.session {
            self.finish(session.recogniser);
        }
    }

    /// A session tells something; `None` for `ear` when its call is over.
    pub(super) fn on_session(
        &mut self,
        ear: Option<&mut Ear>,
        number: u32,
        told: session::Told,
    ) -> Option<Told> {
        let ear = ear.filter(|ear| ear.session.as_ref().is_some_and(|session| session.number == number))?;
        let recogniser = ear.session.as_ref().expect("just looked at").recogniser;
        match told {
            session::Told::Connected { took } => {
                self.all[recogniser].breaker.worked();
                self.metrics.connected(&self.all[recogniser].name, took);
                None
            }
            session::Told::Heard(Said::Final { text, .. }) => self.on_final(ear, text),
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
                self.finish(recogniser);
                if let Err(gone) = &how {
                    tracing::warn!(recogniser = self.all[recogniser].name, %gone, "a recogniser's session failed");
                    self.all[recogniser].breaker.failed(Instant::now());
                    self.metrics.failed(&self.all[recogniser].name);
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
    pub(super) fn on_time(&mut self, now: Instant, ear: &mut Ear) -> Option<Told> {
        let question = ear.question.as_ref()?;
        let asked_at = question.asked_at.filter(|asked_at| now.duration_since(*asked_at) >= LAST_WORD_MAX)?;
        debug_assert!(asked_at <= now);
        if !question.said.is_empty() {
            return self.answer(ear);
        }
        let number = question.number;
        ear.question = None;
        if let Some(session) = &ear.session {
            self.all[session.recogniser].breaker.failed(now);
            self.metrics.failed(&self.all[session.recogniser].name);
        }
        self.end_session(ear);
        Some(Told::Deaf { number })
    }

    fn on_final(&mut self, ear: &mut Ear, text: String) -> Option<Told> {
        let question = ear.question.as_mut()?;
        if !text.trim().is_empty() {
            question.said.push(text);
        }
        question.asked_at?;
        self.answer(ear)
    }

    /// All has been said: what it means, unless somebody else has to be asked.
    fn answer(&mut self, ear: &mut Ear) -> Option<Told> {
        let question = ear.question.take()?;
        let began = Instant::now();
        let text = question.said.join(" ");
        let today = jiff::Zoned::now().date();
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
            prosody: mood(ear),
        };
        let number = question.number;
        let Some(inquiry) = question.program.inquiry(question.ask.step, &heard) else {
            return Some(Told::Heard { number, heard, hearing });
        };
        let Question { program, ask, .. } = question;
        let answer = Answer { call: ear.call, number, program, step: ask.step, hearing };
        ear.asking = Some(self.interpreter.ask(answer, inquiry));
        None
    }

    /// Opens a session for the call's question. False when there is none to be had.
    fn open(
        &mut self,
        key: CallKey,
        ear: &mut Ear,
        index: usize,
        codec: Codec,
        news: &mpsc::UnboundedSender<News>,
    ) -> bool {
        let recogniser = &mut self.all[index];
        if let Err(refusal) = recogniser.breaker.begin(Instant::now()) {
            tracing::debug!(recogniser = recogniser.name, %refusal, "no session");
            self.metrics.refused(&recogniser.name);
            return false;
        }
        let Some(question) = &ear.question else { return false };
        let facts = CallFacts {
            attempt: ear.call.0.to_string(),
            language: question.ask.language.clone(),
            phrases: question.program.expected_phrases(question.ask.step).to_vec(),
            likely: question.program.likely_phrases(question.ask.step),
            parameters: Vec::new(),
        };
        let target = target(&recogniser.config, &facts, &question.ask);
        self.metrics.sessions(&recogniser.name, 1);
        ear.sessions += 1;
        let number = ear.sessions;
        let (given, taken) = mpsc::channel(GIVEN_MAX);
        ear.session = Some(Session { number, recogniser: index, given: Some(given) });
        let news = news.clone();
        tokio::spawn(async move {
            let (teller, mut told) = mpsc::unbounded_channel();
            let forward = async {
                while let Some(told) = told.recv().await {
                    if news.send(News::Session { call: key, session: number, told }).is_err() {
                        break;
                    }
                }
            };
            tokio::join!(session::run(target, facts, codec, taken, teller), forward);
        });
        true
    }

    /// Lets go of the call's session, which ends by itself.
    fn end_session(&mut self, ear: &mut Ear) {
        if let Some(session) = ear.session.take() {
            self.finish(session.recogniser);
        }
    }

    fn finish(&mut self, recogniser: usize) {
        self.all[recogniser].breaker.end();
        self.metrics.sessions(&self.all[recogniser].name, -1);
    }
}

pub(super) fn target(config: &RecogniserConfig, facts: &CallFacts, ask: &Ask) -> Target {
    let format = config.audio();
    let end_silence_ms = u32::try_from(ask.end_silence.as_millis()).unwrap_or(u32::MAX);
    let url = match config.protocol {
        RecogniserProtocol::Deepgram => Deepgram::new(format).address(&config.url, facts, end_silence_ms),
        RecogniserProtocol::Vosk | RecogniserProtocol::Openai => config.url.clone(),
    };
    let mut headers = Vec::new();
    if !config.authorization.0.is_empty() {
        headers.push(("authorization".to_owned(), config.authorization.0.clone()));
    }
    let (protocol, model) = (config.protocol, config.model.clone());
    let protocol = move || machine(protocol, format, &model);
    Target { url, headers, protocol: Box::new(protocol) }
}

fn machine(protocol: RecogniserProtocol, format: AudioFormat, model: &str) -> Box<dyn Protocol> {
    match protocol {
        RecogniserProtocol::Vosk => Box::new(Vosk::new(format)),
        RecogniserProtocol::Deepgram => Box::new(Deepgram::new(format)),
        RecogniserProtocol::Openai => {
            let purpose = openai::Purpose::Transcription { model: model.to_owned() };
            Box::new(openai::OpenAi::new(purpose))
        }
    }
}

/// For a URL's query.
pub(super) fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte))
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// What the turn sounded like beside the callee's first, which tells nothing by itself.
fn mood(ear: &mut Ear) -> Option<Prosody> {
    let prosody = ear.turn.finish()?;
    let Some(first) = ear.first_turn else {
        ear.first_turn = Some(prosody);
        return None;
    };
    let mood = prosody.mood(&first);
    Some(Prosody { arousal: mood.arousal, valence: mood.valence, confidence: mood.confidence })
}
