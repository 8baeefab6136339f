//! How far the shipper is: a small file beside the segments, replaced as a whole.
//!
//! It names the batch under way *before* that batch is sent, so that after a crash exactly the same batch is sent again
//! under the same token. A cursor that is missing or damaged costs repetitions, never rows.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{Position, private, segment};

const FILE: &str = "cursor";

/// The shipper's place in the spool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// Everything before it is in ClickHouse.
    pub(crate) acknowledged: Position,
    /// The batch that was about to be sent.
    pub(crate) under_way: Option<Range>,
}

/// The frames of one batch: bytes `from..to` of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Range {
    pub(crate) segment: u64,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Cursor {
    /// The cursor of the spool in `folder`; `None` if there is none that can be read.
    pub(crate) fn load(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(folder.join(FILE)).ok()?;
        let (checksum, text) = text.split_once(' ')?;
        let matches = u32::from_str_radix(checksum, 16).ok()? == crc32fast::hash(text.as_bytes());
        matches.then(|| serde_json::from_str(text).ok()).flatten()
    }

    /// Replaces the file, durably.
    pub(crate) fn store(&self, folder: &Path) -> io::Result<()> {
        let text = serde_json::to_string(self)?;
        let new = folder.join("cursor.new");
        let mut file = private::file(&new)?;
        write!(file, "{:08x} {text}", crc32fast::hash(text.as_bytes()))?;
        file.sync_all()?;
        fs::rename(&new, folder.join(FILE))?;
        segment::sync_folder(folder)
    }
}
