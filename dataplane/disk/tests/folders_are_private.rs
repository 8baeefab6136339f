//! Recordings and journals are for the eyes of the node's own user.

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use common::*;
use peal_disk::{Disk, Journal, JournalConfig};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn what_is_made_is_the_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (data, recordings) = (folder.path().join("data"), folder.path().join("recordings"));
    Journal::open(JournalConfig::new(data.join("journal"))).unwrap().stop();
    let disk = Disk::start(config(&recordings)).unwrap();
    disk.handle().open(attempt(1), "2026-11-22/call").unwrap();
    disk.handle().close(attempt(1)).unwrap();
    report(&disk);
    disk.stop();
    for made in [&data, &data.join("journal"), &recordings, &recordings.join("2026-11-22")] {
        assert_eq!(mode(made), 0o700, "{}", made.display());
    }
}

#[test]
fn what_the_operator_made_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o750)).unwrap();
    Disk::start(config(folder.path())).unwrap().stop();
    assert_eq!(mode(folder.path()), 0o750);
}
