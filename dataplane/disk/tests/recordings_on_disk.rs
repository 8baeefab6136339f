//! What becomes of recordings when all goes well, and when callers ask for what cannot be.

mod common;

use std::fs;
use std::path::Path;

use common::*;
use media::BlockPool;
use media::wav::{self, Layout, WavFormat};
use media::{Codec, Prompt};
use peal_disk::{Disk, DiskBusy, DiskConfig, DiskError, Health, RecordingError, Repaired, Report};

fn kept(disk: &Disk) -> (std::path::PathBuf, u64, u64) {
    match report(disk) {
        Report::Kept { path, bytes, samples, missing, .. } => {
            assert_eq!(bytes, std::fs::metadata(&path).unwrap().len());
            (path, samples, missing)
        }
        Report::Failed { error, .. } => panic!("{error}"),
    }
}

#[test]
fn a_recording_is_renamed_when_it_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::start(config(folder.path())).unwrap();
    let (handle, pool, id) = (disk.handle(), BlockPool::new(8), attempt(1));
    handle.open(id, "2026/11/22/call").unwrap();
    let mut call = Call::new(&pool);
    let growing = folder.path().join("2026/11/22/call.part.wav");
    let mut blocks = 0;
    for (more, told) in [(1, 1), (5, 6), (1, 6)] {
        for _ in 0..more {
            handle.block(id, call.next_block()).unwrap();
        }
        blocks += more;
        until("the file grows", || handle.counters().bytes > blocks * 25_600);
        let (left, _) = read_wav(&growing);
        assert_eq!(left.len(), told * 6400, "a growing file opens, and what it tells is less than 4 s old");
    }

    handle.block(id, call.finish()).unwrap();
    handle.close(id).unwrap();
    let (path, samples, missing) = kept(&disk);
    assert_eq!((path.clone(), samples, missing), (folder.path().join("2026/11/22/call.wav"), 45_280, 0));
    let (left, right) = read_wav(&path);
    assert_eq!(left.len(), 45_280);
    assert!(left.iter().enumerate().all(|(at, &sample)| sample == level(at)));
    assert!(right.iter().all(|&sample| sample.abs() <= 8));
    assert!(!growing.exists());
    until("the memory comes back", || pool.in_use() == 0);
    assert_eq!((handle.health(), handle.counters().kept, handle.counters().open), (Health::Good, 1, 0));
    disk.stop();
}

#[test]
fn missing_blocks_are_silence() {
    let folder = tempfile::tempdir().unwrap();
    for format in [WavFormat::Pcm16, WavFormat::G711] {
        let disk = Disk::start(DiskConfig { format, ..config(folder.path()) }).unwrap();
        let (handle, pool, id) = (disk.handle(), BlockPool::new(8), attempt(1));
        handle.open(id, "gap").unwrap();
        let mut call = Call::new(&pool);
        handle.block(id, call.next_block()).unwrap();
        drop(call.next_block());
        drop(call.next_block());
        handle.block(id, call.next_block()).unwrap();
        handle.close(id).unwrap();
        let (path, samples, missing) = kept(&disk);
        assert_eq!((samples, missing), (4 * 6400, 2 * 6400));
        let left: Vec<i16> = match format {
            WavFormat::Pcm16 => read_wav(&path).0,
            WavFormat::G711 => {
                let bytes = fs::read(&path).unwrap();
                let (head, data) = bytes.split_at(wav::HEADER_LEN);
                assert_eq!(head, wav::header(Layout::G711(Codec::Pcma), data.len() as u64));
                data.iter().step_by(2).map(|&byte| Codec::Pcma.decode(byte)).collect()
            }
        };
        for (at, &sample) in left.iter().enumerate() {
            let lost = (6400..3 * 6400).contains(&at);
            assert!(if lost { sample.abs() <= 8 } else { sample == level(at) }, "{at}: {sample}");
        }
        disk.stop();
    }
}

#[test]
fn a_call_without_audio_is_a_valid_file() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::start(config(folder.path())).unwrap();
    disk.handle().open(attempt(1), "silent").unwrap();
    disk.handle().close(attempt(1)).unwrap();
    let (path, samples, _) = kept(&disk);
    assert_eq!((read_wav(&path).0.len(), samples), (0, 0));
    assert_eq!(
        Prompt::from_wav(&fs::read(&path).unwrap()).unwrap_err().to_string(),
        "the file holds no audio"
    );
    disk.stop();
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::start(config(folder.path())).unwrap();
    let pool = BlockPool::new(8);
    for n in 0..3 {
        record(&disk.handle(), attempt(n), "same", &pool, 1);
        let expected = ["same.wav", "same-1.wav", "same-2.wav"][usize::from(n)];
        assert_eq!(kept(&disk).0, folder.path().join(expected));
    }
    disk.stop();
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::start(config(folder.path())).unwrap();
    for stem in ["../outside", "/etc/outside", "", "a/../../b"] {
        disk.handle().open(attempt(1), stem).unwrap();
        match report(&disk) {
            Report::Failed { error: RecordingError::Name(name), kept: None, .. } => assert_eq!(name, stem),
            other => panic!("{other:?}"),
        }
        disk.handle().close(attempt(1)).unwrap();
    }
    assert_eq!(disk.handle().health(), Health::Good, "the disk is not to blame");
    disk.stop();
}

#[test]
fn an_attempt_is_recorded_once_and_blocks_of_nobody_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::start(config(folder.path())).unwrap();
    let (handle, pool) = (disk.handle(), BlockPool::new(8));
    handle.open(attempt(1), "one").unwrap();
    handle.open(attempt(1), "two").unwrap();
    assert!(matches!(report(&disk), Report::Failed { error: RecordingError::AlreadyOpen, .. }));
    let mut call = Call::new(&pool);
    handle.block(attempt(9), call.next_block()).unwrap();
    until("the orphan is counted", || handle.counters().orphans == 1);
    handle.close(attempt(1)).unwrap();
    assert_eq!(kept(&disk).0, folder.path().join("one.wav"));
    disk.stop();
}

#[test]
fn a_full_queue_refuses_at_once_and_never_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::start(DiskConfig { queue_len: 1, ..config(folder.path()) }).unwrap();
    let handle = disk.handle();
    let (mut refused, mut taken) = (0u64, 0usize);
    // Opening a file takes longer than asking for it, so the queue of one fills soon.
    while refused < 10 {
        let id = attempt((taken % 256) as u8);
        match handle.open(id, format!("{taken}")) {
            Ok(()) => taken += 1,
            Err(DiskBusy) => refused += 1,
        }
        handle.close(id).unwrap();
    }
    assert_eq!(handle.counters().busy, refused);
    let reports = disk.stop();
    assert_eq!(reports.try_iter().count(), taken, "every recording that was taken is reported");
    assert_eq!(handle.counters().open, 0);
    assert_eq!(handle.open(attempt(1), "late"), Err(DiskBusy));
}

#[test]
fn stopping_ends_recordings_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::start(config(folder.path())).unwrap();
    let pool = BlockPool::new(8);
    disk.handle().open(attempt(1), "cut-short").unwrap();
    disk.handle().block(attempt(1), Call::new(&pool).next_block()).unwrap();
    let reports = disk.stop();
    assert!(matches!(reports.try_recv(), Ok(Report::Kept { samples: 6400, .. })));
    assert_eq!(read_wav(&folder.path().join("cut-short.wav")).0.len(), 6400);
}

#[test]
fn left_over_files_are_repaired_whatever_state_they_are_in() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    let audio = [1u8; 4 * 100];
    let stale = [&wav::header(Layout::Pcm16, 40)[..], &audio].concat();
    write("stale.part.wav", &stale);
    write("taken.part.wav", &stale[..stale.len() - 3]);
    write("taken.wav", b"somebody else's");
    write("g711.part.wav", &[&wav::header(Layout::G711(Codec::Pcmu), 0)[..], &audio].concat());
    write("empty.part.wav", b"");
    write("header.part.wav", &wav::header(Layout::Pcm16, 0));
    write("foreign.part.wav", &[0x55; 500]);
    let disk = Disk::start(config(folder.path())).unwrap();
    let mut repaired: Vec<_> = disk
        .repaired
        .iter()
        .map(|r| match r {
            Repaired::Kept { path, bytes, samples } => {
                assert_eq!(*bytes, std::fs::metadata(path).unwrap().len());
                (name(path), Some(*samples))
            }
            Repaired::Removed { path } | Repaired::LeftAlone { path, .. } => (name(path), None),
        })
        .collect();
    repaired.sort();
    let expected = [
        ("empty.part.wav", None),
        ("foreign.part.wav", None),
        ("g711.wav", Some(200)),
        ("header.part.wav", None),
        ("stale.wav", Some(100)),
        ("taken-1.wav", Some(99)),
    ];
    assert_eq!(repaired, expected.map(|(name, samples)| (name.to_owned(), samples)));
    assert_eq!(read_wav(&folder.path().join("stale.wav")).0.len(), 100);
    assert_eq!(read_wav(&folder.path().join("taken-1.wav")).0.len(), 99);
    assert_eq!(fs::read(folder.path().join("taken.wav")).unwrap(), b"somebody else's");
    assert!(folder.path().join("foreign.part.wav").exists());
    assert!(!folder.path().join("header.part.wav").exists());
    disk.stop();
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_folder_that_cannot_be_used_is_said_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), b"").unwrap();
    let error = Disk::start(config(&folder.path().join("file/below"))).unwrap_err();
    assert!(matches!(error, DiskError::Folder { .. }), "{error}");
    let disk = Disk::start(config(folder.path())).unwrap();
    assert!(matches!(Disk::start(config(folder.path())), Err(DiskError::InUse(_))));
    disk.stop();
}

#[test]
fn less_than_the_reserve_is_low_space_and_calls_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::start(DiskConfig { reserve_bytes: u64::MAX, ..config(folder.path()) }).unwrap();
    assert_eq!(disk.handle().health(), Health::LowSpace);
    record(&disk.handle(), attempt(1), "goes-on", &BlockPool::new(4), 1);
    assert_eq!(kept(&disk).1, 6400);
    disk.stop();
}
