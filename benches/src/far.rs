//! The far end: a process of its own on another core, so that what it costs is not counted and what it shares with the system
//! under test is the kernel only. To the kernel it looks as the carrier of density measurements does: it is the carrier's audio.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, SocketAddrV4};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use loadtest::MediaMode;
use loadtest::streams::{Streams, StreamsReport};

/// Body of the far end's process: writes its addresses as one line, reads the system's addresses as one line, streams until its
/// input ends, and reports.
pub fn run(calls: usize, frames: u32, media: MediaMode, core: usize) -> Result<()> {
    let streams = Streams::open(calls as u32, frames, media)?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", words(streams.addresses()))?;
    out.flush()?;

    let mut input = BufReader::new(std::io::stdin());
    let mut line = String::new();
    input.read_line(&mut line)?;
    let system: Vec<SocketAddrV4> = parse(&line)?;
    ensure!(!system.is_empty(), "the system ended early");
    let to: Vec<SocketAddrV4> = system.iter().copied().cycle().take(calls).collect();

    let stop = Arc::new(AtomicBool::new(false));
    std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            // Whatever comes, and however it ends: the system is done.
            let _ = input.read_to_end(&mut Vec::new());
            stop.store(true, Ordering::Relaxed);
        }
    });
    let report = streams.run(&to, core, |_| !stop.load(Ordering::Relaxed))?;
    let StreamsReport { sent, received, lost, silent, stray, dropped } = report;
    writeln!(out, "{sent} {received} {lost} {silent} {stray} {dropped}")?;
    Ok(())
}

/// The far end as its parent sees it.
pub struct FarEnd {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// One address for each call.
    pub addresses: Vec<SocketAddrV4>,
}

impl FarEnd {
    /// Starts this program again as the far end (its `far` subcommand).
    pub fn start(calls: usize, frames: u32, media: &str, core: usize) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["far", "--calls", &calls.to_string(), "--frames", &frames.to_string()])
            .args(["--media", media, "--core", &core.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take().expect("it is piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let addresses: Vec<SocketAddrV4> = parse(&line)?;
        ensure!(addresses.len() == calls, "the far end did not start; its message is above");
        Ok(Self { child, stdin, stdout, addresses })
    }

    /// Lets it stream to the system: call `i` to address `i` modulo their number.
    pub fn begin(&mut self, system: &[SocketAddr]) -> Result<()> {
        writeln!(self.stdin, "{}", words(system.iter())).context("the far end is gone")
    }

    /// Ends it and says how it went there.
    pub fn end(mut self) -> Result<StreamsReport> {
        drop(self.stdin);
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        self.child.wait()?;
        let numbers: Vec<u64> = parse(&line)?;
        let [sent, received, lost, silent, stray, dropped] = numbers[..] else {
            anyhow::bail!("the far end did not report; its message is above");
        };
        Ok(StreamsReport { sent, received, lost, silent, stray, dropped })
    }
}

fn words(values: impl IntoIterator<Item = impl ToString>) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(" ")
}

fn parse<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(line: &str) -> Result<Vec<T>> {
    line.split_whitespace().map(|word| Ok(word.parse()?)).collect()
}
