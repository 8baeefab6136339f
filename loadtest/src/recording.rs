//! Calls as they sounded, for people to listen to: stereo WAV files, the customer on the left, the caller on the right.
//!
//! Audio is kept as it was on the wire and written by a thread of its own when the call is over. The caller's side is as a listener
//! with a buffer of 60 ms hears it, moved back by that buffer.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use crate::audio::{FRAME, Law};
use crate::performance::BUFFER_US;

/// What a call may keep for each side, in samples of 8 kHz: ten minutes.
const SAMPLES_MAX: usize = 600 * 8_000;

/// One call.
#[derive(Debug)]
pub(crate) struct Recording {
    file: String,
    began_us: u64,
    law: Law,
    sides: [Vec<u8>; 2],
}

/// Whose audio it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Customer,
    Caller,
}

impl Recording {
    /// Begins with the answer. The name is that of its file, without folder or ending.
    pub(crate) fn new(file: String, began_us: u64, law: Law) -> Self {
        Self { file, began_us, law, sides: [Vec::new(), Vec::new()] }
    }

    /// A packet of a side that is heard at that time. Audio of another law than the call's is left out.
    pub(crate) fn put(&mut self, side: Side, at_us: u64, law: Law, payload: &[u8]) {
        let at_us = if side == Side::Caller { at_us.saturating_sub(BUFFER_US as u64) } else { at_us };
        let mut from = (at_us.saturating_sub(self.began_us) / 125) as usize;
        let samples = &mut self.sides[side as usize];
        // The carrier's beat is a millisecond or two off: what follows on what was sent before is put right after it.
        if side == Side::Customer && from.abs_diff(samples.len()) < FRAME {
            from = samples.len();
        }
        let until = from + payload.len();
        if law != self.law || until > SAMPLES_MAX {
            return;
        }
        if samples.len() < until {
            samples.resize(until, self.law.silence());
        }
        samples[from..until].copy_from_slice(payload);
    }

    fn write(&self, folder: &Path) -> Result<(), hound::Error> {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(folder.join(&self.file).with_extension("wav"), spec)?;
        let length = self.sides.iter().map(Vec::len).max().unwrap_or(0);
        let decoded = self.law.decoded();
        for n in 0..length {
            for side in &self.sides {
                writer.write_sample(side.get(n).map_or(0, |code| decoded[usize::from(*code)]))?;
            }
        }
        writer.finalize()
    }
}

/// The thread that writes them.
#[derive(Debug)]
pub(crate) struct Recorder {
    finished: Option<Sender<Recording>>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Makes the folder.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let (finished, calls) = channel::<Recording>();
        let thread = std::thread::Builder::new().name("recordings".into()).spawn(move || {
            for call in calls {
                if let Err(error) = call.write(&folder) {
                    eprintln!("peal-carrier: cannot write the recording {}: {error}", call.file);
                }
            }
        })?;
        Ok(Self { finished: Some(finished), thread: Some(thread) })
    }

    pub(crate) fn write(&self, call: Recording) {
        // The thread ends with the last sender, which is ours; should it have panicked there is nobody to write.
        let _ = self.finished.as_ref().map(|finished| finished.send(call));
    }
}

impl Drop for Recorder {
    /// Waits until everything is written.
    fn drop(&mut self) {
        self.finished = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_written_where_they_were_heard() {
        let folder = tempfile::tempdir().unwrap();
        let mut call = Recording::new("1-2".to_owned(), 1_000_000, Law::A);
        call.put(Side::Customer, 1_100_000, Law::A, &[0xAA; 2]);
        call.put(Side::Caller, 1_000_250 + BUFFER_US as u64, Law::A, &[0x2A; 1]);
        call.put(Side::Caller, 1_000_000 + BUFFER_US as u64, Law::Mu, &[0; 160]);
        call.put(Side::Caller, 1_000_000_000, Law::A, &[0x2A; 1]);
        let recorder = Recorder::open(folder.path().join("recordings")).unwrap();
        recorder.write(call);
        drop(recorder);
        let file = folder.path().join("recordings/1-2.wav");
        let samples: Vec<i16> =
            hound::WavReader::open(file).unwrap().samples().collect::<Result<_, _>>().unwrap();
        let loud = 32_256;
        assert_eq!(samples[..8], [8, 8, 8, 8, 8, -loud, 8, 0]);
        assert_eq!(samples[1_598..], [8, 0, loud, 0, loud, 0]);
    }
}
