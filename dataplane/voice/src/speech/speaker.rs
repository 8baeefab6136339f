//! A voice with its cache.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::{Cache, CacheError, Delivery, SENTENCE_MAX, Saying, SpeechError, Voice};

/// Speaks sentences, each of which is made once. Cheap to clone.
#[derive(Clone)]
pub struct Speaker {
    voice: Arc<dyn Voice>,
    cache: Option<Cache>,
}

/// A sentence was spoken.
#[derive(Debug)]
pub struct Spoken {
    /// How long it is.
    pub samples: usize,
    /// Where it came from.
    pub origin: Origin,
}

/// Where audio came from.
#[derive(Debug)]
pub enum Origin {
    /// It was in the cache.
    Cache,
    /// It was made. What hindered the cache from keeping it, if anything did, did not hinder the call.
    Made(Option<CacheError>),
}

impl Speaker {
    /// Speaks with `voice`, and keeps what it made in `cache`, if there is one.
    pub fn new(voice: Arc<dyn Voice>, cache: Option<Cache>) -> Self {
        Self { voice, cache }
    }

    /// Makes the audio of a sentence and hands it over as it comes. When nobody takes it any more the making ends, and what was made of it is
    /// forgotten.
    pub async fn say(&self, saying: &Saying, to: mpsc::Sender<Vec<i16>>) -> Result<Spoken, SpeechError> {
        let characters = saying.text.chars().count();
        if characters > SENTENCE_MAX {
            return Err(SpeechError::TooLong { characters });
        }
        if let Some(samples) = self.kept(saying).await {
            let spoken = Spoken { samples: samples.len(), origin: Origin::Cache };
            return to.send(samples).await.map(|()| spoken).map_err(|_| SpeechError::Unwanted);
        }
        let mut delivery = Delivery::new(to);
        self.voice.speak(saying, &mut delivery).await?;
        if delivery.is_empty() {
            return Err(SpeechError::Unusable {
                who: self.voice.name().to_owned(),
                problem: "made no audio".to_owned(),
            });
        }
        let whole = delivery.into_whole();
        let samples = whole.len();
        Ok(Spoken { samples, origin: Origin::Made(self.keep(saying, whole).await.err()) })
    }

    /// The whole audio of a sentence: for those that are made before anybody is called.
    pub async fn make(&self, saying: &Saying) -> Result<Vec<i16>, SpeechError> {
        let (to, mut pieces) = mpsc::channel(4);
        let take = async {
            let mut whole = Vec::new();
            while let Some(piece) = pieces.recv().await {
                whole.extend(piece);
            }
            whole
        };
        let (spoken, whole) = tokio::join!(self.say(saying, to), take);
        spoken.map(|_| whole)
    }

    /// The disk may be slow; the thread of the calls does not wait for it.
    async fn kept(&self, saying: &Saying) -> Option<Vec<i16>> {
        let (cache, voice, saying) = (self.cache.clone()?, self.voice.clone(), saying.clone());
        spawn_blocking(move || cache.get(voice.name(), &saying)).await.ok().flatten()
    }

    async fn keep(&self, saying: &Saying, samples: Vec<i16>) -> Result<(), CacheError> {
        let Some(cache) = self.cache.clone() else { return Ok(()) };
        let (voice, saying) = (self.voice.clone(), saying.clone());
        // A writer that panicked has kept nothing, and there is nobody to tell.
        spawn_blocking(move || cache.put(voice.name(), &saying, &samples)).await.unwrap_or(Ok(()))
    }
}
