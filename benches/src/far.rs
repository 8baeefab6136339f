//! The far end: a process of its own on another core, usually with a socket for each call, so that what it costs is not counted
//! and what it shares with the system under test is the kernel only.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use shard::{BufferSizes, Shard, ShardConfig, SocketSpec, Stop};

use crate::rtp_stream::{Ask, Demux, Report, RtpStream};

/// Body of the far end's process. Binds `sockets` sockets, writes their ports as one line, and for each line it reads
/// takes a step: begin to stream `calls` calls to `system`; report and end.
pub fn run(calls: usize, sockets: usize, core: usize, system: &[SocketAddr]) -> Result<()> {
    let specs = vec![SocketSpec::media((Ipv4Addr::LOCALHOST, 0).into()); sockets];
    let mut config = ShardConfig::new(99, specs).pinned_to(core);
    config.sizes.media_socket_bytes = 4 << 20;
    config.sizes.media_buffers = BufferSizes { count: 8_192, bytes: 256 };
    config.turn.completions = 8_192;
    let shard = Shard::start(config, move |_| RtpStream::new(Demux::Socket, sockets))?;
    let ports: Vec<String> =
        shard.bound().sockets.iter().map(|socket| socket.local.port().to_string()).collect();
    println!("{}", ports.join(" "));

    let mut lines = std::io::stdin().lines();
    lines.next().context("the system ended early")??;
    let targets = system.iter().copied().cycle().take(calls).collect();
    shard.mail().try_send(Ask::Begin(targets)).map_err(|_| anyhow::anyhow!("the mail queue is empty"))?;
    lines.next().context("the system ended early")??;
    shard.mail().try_send(Ask::Report).map_err(|_| anyhow::anyhow!("the mail queue is empty"))?;
    let report = shard.events().recv_timeout(Duration::from_secs(5))?;
    println!("{} {} {} {} {}", report.sent, report.received, report.lost, report.silent, report.stray);
    shard.stop(Stop::Now);
    shard.join()?;
    Ok(())
}

/// The far end as its parent sees it.
pub struct FarEnd {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// One address for each call.
    pub addresses: Vec<SocketAddr>,
}

impl FarEnd {
    /// Starts this program again as the far end (its `far` subcommand).
    pub fn start(calls: usize, sockets: usize, core: usize, system: &[SocketAddr]) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["far", "--calls", &calls.to_string(), "--sockets", &sockets.to_string()])
            .args(["--core", &core.to_string()])
            .args(system.iter().map(SocketAddr::to_string))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take().expect("it is piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let ports = line
            .split_whitespace()
            .map(|port| Ok((Ipv4Addr::LOCALHOST, port.parse()?).into()))
            .collect::<Result<Vec<SocketAddr>>>()?;
        ensure!(ports.len() == sockets, "the far end did not start; its message is above");
        let addresses = ports.into_iter().cycle().take(calls).collect();
        Ok(Self { child, stdin, stdout, addresses })
    }

    /// Lets it stream.
    pub fn begin(&mut self) -> Result<()> {
        writeln!(self.stdin, "begin").context("the far end is gone")
    }

    /// Ends it and says how it went there.
    pub fn end(mut self) -> Result<Report> {
        writeln!(self.stdin, "report").context("the far end is gone")?;
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        self.child.wait()?;
        let numbers = line.split_whitespace().map(str::parse).collect::<Result<Vec<u64>, _>>()?;
        let [sent, received, lost, silent, stray] = numbers[..] else {
            anyhow::bail!("the far end did not report; its message is above");
        };
        Ok(Report { sent, received, lost, silent, stray })
    }
}
