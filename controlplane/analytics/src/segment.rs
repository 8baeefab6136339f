//! One file of the spool: a header frame that says what its rows look like, then frames of rows.
//!
//! Rows keep the columns that they were written with: a segment of an older release is inserted with the columns of that
//! release, and ClickHouse fills in the rest.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::{
    crc_frame::{self, HEAD},
    private,
};

const MAGIC: &str = "peal-spool 1\n";
const SUFFIX: &str = ".segment";

/// Path of segment `index` in `folder`.
pub(crate) fn path(folder: &Path, index: u64) -> PathBuf {
    folder.join(format!("{index:012}{SUFFIX}"))
}

/// Indices of the segments in `folder`, in order.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut indices = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let index = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
        indices.extend(index.and_then(|index| index.parse::<u64>().ok()));
    }
    indices.sort_unstable();
    Ok(indices)
}

/// Makes a rename or a new file in `folder` outlive a power failure.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The segment that is being written.
pub(crate) struct Writer {
    file: File,
    pub(crate) index: u64,
    /// Durable length; bytes beyond it were never acknowledged.
    pub(crate) length: u64,
    /// A write failed: what lies beyond `length` is not known, so nothing more is written here.
    pub(crate) broken: bool,
}

impl Writer {
    /// Makes an empty segment whose rows have `columns`, durably.
    pub(crate) fn create(folder: &Path, index: u64, columns: &str) -> io::Result<Self> {
        let mut header = Vec::new();
        crc_frame::write(&mut header, 0, 0, format!("{MAGIC}{columns}").as_bytes());
        // What a failed creation left behind was never acknowledged.
        let mut file = private::file(&path(folder, index))?;
        file.write_all(&header)?;
        file.sync_all()?;
        sync_folder(folder)?;
        Ok(Self { file, index, length: header.len() as u64, broken: false })
    }

    /// Appends frames; durable on return.
    pub(crate) fn append(&mut self, frames: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(frames).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.length += frames.len() as u64,
            Err(_) => {
                // After a failed fsync the kernel may have dropped the pages: the file is cut and left alone.
                self.broken = true;
                let _ = self.file.set_len(self.length);
            }
        }
        written
    }
}

/// Reads one segment.
pub(crate) struct Reader {
    file: File,
    /// Columns of its rows, separated by commas.
    pub(crate) columns: String,
    /// Where its rows begin.
    pub(crate) start: u64,
}

impl Reader {
    /// Opens segment `index`; `None` inside if its header is damaged.
    pub(crate) fn open(folder: &Path, index: u64) -> io::Result<Option<Self>> {
        let mut file = File::open(path(folder, index))?;
        let mut bytes = vec![0; HEAD];
        if file.read_exact(&mut bytes).is_err() {
            return Ok(None);
        }
        let length = u32::from_le_bytes(bytes[..4].try_into().expect("four bytes"));
        (&file).take(u64::from(length.min(1 << 20))).read_to_end(&mut bytes)?;
        let Some(header) = crc_frame::read(&bytes) else { return Ok(None) };
        let columns = std::str::from_utf8(header.payload).ok().and_then(|text| text.strip_prefix(MAGIC));
        Ok(columns.map(|columns| Self { columns: columns.to_owned(), start: header.length() as u64, file }))
    }

    /// Reads `from..to` (all that is there if it is less).
    pub(crate) fn read(&mut self, from: u64, to: u64) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        (&self.file).take(to.saturating_sub(from)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Cuts what does not belong to a whole frame off the end of segment `index`, durably. Returns its length after
/// that and what was cut; 0 if not even the header is whole.
pub(crate) fn cut_torn_tail(folder: &Path, index: u64) -> io::Result<(u64, u64)> {
    let path = path(folder, index);
    let bytes = fs::read(&path)?;
    let mut whole = 0;
    while let Some(frame) = crc_frame::read(&bytes[whole..]) {
        whole += frame.length();
    }
    let cut = (bytes.len() - whole) as u64;
    if cut > 0 {
        let file = OpenOptions::new().write(true).open(&path)?;
        file.set_len(whole as u64)?;
        file.sync_all()?;
    }
    Ok((whole as u64, cut))
}
