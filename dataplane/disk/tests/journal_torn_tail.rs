//! A crash may stop the last write anywhere and leave anything behind it. What was whole stays, what was torn goes, and
//! the journal continues with the right number.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use peal_disk::{Journal, JournalConfig};

const RECORDS: [&[u8]; 4] = [b"intent 1", b"", b"a longer record than the others", b"end"];

/// Where the records of [`RECORDS`] end in their segment.
fn ends() -> Vec<usize> {
    RECORDS
        .iter()
        .scan(20, |at, record| {
            *at += 8 + record.len();
            Some(*at)
        })
        .collect()
}

fn config(dir: &Path) -> JournalConfig {
    JournalConfig { gather: Duration::ZERO, ..JournalConfig::new(dir) }
}

fn written(dir: &Path) -> (PathBuf, Vec<u8>) {
    let journal = Journal::open(config(dir)).unwrap();
    for record in RECORDS {
        journal.handle().append(record).unwrap();
    }
    journal.stop();
    let path = dir.join(format!("{:020}.journal", 1));
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len(), *ends().last().unwrap());
    (path, bytes)
}

/// Opens what is there, expects the first `whole` records and no more, and goes on.
fn opens_with(dir: &Path, whole: usize, cut: u64, what: &str) {
    let journal = Journal::open(config(dir)).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!((journal.recovered.next, journal.recovered.cut_bytes), (whole as u64 + 1, cut), "{what}");
    let handle = journal.handle();
    assert_eq!(handle.durable(), whole as u64, "{what}");
    let number = handle.append(b"after").unwrap();
    assert!(handle.wait_durable(number, Duration::from_secs(60)), "{what}");
    let found: Vec<_> = handle.replay(0).map(Result::unwrap).collect();
    let mut expected: Vec<_> = (1..).zip(RECORDS.map(<[u8]>::to_vec)).take(whole).collect();
    expected.push((number, b"after".to_vec()));
    assert_eq!(found, expected, "{what}");
    journal.stop();
    // And once more, so that what was made of it is sound too.
    let again = Journal::open(config(dir)).unwrap();
    assert_eq!(again.handle().replay(0).count(), whole + 1, "{what}");
    again.stop();
}

#[test]
fn cut_at_any_byte() {
    let dir = tempfile::tempdir().unwrap();
    let (path, bytes) = written(dir.path());
    for len in 0..=bytes.len() {
        let fresh = tempfile::tempdir().unwrap();
        fs::write(fresh.path().join(path.file_name().unwrap()), &bytes[..len]).unwrap();
        let whole = ends().iter().filter(|&&end| end <= len).count();
        let kept = if len < 20 { 0 } else { ends()[..whole].last().copied().unwrap_or(20) };
        opens_with(fresh.path(), whole, (len - kept) as u64, &format!("cut to {len}"));
    }
}

#[test]
fn any_byte_damaged_ends_the_journal_there() {
    let dir = tempfile::tempdir().unwrap();
    let (path, bytes) = written(dir.path());
    for at in 20..bytes.len() {
        let fresh = tempfile::tempdir().unwrap();
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        fs::write(fresh.path().join(path.file_name().unwrap()), &damaged).unwrap();
        let whole = ends().iter().filter(|&&end| end <= at).count();
        let kept = ends()[..whole].last().copied().unwrap_or(20);
        opens_with(fresh.path(), whole, (bytes.len() - kept) as u64, &format!("byte {at}"));
    }
}

#[test]
fn what_lies_behind_the_end_is_not_taken_for_records() {
    let dir = tempfile::tempdir().unwrap();
    let (path, bytes) = written(dir.path());
    // Zeros, as a file system may leave them; noise; and whole records of another place.
    for tail in [vec![0; 4096], vec![0xFF; 4096], bytes[20..].to_vec()] {
        let fresh = tempfile::tempdir().unwrap();
        fs::write(fresh.path().join(path.file_name().unwrap()), [&bytes[..], &tail].concat()).unwrap();
        opens_with(fresh.path(), 4, tail.len() as u64, "tail");
    }
}

#[test]
fn records_written_again_into_the_next_segment_count_once() {
    // 1. A sync of records 3 and 4 fails, though their bytes reach the file. 2. They are written again into a fresh
    // segment. 3. The node dies before the first segment is cut.
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, bytes) = written(one.path());
    let journal = Journal::open(config(other.path())).unwrap();
    for record in RECORDS.iter().take(2) {
        journal.handle().append(record).unwrap();
    }
    journal.stop();
    let journal = Journal::open(config(other.path())).unwrap();
    for record in RECORDS.iter().skip(2) {
        journal.handle().append(record).unwrap();
    }
    journal.stop();
    assert!(other.path().join(format!("{:020}.journal", 3)).exists());
    fs::write(other.path().join(path.file_name().unwrap()), &bytes).unwrap();
    opens_with(other.path(), 4, (bytes.len() - ends()[1]) as u64, "written twice");
}

#[test]
fn a_segment_that_was_only_being_begun_is_begun_again() {
    for head in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let (_, bytes) = written(dir.path());
        fs::write(dir.path().join(format!("{:020}.journal", 5)), &bytes[..head]).unwrap();
        opens_with(dir.path(), 4, head as u64, &format!("{head} bytes of header"));
    }
}
