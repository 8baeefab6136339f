//! One recording's file while it grows.

use std::io;
use std::path::{Path, PathBuf};

use media::wav::{self, Layout, WavFormat};
use media::{Block, Codec};
use tokio_uring::fs::{DirBuilder, File, OpenOptions};

use super::{RecordingError, name};

/// Silence is written in pieces of so many samples where blocks are missing.
const SILENCE_SAMPLES: u64 = 8000;

/// A file that is being written.
pub(super) struct RecordingFile {
    file: File,
    part: PathBuf,
    last: PathBuf,
    format: WavFormat,
    /// Told by the first block.
    layout: Option<Layout>,
    /// Samples of each side in the file.
    samples: u64,
    /// Of those, silence for blocks that never came.
    missing: u64,
    /// Memory for what is written next, lent to the kernel meanwhile.
    buffer: Vec<u8>,
}

/// A file that is complete.
pub(super) struct Kept {
    pub(super) path: PathBuf,
    pub(super) samples: u64,
    pub(super) missing: u64,
}

impl RecordingFile {
    /// Makes the file under the first name that is free.
    pub(super) async fn create(
        folder: &Path,
        stem: &str,
        format: WavFormat,
    ) -> Result<RecordingFile, RecordingError> {
        for (part, last) in name::candidates(folder, stem)? {
            if last.try_exists()? {
                continue;
            }
            if let Some(parent) = part.parent() {
                DirBuilder::new().recursive(true).mode(crate::folder::MODE).create(parent).await?;
            }
            match OpenOptions::new().write(true).create_new(true).open(&part).await {
                Ok(file) => {
                    return Ok(RecordingFile {
                        file,
                        part,
                        last,
                        format,
                        layout: None,
                        samples: 0,
                        missing: 0,
                        buffer: Vec::new(),
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

    /// Writes a block behind what is there, with silence where blocks are missing, and refreshes the header. Returns
    /// the bytes written.
    pub(super) async fn write(&mut self, block: Block) -> io::Result<u64> {
        let layout = *self.layout.get_or_insert(Layout::new(self.format, block.codec()));
        let mut written = 0;
        if self.samples == 0 {
            // The header comes first: without one a file that was cut off here could not be told from any other.
            written += self.write_header(layout).await?;
        }
        while self.samples < block.position() {
            written += self.write_silence(layout, block.position() - self.samples).await?;
        }
        self.buffer.clear();
        block.write_wav(layout, &mut self.buffer);
        let samples = block.samples() as u64;
        drop(block);
        written += self.append(layout, samples).await?;
        Ok(written + self.write_header(layout).await?)
    }

    /// Makes the file durable under its final name.
    pub(super) async fn finish(mut self) -> io::Result<Kept> {
        if self.layout.is_none() {
            // A call without a single tick: a valid file of no length.
            let layout = Layout::new(self.format, Codec::Pcma);
            self.write_header(layout).await?;
        }
        self.file.sync_all().await?;
        tokio_uring::fs::rename(&self.part, &self.last).await?;
        self.file.close().await?;
        if let Some(folder) = self.last.parent() {
            crate::ring::sync_folder(folder).await?;
        }
        Ok(Kept { path: self.last, samples: self.samples, missing: self.missing })
    }

    async fn write_silence(&mut self, layout: Layout, missing: u64) -> io::Result<u64> {
        let samples = missing.min(SILENCE_SAMPLES);
        let byte = match layout {
            Layout::Pcm16 => 0,
            Layout::G711(codec) => codec.silence(),
        };
        self.buffer.clear();
        self.buffer.resize((samples * u64::from(layout.frame_bytes())) as usize, byte);
        let written = self.append(layout, samples).await?;
        self.missing += samples;
        Ok(written)
    }

    /// Writes the buffer, which holds `samples` samples of both sides.
    async fn append(&mut self, layout: Layout, samples: u64) -> io::Result<u64> {
        let at = wav::HEADER_LEN as u64 + self.samples * u64::from(layout.frame_bytes());
        let written = self.write_buffer(at).await?;
        self.samples += samples;
        Ok(written)
    }

    async fn write_header(&mut self, layout: Layout) -> io::Result<u64> {
        self.buffer.clear();
        self.buffer.extend(wav::header(layout, self.samples * u64::from(layout.frame_bytes())));
        self.write_buffer(0).await
    }

    async fn write_buffer(&mut self, at: u64) -> io::Result<u64> {
        let buffer = std::mem::take(&mut self.buffer);
        let (result, buffer) = self.file.write_all_at(buffer, at).await;
        self.buffer = buffer;
        result.map(|()| self.buffer.len() as u64)
    }
}
