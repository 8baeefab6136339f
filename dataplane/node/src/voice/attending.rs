//! Calls that voice bots have: what callees say on its way to the bots, and what those say on its way back.
//!
//! Bots send audio in messages of 20 ms, or a whole answer at once. Each message of its own would be a mail to a shard, and a bot that
//! sends at the pace of speech would be heard with a gap whenever a message is late. So the first of a speech is held back for a moment,
//! and what follows is joined to pieces. How much of it waits to be played is known by the clock, and bounded.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::voice::protocol::{openai, twilio::Twilio};
use ::voice::session::{self, Given, Gone, Target};
use ::voice::{CallFacts, Heard, Permit, Piece, Protocol, SharedBreaker};
use call::Speaker;
use call::voice::{BotTold, BotWish, Told};
use media::{Chunk, Codec, FRAME_SAMPLES, Prompt};
use script::Attend;
use tokio::sync::mpsc;

use super::config::{BotConfig, VoiceConfig};
use super::hub::{CallKey, News};
use super::running::{Connector, Running};
use crate::metrics::BotMetrics;

/// What is held back of a speech before it begins: a message may be so much later than the first, less [`JOIN_SAMPLES`].
const BEGIN_SAMPLES: usize = 4 * FRAME_SAMPLES;
/// What is joined to a piece later.
const JOIN_SAMPLES: usize = 2 * FRAME_SAMPLES;
/// How long audio waits for more to be joined with.
const BEGIN_WAIT: Duration = Duration::from_millis(80);
const JOIN_WAIT: Duration = Duration::from_millis(40);
/// Audio of a bot that may wait to be played. A bot that sends more has lost its way.
const AHEAD_MAX: Duration = Duration::from_secs(300);
/// Marks that may wait to be reached.
const MARKS_MAX: usize = 1_000;
/// What may wait for a session: five seconds of audio, and all marks at once, when a bot has what it sent silenced.
const GIVEN_MAX: usize = 50 + MARKS_MAX;
/// Before the names of bots where those of recognisers stand too.
const PREFIX: &str = "bot:";
/// Samples a millisecond.
const A_MS: usize = 8;

struct Bot {
    name: String,
    config: BotConfig,
    breaker: SharedBreaker,
}

/// All bots. Cheap to clone; clones have the same places.
#[derive(Clone)]
pub(super) struct Bots {
    all: Arc<[Bot]>,
    by_name: Arc<BTreeMap<String, usize>>,
    metrics: BotMetrics,
}

/// A call that a bot has.
pub(super) struct Stream {
    /// Of the wish.
    number: u32,
    bot: usize,
    permit: Permit,
    running: Running,
    attempt: String,
    /// Where the tap was when the stream began.
    origin: Option<u64>,
    /// What it says and was not passed on yet, μ-law, and since when.
    gathered: Vec<u8>,
    gathered_at: Instant,
    /// When all that was passed on will have been played.
    playing_until: Instant,
    marks: usize,
}

/// Why a bot is left before its time.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Gone(#[from] Gone),
    #[error("the bot is {} s ahead of what is played", AHEAD_MAX.as_secs())]
    Ahead,
    #[error("more than {MARKS_MAX} marks of the bot wait")]
    Marks,
}

impl Fault {
    fn kind(&self) -> &'static str {
        match self {
            Self::Gone(gone) => gone.kind(),
            Self::Ahead | Self::Marks => "overrun",
        }
    }
}

impl Bots {
    pub(super) fn new(config: &VoiceConfig, metrics: BotMetrics) -> Self {
        let mut by_name = BTreeMap::new();
        let mut all = Vec::new();
        for (name, config) in &config.bots {
            by_name.insert(name.clone(), all.len());
            let breaker = SharedBreaker::new(config.sessions_max());
            all.push(Bot { name: name.clone(), config: config.clone(), breaker });
        }
        if all.len() == 1 {
            by_name.insert(String::new(), 0);
        }
        Self { all: all.into(), by_name: Arc::new(by_name), metrics }
    }

    /// Sessions that could still be opened, by names that no recogniser has.
    pub(super) fn free(&self) -> HashMap<String, u32> {
        let now = Instant::now();
        let free = |(name, index): (&String, &usize)| {
            (
                format!("{PREFIX}{name}"),
                u32::try_from(self.all[*index].breaker.lock().free(now)).unwrap_or(u32::MAX),
            )
        };
        self.by_name.iter().map(free).collect()
    }

    /// A call wants something.
    pub(super) fn on_wish(
        &self,
        key: CallKey,
        stream: &mut Option<Stream>,
        number: u32,
        wish: BotWish,
        news: &mpsc::UnboundedSender<News>,
    ) -> Option<Told> {
        if let BotWish::Attach(attend) = wish {
            self.leave(stream);
            *stream = self.attach(key, number, *attend, news);
            return stream.is_none().then_some(Told::Bot { number, told: BotTold::Failed });
        }
        let of_this = stream.as_mut().filter(|stream| stream.number == number)?;
        let given = match wish {
            BotWish::Attach(_) => unreachable!("taken above"),
            BotWish::Detach => {
                self.leave(stream);
                return None;
            }
            BotWish::Key(digit) => Given::Key(digit),
            BotWish::Marked(mark) => {
                of_this.marks = of_this.marks.saturating_sub(1);
                Given::Played(mark)
            }
            BotWish::Silenced { heard } => Given::Silenced { heard },
        };
        // A session that takes nothing for so long is at its end.
        of_this.running.give(given);
        None
    }

    /// A chunk of what the callee says.
    pub(super) fn hear(&self, stream: &mut Option<Stream>, chunk: &Chunk) -> Option<Told> {
        let stream = stream.as_mut().filter(|_| !chunk.samples().is_empty())?;
        let position = chunk.position() - *stream.origin.get_or_insert(chunk.position());
        let table = chunk.codec().transcode_table(Codec::Pcmu);
        let samples = chunk.samples().iter().map(|sample| table[usize::from(*sample)]).collect();
        let has_room = stream.running.give(Given::Audio(Piece { position, samples }));
        (!has_room).then(|| self.dropped(stream.number, stream.bot, chunk.samples().len()))
    }

    /// A session tells something.
    pub(super) fn on_session(
        &self,
        slot: &mut Option<Stream>,
        number: u32,
        told: session::Told,
        tell: &mut Vec<Told>,
    ) {
        let Some(stream) = slot.as_mut().filter(|stream| stream.number == number) else { return };
        let bot = &self.all[stream.bot];
        let mut say = |told| tell.push(Told::Bot { number, told });
        match told {
            session::Told::Connected { took } => {
                bot.breaker.lock().reached(stream.permit);
                self.metrics.connected(&bot.name, took);
                say(BotTold::Attached);
            }
            session::Told::Heard(heard) => {
                bot.breaker.lock().worked(stream.permit);
                if let Err(fault) = stream.on_heard(Instant::now(), heard, tell) {
                    self.fail(slot, &fault, tell);
                }
            }
            session::Told::Dropped(samples) => {
                let dropped = self.dropped(number, stream.bot, samples);
                tell.push(dropped);
            }
            // Bots are not connected again.
            session::Told::Reconnecting => {}
            session::Told::Over(Ok(())) => {
                stream.pass_all(tell);
                tell.push(Told::Bot { number, told: BotTold::Left });
                self.leave(slot);
            }
            session::Told::Over(Err(gone)) => self.fail(slot, &gone.into(), tell),
        }
    }

    /// Audio that waited long enough for more.
    pub(super) fn on_time(&self, now: Instant, slot: &mut Option<Stream>, tell: &mut Vec<Told>) {
        let Some(stream) = slot else { return };
        let wait = if stream.playing_until > now { JOIN_WAIT } else { BEGIN_WAIT };
        if stream.gathered.is_empty() || now.duration_since(stream.gathered_at) < wait {
            return;
        }
        if stream.gathered.len() < FRAME_SAMPLES {
            return stream.pass_all(tell);
        }
        if let Err(fault) = stream.pass(now, 1, tell) {
            self.fail(slot, &fault, tell);
        }
    }

    /// Lets go of the call's session, which ends by itself.
    pub(super) fn leave(&self, stream: &mut Option<Stream>) {
        if let Some(mut stream) = stream.take() {
            stream.running.finish();
        }
    }

    /// A session is over, and its connection is.
    pub(super) fn on_ended(&self, bot: usize, permit: Permit) {
        self.all[bot].breaker.lock().end(Instant::now(), permit);
        self.metrics.sessions(&self.all[bot].name, -1);
    }

    fn fail(&self, slot: &mut Option<Stream>, fault: &Fault, tell: &mut Vec<Told>) {
        let Some(stream) = slot else { return };
        let bot = &self.all[stream.bot];
        tracing::warn!(bot = bot.name, attempt = stream.attempt, %fault, "a bot's session failed");
        bot.breaker.lock().failed(Instant::now(), stream.permit);
        self.metrics.failed(&bot.name, fault.kind());
        tell.push(Told::Bot { number: stream.number, told: BotTold::Failed });
        self.leave(slot);
    }

    fn dropped(&self, number: u32, bot: usize, samples: usize) -> Told {
        let ms = samples / A_MS;
        self.metrics.dropped(&self.all[bot].name, ms as u64);
        Told::Bot { number, told: BotTold::Dropped { ms: u32::try_from(ms).unwrap_or(u32::MAX) } }
    }

    /// Begins a session for the call, if there is one to be had.
    fn attach(
        &self,
        key: CallKey,
        number: u32,
        attend: Attend,
        news: &mpsc::UnboundedSender<News>,
    ) -> Option<Stream> {
        let name = attend.bot.as_deref().unwrap_or_default();
        let Some(&index) = self.by_name.get(name) else {
            tracing::warn!(bot = name, "a script wants a bot that the configuration does not have");
            return None;
        };
        let bot = &self.all[index];
        let now = Instant::now();
        let begun = bot.breaker.lock().begin(now);
        let permit = match begun {
            Ok(permit) => permit,
            Err(refusal) => {
                tracing::debug!(bot = bot.name, %refusal, "no session");
                self.metrics.failed(&bot.name, "refused");
                return None;
            }
        };
        self.metrics.sessions(&bot.name, 1);
        let attempt = key.0.to_string();
        let facts = CallFacts {
            attempt: attempt.clone(),
            language: attend.language,
            phrases: Vec::new(),
            likely: 0,
            parameters: attend.parameters,
        };
        let target = target(&bot.config);
        let place = (Connector::Bot(index), permit);
        let name = move |told| News::Bot { call: key, number, told };
        let running = Running::begin(target, facts, Codec::Pcmu, place, GIVEN_MAX, news, name);
        Some(Stream {
            number,
            bot: index,
            permit,
            running,
            attempt,
            origin: None,
            gathered: Vec::new(),
            gathered_at: now,
            playing_until: now,
            marks: 0,
        })
    }
}

impl Stream {
    fn on_heard(&mut self, now: Instant, heard: Heard, tell: &mut Vec<Told>) -> Result<(), Fault> {
        match heard {
            Heard::Audio(audio) => {
                if self.gathered.is_empty() {
                    self.gathered_at = now;
                }
                self.gathered.extend(audio);
                let least = if self.playing_until > now { JOIN_SAMPLES } else { BEGIN_SAMPLES };
                return self.pass(now, least, tell);
            }
            Heard::Mark(mark) => {
                self.pass(now, 1, tell)?;
                self.marks += 1;
                if self.marks > MARKS_MAX {
                    return Err(Fault::Marks);
                }
                self.tell(BotTold::Mark(mark), tell);
            }
            Heard::Clear => {
                self.gathered.clear();
                self.playing_until = now;
                self.tell(BotTold::Clear, tell);
            }
            Heard::Final { text, .. } if !text.trim().is_empty() => {
                let opts_out = understanding::opts_out(&text);
                self.tell(BotTold::Said { speaker: Speaker::Callee, text, opts_out }, tell);
            }
            Heard::Spoken(text) if !text.trim().is_empty() => {
                self.tell(BotTold::Said { speaker: Speaker::Us, text, opts_out: false }, tell);
            }
            // The call finds the beginning of speech itself.
            Heard::SpeechBegan | Heard::Partial(_) | Heard::Final { .. } | Heard::Spoken(_) => {}
        }
        Ok(())
    }

    /// Passes on whole frames, if there are so many samples.
    fn pass(&mut self, now: Instant, least: usize, tell: &mut Vec<Told>) -> Result<(), Fault> {
        let whole = self.gathered.len() - self.gathered.len() % FRAME_SAMPLES;
        if whole < least {
            return Ok(());
        }
        let ahead = self.playing_until.saturating_duration_since(now);
        let lasts = Duration::from_millis((whole / A_MS) as u64);
        if ahead + lasts > AHEAD_MAX {
            return Err(Fault::Ahead);
        }
        self.playing_until = now + ahead + lasts;
        let rest = self.gathered.split_off(whole);
        let piece = std::mem::replace(&mut self.gathered, rest);
        let held = now - std::mem::replace(&mut self.gathered_at, now);
        self.tell(BotTold::Audio { prompt: Prompt::from_mulaw(&piece), held }, tell);
        Ok(())
    }

    /// Passes on what there is; the last frame is filled up with silence.
    fn pass_all(&mut self, tell: &mut Vec<Told>) {
        let frames = self.gathered.len().div_ceil(FRAME_SAMPLES);
        self.gathered.resize(frames * FRAME_SAMPLES, Codec::Pcmu.silence());
        // What is too much by these frames is so by what comes next too.
        let _ = self.pass(Instant::now(), 1, tell);
    }

    fn tell(&self, told: BotTold, tell: &mut Vec<Told>) {
        tell.push(Told::Bot { number: self.number, told });
    }
}

fn target(config: &BotConfig) -> Target {
    let config = config.clone();
    let (url, headers) = (config.url().to_owned(), config.headers());
    Target { url, headers, protocol: Box::new(move || machine(&config)) }
}

fn machine(config: &BotConfig) -> Box<dyn Protocol> {
    match config {
        BotConfig::Twilio { .. } => Box::new(Twilio::new()),
        BotConfig::OpenaiSpeech {
            instructions, voice, transcription, end_silence_ms, speaks_first, ..
        } => {
            let purpose = openai::Purpose::Speech {
                instructions: instructions.clone(),
                voice: voice.clone(),
                transcription: Some(transcription.clone()).filter(|model| !model.is_empty()),
                speaks_first: *speaks_first,
                end_silence_ms: *end_silence_ms,
            };
            Box::new(openai::OpenAi::new(purpose))
        }
    }
}
