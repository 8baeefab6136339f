//! Blocks of recordings, and processes that are killed or whose disk is full.

#![allow(dead_code, reason = "each test file uses its own part of this")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::AttemptId;
use media::recorder::Recorder;
use media::{Block, BlockPool, Codec, Prompt};
use peal_disk::{Disk, DiskConfig, DiskHandle, Report};

pub fn attempt(n: u8) -> AttemptId {
    AttemptId::new(1_700_000_000_000, &[n; 10])
}

pub fn config(folder: &Path) -> DiskConfig {
    DiskConfig { reserve_bytes: 0, ..DiskConfig::new(folder) }
}

/// A call of which every frame sent has the level of `levels`, recorded tick by tick.
pub struct Call {
    recorder: Option<Recorder>,
    prompt: Arc<Prompt>,
    start: Instant,
    ticks: u32,
}

impl Call {
    pub fn new(pool: &BlockPool) -> Call {
        let start = Instant::now();
        let levels: Vec<i16> = (0..100 * 160).map(|at| at / 160 * 100).collect();
        let prompt = Prompt::from_pcm(&levels, 8000).unwrap();
        Call { recorder: Some(Recorder::start(start, Codec::Pcma, pool).unwrap()), prompt, start, ticks: 0 }
    }

    /// Goes on until the next block is full.
    pub fn next_block(&mut self) -> Block {
        let recorder = self.recorder.as_mut().expect("the call is up");
        loop {
            let now = self.start + Duration::from_millis(20) * self.ticks;
            recorder.sent(now, Some((&self.prompt, self.ticks as usize % 100)));
            self.ticks += 1;
            if let Some(block) = recorder.take_block() {
                return block;
            }
        }
    }

    /// What the last, unfinished block holds.
    pub fn finish(&mut self) -> Block {
        let [_, last] = self.recorder.take().expect("the call is up").finish();
        last.expect("ticks passed since the last block")
    }
}

/// Left and right sides of a file, read by a library that is not ours.
pub fn read_wav(path: &Path) -> (Vec<i16>, Vec<i16>) {
    let mut reader =
        hound::WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let spec = reader.spec();
    assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (2, 8000, 16));
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    (samples.iter().copied().step_by(2).collect(), samples.iter().copied().skip(1).step_by(2).collect())
}

/// What the left side of a [`Call`] holds at sample `at`.
pub fn level(at: usize) -> i16 {
    Codec::Pcma.decode(Codec::Pcma.encode((at / 160 % 100) as i16 * 100))
}

/// Hands over, and waits while the queue is full.
pub fn patiently(mut offer: impl FnMut() -> Result<(), peal_disk::DiskBusy>) {
    while offer().is_err() {
        std::thread::yield_now();
    }
}

pub fn report(disk: &Disk) -> Report {
    disk.reports.recv_timeout(Duration::from_secs(60)).expect("the recording is reported")
}

pub fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "{what} never came true");
        std::thread::yield_now();
    }
}

/// Records `blocks` full blocks of a new call.
pub fn record(handle: &DiskHandle, attempt: AttemptId, stem: &str, pool: &BlockPool, blocks: usize) {
    patiently(|| handle.open(attempt, stem));
    let mut call = Call::new(pool);
    for _ in 0..blocks {
        handle.block(attempt, call.next_block()).unwrap();
    }
    patiently(|| handle.close(attempt));
}

/// Runs the test `name` of this binary again, in a process of its own, in the role that the variable `ROLE` tells.
pub fn in_role(name: &str, role: &str, folder: &Path, wrapper: &[&str]) -> Child {
    let me = std::env::current_exe().unwrap();
    let mut command = match wrapper {
        [] => Command::new(&me),
        [program, rest @ ..] => {
            let mut command = Command::new(program);
            command.args(rest).arg(&me);
            command
        }
    };
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
    command.env("ROLE", role).env("FOLDER", folder).stdout(Stdio::piped()).spawn().unwrap()
}

pub fn role() -> Option<(String, PathBuf)> {
    Some((std::env::var("ROLE").ok()?, std::env::var_os("FOLDER")?.into()))
}
