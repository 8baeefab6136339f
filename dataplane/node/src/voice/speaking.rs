//! Sentences become prompts: from the cache, or made by a voice and kept.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use ::voice::speech::{Cache, Espeak, RATE, Saying, SpeechError, Voice, sentences};
use call::voice::Told;
use media::Prompt;
use script::Sentence;
use spoken::spoken;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::VoiceError;
use super::config::{VoiceConfig, VoiceSource};
use super::hub::{CallKey, News};

/// All voices and the cache.
#[derive(Clone)]
pub(super) struct Speaker {
    cache: Cache,
    voice: Arc<dyn Voice>,
}

impl Speaker {
    pub(super) fn open(config: &VoiceConfig, data: &Path) -> Result<Self, VoiceError> {
        let folder = config.cache.clone().unwrap_or_else(|| data.join("voice"));
        let cache = Cache::open(&folder, config.cache_bytes_max);
        let cache = cache.map_err(|error| VoiceError::Cache(error.to_string()))?;
        let removed = cache.trim().map_err(|error| VoiceError::Cache(error.to_string()))?;
        if removed > 0 {
            tracing::info!(removed, "spoken sentences that were not used for long");
        }
        let voices: HashMap<_, _> =
            config.voices.iter().map(|(name, source)| (name, voice(source))).collect();
        let voice = voices[&config.default_voice].clone();
        Ok(Self { cache, voice })
    }

    /// Speaks for a call: the first sentence is told as soon as it is there.
    pub(super) fn speak(
        &self,
        call: CallKey,
        number: u32,
        sentence: Sentence,
        news: &mpsc::UnboundedSender<News>,
    ) -> AbortHandle {
        let (speaker, news) = (self.clone(), news.clone());
        let task = tokio::spawn(async move {
            let said = spoken(&sentence.text, &sentence.language);
            let parts = sentences(&said);
            for (index, part) in parts.iter().enumerate() {
                let told = match speaker.part(part, &sentence).await {
                    Ok(prompt) => Told::Speech { number, prompt, is_last: index + 1 == parts.len() },
                    Err(error) => {
                        tracing::warn!(%error, "a sentence cannot be spoken");
                        Told::Speechless { number }
                    }
                };
                let is_over = matches!(told, Told::Speechless { .. });
                if news.send(News::Call { call, told }).is_err() || is_over {
                    return;
                }
            }
            if parts.is_empty() {
                let _ = news.send(News::Call { call, told: Told::Speechless { number } });
            }
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
            samples.extend(self.samples(part, sentence).await.map_err(|error| error.to_string())?);
        }
        Prompt::from_pcm(&samples, RATE).map_err(|error| error.to_string())
    }

    async fn part(&self, part: &str, sentence: &Sentence) -> Result<Arc<Prompt>, String> {
        let samples = self.samples(part, sentence).await.map_err(|error| error.to_string())?;
        Prompt::from_pcm(&samples, RATE).map_err(|error| error.to_string())
    }

    async fn samples(&self, part: &str, sentence: &Sentence) -> Result<Vec<i16>, SpeechError> {
        let saying = Saying {
            text: part.to_owned(),
            language: sentence.language.clone(),
            voice: sentence.voice.clone(),
        };
        if let Some(samples) = self.cache.get(self.voice.name(), &saying) {
            return Ok(samples);
        }
        let samples = self.voice.speak(&saying).await?;
        let (cache, name, kept) = (self.cache.clone(), self.voice.name().to_owned(), samples.clone());
        tokio::task::spawn_blocking(move || {
            // A disk that is full costs the next call the same work again, nothing else.
            if let Err(error) = cache.put(&name, &saying, &kept) {
                tracing::warn!(%error, "a spoken sentence cannot be kept");
            }
        });
        Ok(samples)
    }
}

fn voice(source: &VoiceSource) -> Arc<dyn Voice> {
    match source {
        VoiceSource::Espeak { program, words_a_minute, processes_max } => {
            Arc::new(Espeak::new(program, *words_a_minute, *processes_max))
        }
    }
}
