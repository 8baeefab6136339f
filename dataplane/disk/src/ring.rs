//! Setting up the ring of a disk thread, and what every file here needs to become durable.

use std::io;
use std::path::Path;

use tokio_uring::fs::File;

/// Submission entries: operations that may be handed to the kernel in one go. More wait their turn inside tokio-uring.
const ENTRIES: u32 = 512;

/// A runtime with its ring, or the reason why the kernel refuses one.
pub(crate) fn runtime() -> io::Result<tokio_uring::Runtime> {
    let mut builder = tokio_uring::builder();
    builder.entries(ENTRIES);
    tokio_uring::Runtime::new(&builder)
}

/// Makes the names in a folder durable: a created, renamed or removed file is only so once its folder is synced.
pub(crate) async fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = File::open(folder).await?;
    let synced = folder.sync_all().await;
    folder.close().await?;
    synced
}
