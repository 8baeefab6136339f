//! One recording's file while it grows.
//!
//! Files are made and written by plain calls and not through the ring: io_uring hands a buffered write to a regular file to
//! a kernel thread, on most file systems always, and that costs more than the write (`docs/decisions/0007`). What waits
//! for the disk itself, the sync at the end, goes through the ring.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};

use media::wav::{self, Layout, WavFormat};
use media::{Block, Codec, SAMPLE_RATE};

use super::{RecordingError, name};

/// Silence is written in pieces of so many samples where blocks are missing.
const SILENCE_SAMPLES: u64 = 8000;

/// The header of a growing file tells its length as it was at most so many samples ago: 4 s. What a dead process left is
/// repaired to its true length, whatever the header says.
const HEADER_AGE_SAMPLES: u64 = 4 * SAMPLE_RATE as u64;

/// A file that is being written.
pub(super) struct RecordingFile {
    file: fs::File,
    part: PathBuf,
    last: PathBuf,
    format: WavFormat,
    /// Told by the first block.
    layout: Option<Layout>,
    /// Samples of each side in the file.
    samples: u64,
    /// Of those, what the header tells.
    told: u64,
    /// Of those, silence for blocks that never came.
    missing: u64,
}

/// A file that is complete.
pub(super) struct Kept {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) samples: u64,
    pub(super) missing: u64,
}

impl RecordingFile {
    /// Makes the file under the first name that is free.
    pub(super) fn create(
        folder: &Path,
        stem: &str,
        format: WavFormat,
    ) -> Result<RecordingFile, RecordingError> {
        for (part, last) in name::candidates(folder, stem)? {
            if last.try_exists()? {
                continue;
            }
            match open_new(&part) {
                Ok(file) => {
                    return Ok(RecordingFile {
                        file,
                        part,
                        last,
                        format,
                        layout: None,
                        samples: 0,
                        told: 0,
                        missing: 0,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(RecordingError::NameTaken)
    }

    /// Where it grows.
    pub(super) fn part(&self) -> &Path {
        &self.part
    }

    /// Writes a block behind what is there, with silence where blocks are missing. `buffer` is memory to work in. Returns
    /// the bytes written.
    pub(super) fn write(&mut self, block: Block, buffer: &mut Vec<u8>) -> io::Result<u64> {
        let layout = *self.layout.get_or_insert(Layout::new(self.format, block.codec()));
        let mut written = 0;
        if self.samples == 0 {
            // The header comes first: without one a file that was cut off here could not be told from any other.
            written += self.write_header(layout)?;
        }
        while self.samples < block.position() {
            written += self.write_silence(layout, block.position() - self.samples, buffer)?;
        }
        buffer.clear();
        block.write_wav(layout, buffer);
        let samples = block.samples() as u64;
        drop(block);
        written += self.append(layout, samples, buffer)?;
        if self.told == 0 || self.samples - self.told >= HEADER_AGE_SAMPLES {
            written += self.write_header(layout)?;
        }
        Ok(written)
    }

    /// Makes the file durable under its final name.
    pub(super) async fn finish(mut self) -> io::Result<Kept> {
        // A call without a single tick is a valid file of no length.
        let layout = self.layout.unwrap_or(Layout::new(self.format, Codec::Pcma));
        self.write_header(layout)?;
        let file = tokio_uring::fs::File::from_std(self.file);
        file.sync_all().await?;
        tokio_uring::fs::rename(&self.part, &self.last).await?;
        file.close().await?;
        if let Some(folder) = self.last.parent() {
            crate::ring::sync_folder(folder).await?;
        }
        let bytes = wav::HEADER_LEN as u64 + self.samples * u64::from(layout.frame_bytes());
        Ok(Kept { path: self.last, bytes, samples: self.samples, missing: self.missing })
    }

    fn write_silence(&mut self, layout: Layout, missing: u64, buffer: &mut Vec<u8>) -> io::Result<u64> {
        let samples = missing.min(SILENCE_SAMPLES);
        let byte = match layout {
            Layout::Pcm16 => 0,
            Layout::G711(codec) => codec.silence(),
        };
        buffer.clear();
        buffer.resize((samples * u64::from(layout.frame_bytes())) as usize, byte);
        let written = self.append(layout, samples, buffer)?;
        self.missing += samples;
        Ok(written)
    }

    /// Writes `samples` samples of both sides.
    fn append(&mut self, layout: Layout, samples: u64, bytes: &[u8]) -> io::Result<u64> {
        let at = wav::HEADER_LEN as u64 + self.samples * u64::from(layout.frame_bytes());
        self.file.write_all_at(bytes, at)?;
        self.samples += samples;
        Ok(bytes.len() as u64)
    }

    fn write_header(&mut self, layout: Layout) -> io::Result<u64> {
        let header = wav::header(layout, self.samples * u64::from(layout.frame_bytes()));
        self.file.write_all_at(&header, 0)?;
        self.told = self.samples;
        Ok(header.len() as u64)
    }
}

/// Makes a file that was not there, and its folder where that is missing.
fn open_new(path: &Path) -> io::Result<fs::File> {
    let open = || fs::File::options().write(true).create_new(true).open(path);
    match (open(), path.parent()) {
        (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(crate::folder::MODE).create(folder)?;
            open()
        }
        (opened, _) => opened,
    }
}
