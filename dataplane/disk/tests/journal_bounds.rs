//! The journal's size: acknowledged segments leave, a full one refuses, a hole is never passed over.

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::until;
use peal_disk::{AppendError, Journal, JournalConfig, JournalError};

const PATIENCE: Duration = Duration::from_secs(60);

fn small(dir: &Path) -> JournalConfig {
    JournalConfig { segment_bytes: 1000, max_bytes: 4000, gather: Duration::ZERO, ..JournalConfig::new(dir) }
}

fn segments(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".journal")).collect();
    names.sort();
    names
}

/// Appends until the journal is full, each record in a sync of its own.
fn fill(journal: &Journal) -> u64 {
    loop {
        match journal.handle().append(&[7; 92]) {
            Ok(number) => assert!(journal.handle().wait_durable(number, PATIENCE)),
            Err(error) => {
                assert_eq!(error, AppendError::Full);
                return journal.handle().usage().next - 1;
            }
        }
    }
}

#[test]
fn a_full_journal_refuses_until_it_is_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(small(dir.path())).unwrap();
    let handle = journal.handle();
    let last = fill(&journal);
    let usage = handle.usage();
    assert!(usage.bytes <= 4000 && usage.bytes + 100 > 4000, "{usage:?}");
    assert!(segments(dir.path()).len() >= 4);

    handle.acknowledge(last / 2);
    until("the acknowledged half leaves", || handle.usage().first > 1);
    let first = handle.usage().first;
    assert!(first <= last / 2 + 1, "nothing leaves that was not acknowledged");
    let number = handle.append(b"again").unwrap();
    assert_eq!(number, last + 1);
    assert!(handle.wait_durable(number, PATIENCE));
    let found: Vec<_> = handle.replay(0).map(|record| record.unwrap().0).collect();
    assert_eq!(found, (first..=number).collect::<Vec<_>>());

    handle.acknowledge(u64::MAX);
    until("all but the last segment leaves", || segments(dir.path()).len() == 1);
    journal.stop();
    // The numbering goes on although everything was acknowledged.
    let journal = Journal::open(small(dir.path())).unwrap();
    assert_eq!(journal.recovered.next, number + 1);
    journal.stop();
}

#[test]
fn replay_begins_where_it_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(small(dir.path())).unwrap();
    let last = fill(&journal);
    for from in 0..=last + 2 {
        let found: Vec<_> = journal.handle().replay(from).map(|record| record.unwrap().0).collect();
        assert_eq!(found, (from.max(1)..=last).collect::<Vec<_>>(), "{from}");
    }
    journal.stop();
}

#[test]
fn a_hole_in_the_middle_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(small(dir.path())).unwrap();
    fill(&journal);
    journal.stop();
    let second = dir.path().join(&segments(dir.path())[1]);
    let bytes = fs::read(&second).unwrap();

    fs::remove_file(&second).unwrap();
    assert!(matches!(Journal::open(small(dir.path())), Err(JournalError::Hole { expected: 11, .. })));
    for cut in [5, 20, bytes.len() - 1] {
        fs::write(&second, &bytes[..cut]).unwrap();
        assert!(matches!(Journal::open(small(dir.path())), Err(JournalError::Hole { .. })), "{cut}");
    }
    fs::write(&second, &bytes).unwrap();
    Journal::open(small(dir.path())).unwrap().stop();
}

#[test]
fn one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(small(dir.path())).unwrap();
    assert!(matches!(Journal::open(small(dir.path())), Err(JournalError::InUse(_))));
    journal.stop();
    Journal::open(small(dir.path())).unwrap().stop();
}

#[test]
fn records_and_configurations_beyond_the_limits_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Journal::open(JournalConfig { segment_bytes: 1001, ..small(dir.path()) }).is_err());
    assert!(Journal::open(JournalConfig { gather: Duration::from_millis(11), ..small(dir.path()) }).is_err());
    let journal = Journal::open(JournalConfig::new(dir.path())).unwrap();
    let handle = journal.handle();
    assert_eq!(handle.append(&vec![0; (1 << 20) + 1]), Err(AppendError::TooLong((1 << 20) + 1)));
    assert_eq!(handle.append(&vec![1; 1 << 20]), Ok(1));
    journal.stop();
    assert_eq!(handle.append(b"late"), Err(AppendError::Closed));
    assert_eq!(handle.durable(), 1, "what was appended before the stop is durable");
    assert!(!handle.wait_durable(2, PATIENCE));
}

#[test]
fn one_sync_serves_many_records_of_many_threads() {
    let dir = tempfile::tempdir().unwrap();
    let config = JournalConfig::new(dir.path());
    let gather = config.gather;
    let journal = Journal::open(config).unwrap();
    let handle = journal.handle();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            let handle = journal.handle();
            scope.spawn(move || {
                for n in 0..2500u16 {
                    let record = [&[thread][..], &n.to_le_bytes()].concat();
                    handle.append(&record).unwrap();
                }
            });
        }
    });
    assert!(handle.wait_durable(10_000, PATIENCE));
    // No sync begins before its batch has gathered.
    let most = start.elapsed().as_micros() / gather.as_micros() + 1;
    assert!(u128::from(handle.usage().syncs) <= most, "{:?} in {:?}", handle.usage(), start.elapsed());
    let mut next = [0u16; 4];
    for (expected, record) in (1..).zip(handle.replay(1)) {
        let (number, bytes) = record.unwrap();
        assert_eq!(number, expected);
        let thread = usize::from(bytes[0]);
        assert_eq!(u16::from_le_bytes([bytes[1], bytes[2]]), next[thread], "each thread's order is kept");
        next[thread] += 1;
    }
    assert_eq!(next, [2500; 4]);
    journal.stop();
}
