//! A process that is killed with SIGKILL in the middle of its work: what it called durable is there, and its recordings
//! open and are as long as they were.

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use common::*;
use media::BlockPool;
use peal_disk::{Disk, Journal, JournalConfig, Repaired};

const CALLS: u8 = 20;

/// Runs the child until it has said enough, kills it, and gives the last line that it said.
fn kill_after(name: &str, folder: &Path, lines: usize) -> String {
    let mut child = in_role(name, "victim", folder, &[]);
    let output = BufReader::new(child.stdout.take().unwrap());
    let said = output.lines().map(Result::unwrap).filter(|line| line.starts_with("at ")).take(lines).last();
    child.kill().unwrap();
    child.wait().unwrap();
    said.expect("the child speaks").trim_start_matches("at ").to_owned()
}

#[test]
fn durable_records_are_there() {
    if let Some((_, folder)) = role() {
        let journal = Journal::open(JournalConfig::new(folder)).unwrap();
        let handle = journal.handle();
        for n in 1.. {
            handle.append(&[n as u8; 300]).unwrap();
            if n % 50 == 0 {
                println!("at {}", handle.durable());
                std::thread::yield_now();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let durable: u64 = kill_after("durable_records_are_there", folder.path(), 200).parse().unwrap();
    let journal = Journal::open(JournalConfig::new(folder.path())).unwrap();
    assert!(journal.recovered.next > durable, "{:?} {durable}", journal.recovered);
    for (expected, record) in (1..).zip(journal.handle().replay(1)) {
        assert_eq!(record.unwrap(), (expected, vec![expected as u8; 300]));
    }
    journal.stop();
}

#[test]
fn recordings_open_and_hold_every_block_that_was_written() {
    if let Some((_, folder)) = role() {
        let disk = Disk::start(config(&folder)).unwrap();
        let (handle, pool) = (disk.handle(), BlockPool::new(1000));
        let mut calls: Vec<_> = (0..CALLS).map(|n| (attempt(n), Call::new(&pool))).collect();
        for (n, (attempt, _)) in calls.iter().enumerate() {
            handle.open(*attempt, format!("2026/{n}")).unwrap();
        }
        for round in 1u64.. {
            for (attempt, call) in &mut calls {
                patiently(|| handle.block(*attempt, call.next_block()));
            }
            // 25,600 bytes a block of PCM, and the headers.
            until("the blocks are written", || handle.counters().bytes >= round * u64::from(CALLS) * 25_600);
            println!("at {round}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let name = "recordings_open_and_hold_every_block_that_was_written";
    let rounds: usize = kill_after(name, folder.path(), 5).parse().unwrap();

    let disk = Disk::start(config(folder.path())).unwrap();
    assert_eq!(disk.repaired.len(), usize::from(CALLS));
    for repaired in &disk.repaired {
        let Repaired::Kept { path, samples, .. } = repaired else { panic!("{repaired:?}") };
        assert!(!path.to_string_lossy().contains(".part"));
        let (left, right) = read_wav(path);
        assert_eq!((left.len() as u64, right.len() as u64), (*samples, *samples));
        assert!(left.len() >= rounds * 6400, "{} of {}", left.len(), rounds * 6400);
        assert!(left.iter().enumerate().all(|(at, &sample)| sample == level(at)));
    }
    disk.stop();
    let again = Disk::start(config(folder.path())).unwrap();
    assert_eq!(again.repaired, []);
    let reports = again.stop();
    assert!(reports.recv_timeout(Duration::ZERO).is_err());
}
