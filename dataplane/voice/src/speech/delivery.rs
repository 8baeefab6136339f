//! The way of audio from a voice to a call, while it is being made.

use tokio::sync::mpsc;

use super::{SAMPLES_MAX, SpeechError};

/// Where a voice puts what it makes: each piece goes on to the call at once, and the whole is kept for the cache.
#[derive(Debug)]
pub struct Delivery {
    to: mpsc::Sender<Vec<i16>>,
    whole: Vec<i16>,
}

impl Delivery {
    /// To whoever holds the other end.
    pub fn new(to: mpsc::Sender<Vec<i16>>) -> Self {
        Self { to, whole: Vec::new() }
    }

    /// Hands over a piece, at [`super::RATE`]. An error ends the making: nobody wants it any more, or it is too much.
    pub async fn push(&mut self, piece: Vec<i16>) -> Result<(), SpeechError> {
        if piece.is_empty() {
            return Ok(());
        }
        if self.whole.len() + piece.len() > SAMPLES_MAX {
            return Err(SpeechError::Endless);
        }
        self.whole.extend_from_slice(&piece);
        self.to.send(piece).await.map_err(|_| SpeechError::Unwanted)
    }

    /// Samples so far.
    pub fn len(&self) -> usize {
        self.whole.len()
    }

    /// Whether nothing was made yet.
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty()
    }

    /// All that was made.
    pub fn into_whole(self) -> Vec<i16> {
        self.whole
    }
}
