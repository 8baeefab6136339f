//! espeak-ng, the voice that needs nobody: a process a sentence, some at a time.

use std::future::Future;
use std::pin::Pin;
use std::process::Stdio;
use std::time::Duration;

use media::resample::resample;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{RATE, SAMPLES_MAX, SENTENCE_MAX, Saying, SpeechError, Voice};

/// How long a sentence may take. It usually takes some tens of milliseconds.
const SECONDS_MAX: u64 = 10;

/// The program, and how many of it may run.
#[derive(Debug)]
pub struct Espeak {
    program: String,
    words_a_minute: u32,
    places: Semaphore,
}

impl Espeak {
    /// `program` is run, usually `espeak-ng`, at most so many at a time.
    pub fn new(program: &str, words_a_minute: u32, processes_max: usize) -> Self {
        Self { program: program.to_owned(), words_a_minute, places: Semaphore::new(processes_max.max(1)) }
    }

    async fn run(&self, saying: &Saying) -> Result<Vec<i16>, SpeechError> {
        let characters = saying.text.chars().count();
        if characters > SENTENCE_MAX {
            return Err(SpeechError::TooLong { characters });
        }
        let _place = self.places.acquire().await.expect("the semaphore is never closed");
        let mut command = Command::new(&self.program);
        command
            .args([
                "--stdout",
                "-s",
                &self.words_a_minute.to_string(),
                "-v",
                &voice_of(saying),
                "--",
                &saying.text,
            ])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let slow = || SpeechError::Slow { who: self.program.clone(), seconds: SECONDS_MAX };
        let output = timeout(Duration::from_secs(SECONDS_MAX), command.output())
            .await
            .map_err(|_| slow())?
            .map_err(|source| SpeechError::Program { program: self.program.clone(), source })?;
        let unusable = |problem: String| SpeechError::Unusable { who: self.program.clone(), problem };
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            return Err(unusable(format!(
                "ended with {}: {}",
                output.status,
                words.trim().chars().take(200).collect::<String>()
            )));
        }
        let (rate, samples) =
            pcm(&output.stdout).ok_or_else(|| unusable("gave no WAV of one channel and 16 bits".into()))?;
        let samples = resample(&samples, rate, RATE);
        if samples.is_empty() || samples.len() > SAMPLES_MAX {
            return Err(unusable(format!("made {} samples of a sentence", samples.len())));
        }
        Ok(samples)
    }
}

impl Voice for Espeak {
    fn name(&self) -> &str {
        &self.program
    }

    fn speak<'a>(
        &'a self,
        saying: &'a Saying,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<i16>, SpeechError>> + Send + 'a>> {
        Box::pin(self.run(saying))
    }
}

/// The voice as espeak-ng names it: that of the saying, or its language's. Its Mandarin is `cmn`.
fn voice_of(saying: &Saying) -> String {
    if let Some(voice) = &saying.voice {
        return voice.clone();
    }
    let language = saying.language.to_ascii_lowercase();
    match language.split('-').next() {
        Some("zh") => "cmn".to_owned(),
        Some("en") if language == "en" => "en-us".to_owned(),
        _ => language,
    }
}

/// Rate and samples of a WAV file that was written into a pipe: its lengths are not true, and its data goes on to the end.
fn pcm(file: &[u8]) -> Option<(u32, Vec<i16>)> {
    let body = file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVEfmt ")?;
    let format_len = u32::from_le_bytes(*body.first_chunk()?) as usize;
    let (format, rest) = body[4..].split_at_checked(format_len)?;
    let word = |at: usize| Some(u16::from_le_bytes(*format.get(at..)?.first_chunk()?));
    let (is_pcm, channels, bits) = (word(0)? == 1, word(2)?, word(14)?);
    let rate = u32::from_le_bytes(*format.get(4..)?.first_chunk()?);
    let data = rest.strip_prefix(b"data")?.get(4..)?;
    let is_ours = is_pcm && channels == 1 && bits == 16 && (4_000..=192_000).contains(&rate);
    is_ours.then(|| (rate, data.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying(text: &str) -> Saying {
        Saying { text: text.to_owned(), language: "en".to_owned(), voice: None }
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let error =
            Espeak::new("no-such-espeak", 160, 1).speak(&saying("Hello.")).await.expect_err("not there");
        assert!(error.to_string().contains("no-such-espeak"), "{error}");
    }

    #[tokio::test]
    async fn a_program_that_fails_or_makes_no_audio_is_told() {
        for program in ["false", "true", "echo"] {
            let error = Espeak::new(program, 160, 1).speak(&saying("Hello.")).await.expect_err("no audio");
            assert!(matches!(&error, SpeechError::Unusable { who, .. } if who == program), "{error}");
        }
    }

    #[tokio::test]
    async fn too_long_a_sentence_is_refused() {
        let error = Espeak::new("espeak-ng", 160, 1).speak(&saying(&"a".repeat(SENTENCE_MAX + 1))).await;
        assert!(matches!(error, Err(SpeechError::TooLong { .. })));
    }

    #[test]
    fn each_language_has_its_voice() {
        let of = |language: &str| voice_of(&Saying { language: language.to_owned(), ..saying("x") });
        assert_eq!([of("zh-CN"), of("en"), of("en-GB"), of("de")], ["cmn", "en-us", "en-gb", "de"]);
        assert_eq!(voice_of(&Saying { voice: Some("f2".into()), ..saying("x") }), "f2");
    }
}
