//! Prompts: audio that calls play, encoded once for each codec and shared.
//!
//! Loading (reading WAV, resampling, encoding) is off the hot path and may be done on any thread. Playing copies a
//! frame of 160 bytes out of the shared prompt.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use hound::{SampleFormat, WavReader};

use crate::resample::resample;
use crate::track::copy;
use crate::{Codec, FRAME_SAMPLES, SAMPLE_RATE};

/// Longest prompt, in seconds: ten minutes, 9.6 MB of memory in both codecs. A message for a telephone is seconds
/// long; the limit is there so that a wrong file cannot take the memory of a node.
pub const MAX_SECONDS: u32 = 600;

/// Sample rates that are understood, in hertz.
pub const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;

/// Why a file cannot be a prompt. The text is meant for the person who uploaded it.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// The bytes are no RIFF/WAVE file, or its header is broken.
    #[error("not a WAV file: {0}")]
    NotAudio(String),
    /// The file ends in the middle of the audio that its header announces.
    #[error("the file is cut off: its header announces {announced} samples, it holds {present}")]
    Truncated {
        /// Samples by the header, over all channels.
        announced: u32,
        /// Samples in the file.
        present: u32,
    },
    /// There is no audio in it.
    #[error("the file holds no audio")]
    Empty,
    /// Longer than [`MAX_SECONDS`].
    #[error("the audio is {seconds} s long; at most {MAX_SECONDS} s are allowed")]
    TooLong {
        /// Its length, rounded down.
        seconds: u32,
    },
    /// A kind of WAV that we do not read.
    #[error("{0} is not supported: give 16-bit PCM, mono or stereo, {min}–{max} Hz", min = SAMPLE_RATES.start(), max = SAMPLE_RATES.end())]
    Unsupported(String),
}

/// Audio ready to be sent in any codec.
pub struct Prompt {
    ulaw: Box<[[u8; FRAME_SAMPLES]]>,
    alaw: Box<[[u8; FRAME_SAMPLES]]>,
    samples: usize,
}

impl Prompt {
    /// Reads a WAV file: 16-bit PCM, mono or stereo (mixed down), any rate of [`SAMPLE_RATES`].
    pub fn from_wav(bytes: &[u8]) -> Result<Arc<Prompt>, PromptError> {
        let mut reader = WavReader::new(Cursor::new(bytes)).map_err(read_error)?;
        let spec = reader.spec();
        if spec.sample_format != SampleFormat::Int || spec.bits_per_sample != 16 {
            let kind = if spec.sample_format == SampleFormat::Float { "floating-point" } else { "integer" };
            return Err(PromptError::Unsupported(format!("{}-bit {kind} audio", spec.bits_per_sample)));
        }
        if !(1..=2).contains(&spec.channels) {
            return Err(PromptError::Unsupported(format!("audio of {} channels", spec.channels)));
        }
        check_rate(spec.sample_rate)?;
        // The header is only a claim: memory is taken for what the file can hold.
        let announced = reader.len();
        let room = bytes.len() / 2;
        if announced as usize <= room {
            check_length((announced / u32::from(spec.channels)) as usize, spec.sample_rate)?;
        }
        let mut samples: Vec<i16> = Vec::with_capacity(room.min(announced as usize));
        for sample in reader.samples::<i16>() {
            let Ok(sample) = sample else {
                return Err(PromptError::Truncated { announced, present: samples.len() as u32 });
            };
            samples.push(sample);
        }
        if spec.channels == 2 {
            samples = samples
                .chunks_exact(2)
                .map(|pair| ((i32::from(pair[0]) + i32::from(pair[1])) / 2) as i16)
                .collect();
        }
        Prompt::from_pcm(&samples, spec.sample_rate)
    }

    /// Encodes mono 16-bit samples at `rate` hertz.
    pub fn from_pcm(samples: &[i16], rate: u32) -> Result<Arc<Prompt>, PromptError> {
        check_rate(rate)?;
        if samples.is_empty() {
            return Err(PromptError::Empty);
        }
        check_length(samples.len(), rate)?;
        let resampled = resample(samples, rate, SAMPLE_RATE);
        Ok(Arc::new(Prompt {
            ulaw: encode(&resampled, Codec::Pcmu),
            alaw: encode(&resampled, Codec::Pcma),
            samples: resampled.len(),
        }))
    }

    /// One frame, as it came in `codec`.
    pub fn from_frame(codec: Codec, frame: &[u8; FRAME_SAMPLES]) -> Arc<Prompt> {
        let nothing = || Box::new([[0; FRAME_SAMPLES]]);
        let mut prompt = Prompt { ulaw: nothing(), alaw: nothing(), samples: FRAME_SAMPLES };
        prompt.refill(codec, frame);
        Arc::new(prompt)
    }

    /// Another frame in place of the first.
    pub(crate) fn refill(&mut self, codec: Codec, frame: &[u8; FRAME_SAMPLES]) {
        copy(codec, frame, Codec::Pcmu, &mut self.ulaw[0]);
        copy(codec, frame, Codec::Pcma, &mut self.alaw[0]);
    }

    /// μ-law at 8 kHz, as bots send it.
    pub fn from_mulaw(samples: &[u8]) -> Arc<Prompt> {
        let frames = |table: &[u8; 256], silence| {
            let frame = |chunk: &[u8]| {
                let mut frame = [silence; FRAME_SAMPLES];
                for (byte, sample) in frame.iter_mut().zip(chunk) {
                    *byte = table[usize::from(*sample)];
                }
                frame
            };
            samples.chunks(FRAME_SAMPLES).map(frame).collect()
        };
        Arc::new(Prompt {
            ulaw: frames(Codec::Pcmu.transcode_table(Codec::Pcmu), Codec::Pcmu.silence()),
            alaw: frames(Codec::Pcmu.transcode_table(Codec::Pcma), Codec::Pcma.silence()),
            samples: samples.len(),
        })
    }

    /// Frames of 20 ms; the last is filled up with silence.
    pub fn frames(&self) -> usize {
        self.ulaw.len()
    }

    /// Frame number `at` in `codec`, or `None` past the end.
    pub fn frame(&self, codec: Codec, at: usize) -> Option<&[u8; FRAME_SAMPLES]> {
        match codec {
            Codec::Pcmu => self.ulaw.get(at),
            Codec::Pcma => self.alaw.get(at),
        }
    }

    /// How long it plays, without the filling of the last frame.
    pub fn duration(&self) -> Duration {
        Duration::from_micros(self.samples as u64 * 1_000_000 / u64::from(SAMPLE_RATE))
    }
}

impl std::fmt::Debug for Prompt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prompt").field("duration", &self.duration()).finish_non_exhaustive()
    }
}

fn encode(samples: &[i16], codec: Codec) -> Box<[[u8; FRAME_SAMPLES]]> {
    samples
        .chunks(FRAME_SAMPLES)
        .map(|chunk| {
            let mut frame = [codec.silence(); FRAME_SAMPLES];
            for (byte, &sample) in frame.iter_mut().zip(chunk) {
                *byte = codec.encode(sample);
            }
            frame
        })
        .collect()
}

fn check_rate(rate: u32) -> Result<(), PromptError> {
    if SAMPLE_RATES.contains(&rate) {
        Ok(())
    } else {
        Err(PromptError::Unsupported(format!("a sample rate of {rate} Hz")))
    }
}

fn check_length(samples: usize, rate: u32) -> Result<(), PromptError> {
    let limit = MAX_SECONDS as usize * rate as usize;
    if samples > limit {
        return Err(PromptError::TooLong { seconds: (samples / rate as usize) as u32 });
    }
    Ok(())
}

fn read_error(error: hound::Error) -> PromptError {
    match error {
        hound::Error::Unsupported => PromptError::Unsupported("this kind of WAV file".to_owned()),
        hound::Error::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            PromptError::NotAudio("it ends inside its header".to_owned())
        }
        other => PromptError::NotAudio(other.to_string()),
    }
}
