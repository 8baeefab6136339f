//! Repairing recordings whose writer died: the header is set to the length that is there, the file renamed.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use media::wav;

use super::name;

/// What was done with a file that was left over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repaired {
    /// It has audio, a true header and its final name now.
    Kept {
        /// The final name.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// Samples of each side, at 8 kHz.
        samples: u64,
    },
    /// It held no audio yet and was removed.
    Removed {
        /// The name it had.
        path: PathBuf,
    },
    /// It is no recording of ours, or could not be repaired; it was left alone.
    LeftAlone {
        /// The name it has.
        path: PathBuf,
        /// What stood in the way.
        reason: String,
    },
}

/// Repairs every growing recording under `folder`, whose writer must be gone.
pub(super) fn repair_folder(folder: &Path) -> io::Result<Vec<Repaired>> {
    let (mut folders, mut repaired) = (vec![folder.to_owned()], vec![]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && path.to_string_lossy().ends_with(name::PART_SUFFIX) {
                let result = repair(&path);
                tracing::info!(?result, "recording of an earlier process");
                repaired.push(result);
            }
        }
    }
    Ok(repaired)
}

/// Repairs one file.
pub(super) fn repair(part: &Path) -> Repaired {
    match try_repair(part) {
        Ok(repaired) => repaired,
        Err(error) => Repaired::LeftAlone { path: part.to_owned(), reason: error.to_string() },
    }
}

fn try_repair(part: &Path) -> io::Result<Repaired> {
    let mut file = File::options().read(true).write(true).open(part)?;
    let len = file.metadata()?.len();
    let mut head = [0; wav::HEADER_LEN];
    if len <= head.len() as u64 {
        fs::remove_file(part)?;
        return Ok(Repaired::Removed { path: part.to_owned() });
    }
    file.read_exact(&mut head)?;
    let Some((header, true_len)) = wav::repaired(&head, len) else {
        return Ok(Repaired::LeftAlone {
            path: part.to_owned(),
            reason: "not a recording of ours".to_owned(),
        });
    };
    file.set_len(true_len)?;
    file.rewind()?;
    file.write_all(&header)?;
    file.sync_all()?;
    let path = rename(part)?;
    let frame = u64::from(u16::from_le_bytes([header[32], header[33]]));
    Ok(Repaired::Kept { path, bytes: true_len, samples: (true_len - wav::HEADER_LEN as u64) / frame })
}

fn rename(part: &Path) -> io::Result<PathBuf> {
    let names = name::finals(part).ok_or_else(|| io::Error::other("its name is not text"))?;
    for path in names {
        if !path.try_exists()? {
            fs::rename(part, &path)?;
            if let Some(folder) = path.parent() {
                File::open(folder)?.sync_all()?;
            }
            return Ok(path);
        }
    }
    Err(io::Error::other("every name for it is taken"))
}
