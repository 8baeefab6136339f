//! A file instead of a callee: what a recogniser of the configuration hears in a WAV, for scripts that are tried without calling anyone.
//!
//! The file goes the way of a call's audio and at its pace: G.711, the gate with its pre-roll, pieces of 100 ms, the end of speech found by the silence that
//! the step waits for, then the recogniser's last word.

use std::time::{Duration, Instant};

use ::voice::session::{self, Given};
use ::voice::{CallFacts, Gate, Heard as Said};
use media::vad::{self, Vad};
use media::{Codec, FRAME_SAMPLES, Prompt, PromptError};
use script::{Ask, Program};
use tokio::sync::mpsc;

use super::config::{RecogniserProtocol, VoiceConfig};
use super::hearing::{GATE_HANG_MS, GIVEN_MAX, LAST_WORD_MAX, target};

/// Frames of a piece, as the tap hands them out: 100 ms.
const PIECE_FRAMES: usize = 5;
const PIECE: Duration = Duration::from_millis(100);
const FRAME_MS: u32 = 20;

/// Why a file was not heard.
#[derive(Debug, thiserror::Error)]
pub enum HearError {
    /// There is no such recogniser.
    #[error(
        "there is no recogniser to hear it: the step listens with {}, and the configuration has {known}",
        if .wanted.is_empty() { "the default".to_owned() } else { format!("`{}`", .wanted) }
    )]
    NoRecogniser {
        /// Its name in the script; empty for the default.
        wanted: String,
        /// Those that there are.
        known: String,
    },
    /// Not a file that can be played to a recogniser.
    #[error(transparent)]
    Audio(#[from] PromptError),
    /// The recogniser failed.
    #[error("the recogniser `{0}`: {1}")]
    Recogniser(String, String),
}

/// What the recogniser that `ask` names hears in a WAV file, up to the first silence that ends an answer. Empty if it hears nothing. Takes as long as a callee would
/// to say it; on a thread of its own, so that whoever calls may have a runtime or none.
pub fn hear_wav(config: &VoiceConfig, ask: &Ask, program: &Program, wav: &[u8]) -> Result<String, HearError> {
    let wanted = ask.recogniser.clone().unwrap_or_default();
    let name = if wanted.is_empty() { config.default_recogniser().unwrap_or_default() } else { &wanted };
    let Some(recogniser) = config.recognisers.get(name) else {
        let names: Vec<_> = config.recognisers.keys().map(|name| format!("`{name}`")).collect();
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(HearError::NoRecogniser { wanted, known });
    };
    let frames = Prompt::from_wav(wav)?;
    let facts = CallFacts {
        attempt: "rehearsal".to_owned(),
        language: ask.language.clone(),
        phrases: program.expected_phrases(ask.step).to_vec(),
        likely: program.likely_phrases(ask.step),
        parameters: Vec::new(),
    };
    let failed = |why: String| HearError::Recogniser(name.to_owned(), why);
    let hears_once = recogniser.protocol == RecogniserProtocol::Vosk;
    let target = target(recogniser, &facts, ask);
    let heard = std::thread::scope(|scope| {
        let listen = || -> Result<String, String> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let (given, taken) = mpsc::channel(GIVEN_MAX);
            let (teller, told) = mpsc::unbounded_channel();
            runtime.map_err(|error| error.to_string())?.block_on(async {
                let session = session::run(target, facts, Codec::Pcmu, taken, teller);
                let listen = async {
                    let given = speak(&frames, ask, given, hears_once).await;
                    last_words(told, given).await
                };
                // A session that ends early says so, and the rest of the file is for nobody.
                tokio::join!(session, listen).1
            })
        };
        scope.spawn(listen).join().unwrap_or_else(|_| Err("its thread panicked".to_owned()))
    });
    heard.map_err(failed)
}

/// Plays the file to the session until an answer has ended. Gives back what keeps the session open, where it must stay so for its last word.
async fn speak(
    frames: &Prompt,
    ask: &Ask,
    given: mpsc::Sender<Given>,
    hears_once: bool,
) -> Option<mpsc::Sender<Given>> {
    let (mut gate, mut vad) = (Gate::new(GATE_HANG_MS), Vad::new());
    let (mut has_spoken, mut quiet_ms, mut spoken_ms) = (false, 0, 0);
    let hangover_ms = vad::HANGOVER.as_millis() as u32;
    let end_ms = (ask.end_silence.as_millis() as u32).max(hangover_ms);
    let silent = [Codec::Pcmu.silence(); FRAME_SAMPLES];
    let mut pace = tokio::time::interval(PIECE);
    // The file, and then the silence that ends whatever was said in it.
    let pieces = frames.frames().div_ceil(PIECE_FRAMES) + (end_ms / 100 + 2) as usize;
    for n in 0..pieces {
        pace.tick().await;
        let mut piece = Vec::with_capacity(PIECE_FRAMES * FRAME_SAMPLES);
        let mut has_ended = false;
        for frame in 0..PIECE_FRAMES {
            let frame = frames.frame(Codec::Pcmu, n * PIECE_FRAMES + frame).unwrap_or(&silent);
            piece.extend_from_slice(frame);
            vad.hear(Codec::Pcmu, frame);
            has_spoken |= vad.is_speaking();
            quiet_ms = if vad.is_speaking() { hangover_ms - FRAME_MS } else { quiet_ms + FRAME_MS };
            spoken_ms += if has_spoken { FRAME_MS } else { 0 };
            has_ended |= has_spoken && !vad.is_speaking() && quiet_ms >= end_ms;
        }
        let position = (n * PIECE_FRAMES * FRAME_SAMPLES) as u64;
        if let Some(piece) = gate.hear(Codec::Pcmu, position, &piece).piece {
            // A session that has ended says why itself.
            let _ = given.send(Given::Audio(piece)).await;
        }
        if has_ended || u128::from(spoken_ms) >= ask.speech_max.as_millis() {
            break;
        }
    }
    if hears_once || !has_spoken {
        return None;
    }
    let _ = given.send(Given::EndOfSpeech).await;
    Some(given)
}

/// All that the recogniser is sure of.
async fn last_words(
    mut told: mpsc::UnboundedReceiver<session::Told>,
    given: Option<mpsc::Sender<Given>>,
) -> Result<String, String> {
    let mut said: Vec<String> = Vec::new();
    let asked_at = Instant::now();
    loop {
        let left = LAST_WORD_MAX.saturating_sub(asked_at.elapsed());
        match tokio::time::timeout(left, told.recv()).await {
            Err(_) if said.is_empty() => return Err("it has said nothing in time".to_owned()),
            Err(_) | Ok(None) => break,
            Ok(Some(session::Told::Heard(Said::Final { text, .. }))) => {
                said.extend(Some(text).filter(|text| !text.trim().is_empty()));
                if given.is_some() && told.is_empty() {
                    break;
                }
            }
            Ok(Some(session::Told::Over(Err(gone)))) => return Err(gone.to_string()),
            Ok(Some(session::Told::Over(Ok(())))) => break,
            Ok(Some(_)) => {}
        }
    }
    Ok(said.join(" "))
}
