//! Folders that only their owner may look into: they hold telephone numbers and voices.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Permissions of every folder that is made here. One that exists keeps its own: they are the operator's choice.
pub(crate) const MODE: u32 = 0o700;

/// Makes a folder and what is missing above it.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(MODE).create(path)
}
