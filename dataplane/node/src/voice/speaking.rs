//! Sentences become prompts: from the cache, or from a voice while it makes them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::voice::http::{Http, HttpError};
use ::voice::speech::{
    self, Cache, Espeak, OpenAi, OpenAiSettings, Plain, PlainSettings, RATE, Saying, SpeechError,
};
use ::voice::{PAUSE_MAX, Refusal, SharedBreaker};
use call::voice::Told;
use media::{FRAME_SAMPLES, Prompt};
use script::Sentence;
use spoken::{sentences, spoken};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;

use super::VoiceError;
use super::config::{VoiceConfig, VoiceSource};
use super::hub::{CallKey, News};
use crate::metrics::VoiceMetrics;

/// Samples of a piece after the first, at the least: 200 ms.
const PIECE_SAMPLES: usize = 10 * FRAME_SAMPLES;
/// Pieces of a voice that may wait to become prompts.
const PIECES_WAITING: usize = 16;
/// How long the beginning of a server's answer may take; a call waits 5 s for it.
const BEGIN_MAX: Duration = Duration::from_secs(4);

/// Sentences of scripts that are made at once. A script has hundreds, and voices take a few requests at a time.
const PREPARED_AT_ONCE: usize = 4;
/// Pauses before a sentence of a script is tried again.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];

/// A script's sentence that finds all places of its voice taken looks again so often: nobody was asked, and places are given back.
const PLACE_EVERY: Duration = Duration::from_millis(500);
/// How long a voice that is left alone is waited for, beside the pauses: the longest that it is at a time.
const LEFT_ALONE_MAX: Duration = PAUSE_MAX;

/// The voices and their cache. Cheap to clone.
#[derive(Clone)]
pub(super) struct Speaker {
    voices: Arc<HashMap<String, Voice>>,
    default: String,
    preparing: Arc<Semaphore>,
    metrics: VoiceMetrics,
}

/// A voice of the configuration.
struct Voice {
    speaker: speech::Speaker,
    /// Of one that is a server.
    breaker: Option<SharedBreaker>,
}

impl Speaker {
    pub(super) fn open(config: &VoiceConfig, data: &Path, metrics: VoiceMetrics) -> Result<Self, VoiceError> {
        let folder = config.cache.clone().unwrap_or_else(|| data.join("voice"));
        let cache = Cache::open(&folder, config.cache_bytes_max);
        let cache = cache.map_err(|error| VoiceError::Cache(error.to_string()))?;
        let mut voices = HashMap::new();
        for (name, source) in &config.voices {
            let voice = Voice::new(source, cache.clone());
            let voice = voice.map_err(|error| VoiceError::Source(name.clone(), error.to_string()))?;
            voices.insert(name.clone(), voice);
        }
        let (voices, default) = (Arc::new(voices), config.default_voice.clone());
        Ok(Self { voices, default, preparing: Arc::new(Semaphore::new(PREPARED_AT_ONCE)), metrics })
    }

    /// Requests to each voice that is a server that are under way.
    pub(super) fn under_way(&self) -> impl Iterator<Item = (&str, usize)> {
        let under_way = |voice: &Voice| voice.breaker.as_ref().map(SharedBreaker::under_way);
        self.voices.iter().filter_map(move |(name, voice)| Some((name.as_str(), under_way(voice)?)))
    }

    /// Who speaks a sentence, and what it is told: a configured voice by its name, else the default one, which knows the name itself.
    fn choose<'a>(&'a self, part: &str, sentence: &'a Sentence) -> (&'a str, &'a speech::Speaker, Saying) {
        let named = sentence.voice.as_ref().filter(|name| self.voices.contains_key(*name));
        let voice = sentence.voice.clone().filter(|_| named.is_none());
        let saying = Saying { text: part.to_owned(), language: sentence.language.clone(), voice };
        let name = named.unwrap_or(&self.default);
        (name, &self.voices[name].speaker, saying)
    }

    /// Speaks for a call, which is told each piece as soon as it is there.
    pub(super) fn speak(
        &self,
        call: CallKey,
        number: u32,
        sentence: Sentence,
        news: &mpsc::UnboundedSender<News>,
    ) -> AbortHandle {
        let (speaker, news) = (self.clone(), news.clone());
        let task = tokio::spawn(async move {
            let mut pieces = Pieces::new(call, number, news);
            let said = spoken(&sentence.text, &sentence.language);
            for part in sentences(&said) {
                if let Err(why) = speaker.part(part, &sentence, &mut pieces).await {
                    tracing::warn!(%why, "a sentence cannot be spoken");
                    pieces.tell(Told::Speechless { number });
                    return;
                }
            }
            pieces.finish();
        });
        task.abort_handle()
    }

    /// Speaks a whole sentence of a script for all its calls.
    pub(super) fn prepare(&self, sentence: Sentence, news: &mpsc::UnboundedSender<News>) {
        let (speaker, news) = (self.clone(), news.clone());
        tokio::spawn(async move {
            let result = speaker.whole(&sentence).await;
            let _ = news.send(News::Prepared { sentence, result });
        });
    }

    async fn whole(&self, sentence: &Sentence) -> Result<Arc<Prompt>, String> {
        let said = spoken(&sentence.text, &sentence.language);
        let mut samples = Vec::new();
        for part in sentences(&said) {
            samples.extend(self.make(part, sentence).await.map_err(|error| error.to_string())?);
        }
        Prompt::from_pcm(&samples, RATE).map_err(|error| error.to_string())
    }

    /// Nobody waits on the line for a script's sentences: what may pass is waited out. Where the voice is not asked at all, that is no try.
    async fn make(&self, part: &str, sentence: &Sentence) -> Result<Vec<i16>, SpeechError> {
        let (name, speaker, saying) = self.choose(part, sentence);
        let (mut pauses, mut left_alone, mut is_told) = (PAUSES.into_iter(), Duration::ZERO, false);
        loop {
            // Who waits lets others have their turn. It stays open.
            let turn = self.preparing.acquire().await;
            let made = speaker.make(&saying).await;
            drop(turn);
            let error = match made {
                Err(error) if error.may_pass() => error,
                made => return made,
            };
            let pause = match error {
                SpeechError::Refused { refusal: Refusal::Full, .. } => Some(PLACE_EVERY),
                SpeechError::Refused { refusal: Refusal::Down, .. } => {
                    left_alone += PLACE_EVERY;
                    Some(PLACE_EVERY).filter(|_| left_alone <= LEFT_ALONE_MAX)
                }
                _ => {
                    self.count(name, &error);
                    pauses.next()
                }
            };
            let Some(pause) = pause else { return Err(error) };
            if !std::mem::replace(&mut is_told, true) {
                tracing::info!(%error, "a sentence of a script waits for its voice");
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn count(&self, voice: &str, error: &SpeechError) {
        if let Some(kind) = error.kind() {
            self.metrics.voice_failed(voice, kind);
        }
    }

    /// Speaks a part of a sentence.
    pub(super) async fn part(
        &self,
        part: &str,
        sentence: &Sentence,
        pieces: &mut Pieces,
    ) -> Result<(), String> {
        let (to, mut made) = mpsc::channel::<Vec<i16>>(PIECES_WAITING);
        let take = async {
            while let Some(samples) = made.recv().await {
                pieces.push(&samples);
            }
        };
        let (name, speaker, saying) = self.choose(part, sentence);
        let (spoken, ()) = tokio::join!(speaker.say(&saying, to), take);
        let spoken = spoken.map_err(|error| {
            self.count(name, &error);
            error.to_string()
        })?;
        match spoken.origin {
            speech::Origin::Made(Some(error)) => tracing::warn!(%error, "a spoken sentence cannot be kept"),
            speech::Origin::Made(None) | speech::Origin::Cache => {}
        }
        Ok(())
    }
}

/// Audio on its way to a call, cut into prompts of whole frames.
pub(super) struct Pieces {
    call: CallKey,
    number: u32,
    news: mpsc::UnboundedSender<News>,
    samples: Vec<i16>,
    sent: usize,
    is_first: bool,
}

impl Pieces {
    pub(super) fn new(call: CallKey, number: u32, news: mpsc::UnboundedSender<News>) -> Self {
        Self { call, number, news, samples: Vec::new(), sent: 0, is_first: true }
    }

    /// Samples that were sent so far.
    pub(super) fn samples_sent(&self) -> usize {
        self.sent
    }

    /// Sends what is left of a sentence, without waiting for the next.
    pub(super) fn flush(&mut self) {
        if !self.samples.is_empty() {
            let mut samples = std::mem::take(&mut self.samples);
            samples.resize(samples.len().next_multiple_of(FRAME_SAMPLES), 0);
            self.send(&samples, false);
        }
    }

    fn push(&mut self, samples: &[i16]) {
        self.samples.extend_from_slice(samples);
        let least = if self.is_first { FRAME_SAMPLES } else { PIECE_SAMPLES };
        if self.samples.len() >= least {
            let whole = self.samples.len() - self.samples.len() % FRAME_SAMPLES;
            let rest = self.samples.split_off(whole);
            let samples = std::mem::replace(&mut self.samples, rest);
            self.send(&samples, false);
        }
    }

    /// What is left; a frame of silence if nothing is, since the last piece must say that it is the last.
    fn finish(mut self) {
        let mut samples = std::mem::take(&mut self.samples);
        samples.resize(samples.len().next_multiple_of(FRAME_SAMPLES).max(FRAME_SAMPLES), 0);
        self.send(&samples, true);
    }

    fn send(&mut self, samples: &[i16], is_last: bool) {
        self.is_first = false;
        self.sent += samples.len();
        let number = self.number;
        self.tell(match Prompt::from_pcm(samples, RATE) {
            Ok(prompt) => Told::Speech { number, prompt, is_last },
            Err(_) => Told::Speechless { number },
        });
    }

    fn tell(&self, told: Told) {
        let _ = self.news.send(News::Call { call: self.call, told });
    }
}

impl Voice {
    fn new(source: &VoiceSource, cache: Cache) -> Result<Self, HttpError> {
        let (voice, breaker): (Arc<dyn speech::Voice>, _) = match source {
            VoiceSource::Espeak { program, words_a_minute, processes_max } => {
                (Arc::new(Espeak::new(program, *words_a_minute, *processes_max)), None)
            }
            VoiceSource::Openai { url, key, model, voice, instructions, requests_max } => {
                let of = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
                let breaker = SharedBreaker::new(*requests_max);
                let settings = OpenAiSettings {
                    url: url.clone(),
                    key: of(&key.0),
                    model: model.clone(),
                    voice: voice.clone(),
                    instructions: of(instructions),
                    begin_max: BEGIN_MAX,
                    breaker: breaker.clone(),
                };
                (Arc::new(OpenAi::new(Http::new(), settings)?), Some(breaker))
            }
            VoiceSource::Http { url, authorization, version, requests_max } => {
                let mut headers = Vec::new();
                if !authorization.0.is_empty() {
                    headers.push(("authorization".to_owned(), authorization.0.clone()));
                }
                let breaker = SharedBreaker::new(*requests_max);
                let settings = PlainSettings {
                    url: url.clone(),
                    headers,
                    version: version.clone(),
                    begin_max: BEGIN_MAX,
                    breaker: breaker.clone(),
                };
                (Arc::new(Plain::new(Http::new(), settings)?), Some(breaker))
            }
        };
        Ok(Self { speaker: speech::Speaker::new(voice, Some(cache)), breaker })
    }
}
