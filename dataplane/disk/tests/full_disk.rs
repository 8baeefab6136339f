//! A disk that takes no more data, for real: each test runs again in a process of its own, on a small tmpfs in a mount
//! namespace of its own where the kernel allows that, else under a file-size limit. Either way writes fail.

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::*;
use media::BlockPool;
use peal_disk::{AppendError, Disk, Health, Journal, JournalConfig, RecordingError, Repaired, Report};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Size of the tmpfs, and the file-size limit where there is none.
const LIMIT: u64 = 256 * 1024;

/// A folder whose disk can be filled and freed.
enum SmallDisk {
    Tmpfs { folder: PathBuf },
    FileSizeLimit { folder: PathBuf, before: Rlimit },
}

impl SmallDisk {
    fn folder(&self) -> &Path {
        let (SmallDisk::Tmpfs { folder } | SmallDisk::FileSizeLimit { folder, .. }) = self;
        folder
    }

    /// From here on nothing can be written.
    fn fill(&self) {
        match self {
            SmallDisk::Tmpfs { folder } => {
                let mut filler = File::create(folder.join("filler")).unwrap();
                while filler.write_all(&[0; 4096]).is_ok() {}
            }
            SmallDisk::FileSizeLimit { before, .. } => {
                setrlimit(Resource::Fsize, Rlimit { current: Some(1), ..*before }).unwrap();
            }
        }
    }

    fn free(&self) {
        match self {
            SmallDisk::Tmpfs { folder } => fs::remove_file(folder.join("filler")).unwrap(),
            SmallDisk::FileSizeLimit { before, .. } => setrlimit(Resource::Fsize, *before).unwrap(),
        }
    }
}

/// `None` in the parent, after the child has passed; the disk in the child.
fn small_disk(name: &str) -> Option<SmallDisk> {
    match role() {
        Some((role, folder)) if role == "tmpfs" => {
            let mounted = Command::new("mount")
                .args(["-t", "tmpfs", "-o", &format!("size={LIMIT}"), "tmpfs"])
                .arg(&folder)
                .status();
            assert!(mounted.unwrap().success());
            Some(SmallDisk::Tmpfs { folder })
        }
        Some((_, folder)) => {
            let before = getrlimit(Resource::Fsize);
            setrlimit(Resource::Fsize, Rlimit { current: Some(LIMIT), ..before }).unwrap();
            Some(SmallDisk::FileSizeLimit { folder, before })
        }
        None => {
            let folder = tempfile::tempdir().unwrap();
            let namespace: &[&str] = &["unshare", "-Urm"];
            let allowed = Command::new("unshare")
                .args(["-Urm", "mount", "-t", "tmpfs", "tmpfs"])
                .arg(folder.path())
                .status()
                .is_ok_and(|status| status.success());
            // A write beyond the limit kills a process that does not ignore SIGXFSZ; what is ignored stays so over exec.
            let limited: &[&str] = &["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"];
            let (role, wrapper) = if allowed { ("tmpfs", namespace) } else { ("limit", limited) };
            let child = in_role(name, role, folder.path(), wrapper).wait_with_output().unwrap();
            assert!(child.status.success(), "{role}: {}", String::from_utf8_lossy(&child.stdout));
            None
        }
    }
}

#[test]
fn a_recording_that_does_not_fit_is_reported_and_what_fits_is_kept() {
    let Some(small) = small_disk("a_recording_that_does_not_fit_is_reported_and_what_fits_is_kept") else {
        return;
    };
    let disk = Disk::start(config(small.folder())).unwrap();
    let (handle, pool, id) = (disk.handle(), BlockPool::new(64), attempt(1));
    handle.open(id, "long").unwrap();
    let mut call = Call::new(&pool);
    // 256 KiB hold ten blocks of 25,600 bytes.
    for _ in 0..20 {
        handle.block(id, call.next_block()).unwrap();
    }
    let Report::Failed {
        attempt,
        error: RecordingError::NoSpace(_),
        kept: Some(Repaired::Kept { path, samples, .. }),
    } = report(&disk)
    else {
        panic!("the recording fails for want of space");
    };
    assert_eq!((attempt, path.clone()), (id, small.folder().join("long.wav")));
    let (left, _) = read_wav(&path);
    assert_eq!(left.len() as u64, samples);
    assert!((9 * 6400..=11 * 6400).contains(&left.len()), "{}", left.len());
    assert!(left.iter().enumerate().all(|(at, &sample)| sample == level(at)));
    // The shard does not notice: its blocks are taken, their memory comes back.
    handle.block(id, call.next_block()).unwrap();
    handle.close(id).unwrap();
    drop(call);
    until("the memory comes back", || pool.in_use() == 0);
    disk.stop();
}

#[test]
fn a_full_disk_stops_dialling_until_there_is_room_again() {
    let Some(small) = small_disk("a_full_disk_stops_dialling_until_there_is_room_again") else { return };
    let disk = Disk::start(config(small.folder())).unwrap();
    let (handle, pool) = (disk.handle(), BlockPool::new(64));
    assert_eq!(handle.health(), Health::Good);
    small.fill();
    record(&handle, attempt(1), "refused", &pool, 2);
    assert!(matches!(report(&disk), Report::Failed { error: RecordingError::NoSpace(_), .. }));
    assert_eq!(handle.health(), Health::Failing);
    small.free();
    until("the disk is found good again", || handle.health() == Health::Good);
    record(&handle, attempt(2), "taken", &pool, 2);
    assert!(matches!(report(&disk), Report::Kept { samples: 12_800, .. }));
    disk.stop();
}

#[test]
fn a_journal_on_a_full_disk_stalls_loses_nothing_and_goes_on() {
    let Some(small) = small_disk("a_journal_on_a_full_disk_stalls_loses_nothing_and_goes_on") else { return };
    let dir = small.folder().join("journal");
    let journal = Journal::open(JournalConfig::new(&dir)).unwrap();
    let handle = journal.handle();
    let first = handle.append(b"before").unwrap();
    assert!(handle.wait_durable(first, Duration::from_secs(60)));

    small.fill();
    // Larger than a page, so that it does not fit into the last one that the file has.
    let second = handle.append(&[2; 9000]).unwrap();
    until("the journal stalls", || handle.stalled().is_some());
    assert!(matches!(handle.append(b"refused"), Err(AppendError::Stalled(_))));
    assert!(!handle.wait_durable(second, Duration::from_millis(1)));
    assert_eq!((handle.durable(), handle.usage().next), (first, second + 1));

    small.free();
    assert!(
        handle.wait_durable(second, Duration::from_secs(60)),
        "what was taken before is written after all"
    );
    let third = handle.append(b"after").unwrap();
    assert!(handle.wait_durable(third, Duration::from_secs(60)));
    assert!(handle.usage().failures > 0);
    journal.stop();

    let journal = Journal::open(JournalConfig::new(&dir)).unwrap();
    let found: Vec<_> = journal.handle().replay(1).map(Result::unwrap).collect();
    let expected = [b"before".to_vec(), vec![2; 9000], b"after".to_vec()];
    assert_eq!(found, (1..).zip(expected).collect::<Vec<_>>());
    journal.stop();
}

#[test]
fn a_node_that_dies_with_a_stalled_journal_starts_again() {
    let Some(small) = small_disk("a_node_that_dies_with_a_stalled_journal_starts_again") else { return };
    let dir = small.folder().join("journal");
    let journal = Journal::open(JournalConfig::new(&dir)).unwrap();
    let handle = journal.handle();
    let first = handle.append(b"before").unwrap();
    assert!(handle.wait_durable(first, Duration::from_secs(60)));
    small.fill();
    handle.append(&[2; 9000]).unwrap();
    until("the journal stalls", || handle.stalled().is_some());
    journal.stop();
    small.free();
    let journal = Journal::open(JournalConfig::new(&dir)).unwrap();
    assert_eq!(journal.recovered.next, first + 1);
    let found: Vec<_> = journal.handle().replay(1).map(Result::unwrap).collect();
    assert_eq!(found, [(1, b"before".to_vec())]);
    journal.stop();
}
