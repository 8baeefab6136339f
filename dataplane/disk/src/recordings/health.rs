//! Whether the recordings disk takes data.

use std::io;
use std::path::PathBuf;

use tokio_uring::fs::File;

use super::DiskConfig;

/// Bytes of the file that tries whether a disk which failed takes data again: more than one block of a call.
const PROBE_LEN: usize = 64 * 1024;

/// State of the recordings disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Health {
    /// Recordings can be written.
    Good = 0,
    /// Less than the reserve is free: calls that are up go on, no recorded call should begin.
    LowSpace = 1,
    /// A write failed and none has succeeded since, or writes do not keep up.
    Failing = 2,
}

impl Health {
    pub(super) fn from_u8(value: u8) -> Health {
        match value {
            0 => Health::Good,
            1 => Health::LowSpace,
            _ => Health::Failing,
        }
    }
}

/// Looks at the free space.
pub(super) fn look(config: &DiskConfig) -> io::Result<Health> {
    let stat = rustix::fs::statvfs(&config.recordings_dir)?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    // Where a file system has no fixed number of files it tells 0 of 0.
    let files_left = stat.f_files == 0 || stat.f_favail > 0;
    Ok(if free < config.reserve_bytes || !files_left { Health::LowSpace } else { Health::Good })
}

/// Tries whether the disk takes data, by a file that is written, synced and removed.
pub(super) async fn probe(config: &DiskConfig) -> io::Result<()> {
    let path = config.recordings_dir.join(".probe");
    let result = write_probe(&path).await;
    let removed = tokio_uring::fs::remove_file(&path).await;
    result.and(removed)
}

async fn write_probe(path: &PathBuf) -> io::Result<()> {
    let file = File::create(path).await?;
    let (written, _) = file.write_all_at(vec![0x55; PROBE_LEN], 0).await;
    let result = match written {
        Ok(()) => file.sync_data().await,
        Err(error) => Err(error),
    };
    file.close().await?;
    result
}
