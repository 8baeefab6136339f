//! What `peal dial` does with tapped audio: counts it, and writes a single call's to a file.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use call::Tapped;
use common::AttemptId;
use hound::{SampleFormat, WavSpec, WavWriter};

use crate::listener::Listen;
use crate::node::StartError;

/// What is done with what the callees say.
#[derive(Clone, Debug)]
pub enum DialTap {
    /// It is counted, and its delay taken.
    Count,
    /// Besides, it is written to this WAV file: linear, 16 bit, 8 kHz, one channel. For a single call.
    Wav(PathBuf),
}

/// What the listener's thread was handed.
#[derive(Clone, Debug, Default)]
pub struct TapReport {
    /// Chunks of 100 ms, or less at the end of a call.
    pub chunks: u64,
    /// Their length together.
    pub audio: Duration,
    /// How much of that was silence in the place of what was not received.
    pub silence: Duration,
    /// Places in calls where chunks are missing.
    pub gaps: u64,
    /// Chunks that the shards dropped, because the listener was late or kept too many.
    pub dropped: u64,
    /// From the arrival of a chunk's first sample to its hand-over on the listener's thread: half of the chunks were
    /// faster than the first, 99 % faster than the second. In whole milliseconds, up to 1 s.
    pub delay_p50: Duration,
    /// See [`TapReport::delay_p50`].
    pub delay_p99: Duration,
    /// Why the file could not be written, if so.
    pub error: Option<String>,
}

/// The reader's end of a [`Counting`].
#[derive(Clone, Debug, Default)]
pub(super) struct Counted(Arc<Mutex<TapReport>>);

impl Counted {
    /// What was counted; complete when the node has ended.
    pub(super) fn read(&self) -> TapReport {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Counts on the listener's thread, and tells at the end.
pub(super) struct Counting {
    report: TapReport,
    samples: u64,
    silent: u64,
    /// Chunks by milliseconds of delay; the last is a second and more.
    delays: Box<[u64; 1_001]>,
    /// Where the next chunk of each call belongs.
    expected: HashMap<AttemptId, u64>,
    wav: Option<WavWriter<BufWriter<File>>>,
    counted: Counted,
}

impl Counting {
    /// Opens the file, if there is to be one.
    pub(super) fn new(tap: &DialTap, counted: Counted) -> Result<Self, StartError> {
        let wav = match tap {
            DialTap::Count => None,
            DialTap::Wav(path) => {
                Some(create(path).map_err(|source| StartError::TapFile { path: path.clone(), source })?)
            }
        };
        Ok(Self {
            report: TapReport::default(),
            samples: 0,
            silent: 0,
            delays: Box::new([0; 1_001]),
            expected: HashMap::new(),
            wav,
            counted,
        })
    }

    /// The delay that this share of the chunks did not exceed.
    fn delay(&self, share: f64) -> Duration {
        let wanted = (self.report.chunks as f64 * share).ceil() as u64;
        let mut seen = 0;
        let reached = self.delays.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        Duration::from_millis(reached.unwrap_or(0) as u64)
    }

    fn write(&mut self, tapped: &Tapped, missing: u64) {
        let Some(wav) = &mut self.wav else { return };
        let linear = tapped.chunk.codec().decode_table();
        let sound = tapped.chunk.samples().iter().map(|&byte| linear[usize::from(byte)]);
        let mut samples = std::iter::repeat_n(0, missing as usize).chain(sound);
        if let Err(error) = samples.try_for_each(|sample| wav.write_sample(sample)) {
            self.report.error.get_or_insert(error.to_string());
            self.wav = None;
        }
    }
}

impl Listen for Counting {
    fn hear(&mut self, now: Instant, tapped: &Tapped) {
        let chunk = &tapped.chunk;
        let expected = self.expected.entry(tapped.call.attempt).or_default();
        let missing = chunk.position().saturating_sub(*expected);
        *expected = chunk.position() + chunk.samples().len() as u64;
        if chunk.is_last() {
            self.expected.remove(&tapped.call.attempt);
        }
        self.report.gaps += u64::from(missing > 0);
        self.report.chunks += 1;
        self.samples += chunk.samples().len() as u64;
        self.silent += (chunk.samples().len() - chunk.heard()) as u64;
        let delay = now.saturating_duration_since(chunk.begins()).as_millis();
        self.delays[usize::try_from(delay).unwrap_or(usize::MAX).min(self.delays.len() - 1)] += 1;
        self.write(tapped, missing);
    }

    fn end(&mut self) {
        if let Some(wav) = self.wav.take()
            && let Err(error) = wav.finalize()
        {
            self.report.error.get_or_insert(error.to_string());
        }
        let time = |samples: u64| Duration::from_micros(samples * 1_000_000 / u64::from(media::SAMPLE_RATE));
        (self.report.audio, self.report.silence) = (time(self.samples), time(self.silent));
        (self.report.delay_p50, self.report.delay_p99) = (self.delay(0.5), self.delay(0.99));
        *self.counted.0.lock().unwrap_or_else(PoisonError::into_inner) = self.report.clone();
    }
}

fn create(path: &Path) -> std::io::Result<WavWriter<BufWriter<File>>> {
    let spec = WavSpec {
        channels: 1,
        sample_rate: media::SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    WavWriter::new(BufWriter::new(File::create(path)?), spec).map_err(std::io::Error::other)
}
