//! The engine of the product, driving a machine that streams.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use anyhow::Result;
use shard::{Shard, ShardConfig, ShardHandle, SocketSpec, Stop, Tally};

use super::{Counts, System};
use crate::rtp_stream::{Ask, Report, RtpStream};

/// A shard with a few shared sockets.
pub struct Engine {
    shard: ShardHandle<Ask, Report>,
}

impl Engine {
    /// Starts it on `core` with `sockets` sockets.
    pub fn start(core: usize, sockets: usize) -> Result<Self> {
        let specs = vec![SocketSpec::media((Ipv4Addr::LOCALHOST, 0).into()); sockets];
        let config = ShardConfig::new(0, specs).pinned_to(core);
        Ok(Self { shard: Shard::start(config, move |_| RtpStream::new(sockets))? })
    }

    /// Everything that the shard counts.
    pub fn tally(&self) -> Tally {
        self.shard.counters().read()
    }
}

impl System for Engine {
    fn addresses(&self) -> Vec<SocketAddr> {
        self.shard.bound().sockets.iter().map(|socket| socket.local).collect()
    }

    fn begin(&mut self, far: &[SocketAddrV4]) -> Result<()> {
        let begin = Ask::Begin(far.to_vec());
        self.shard.mail().try_send(begin).map_err(|_| anyhow::anyhow!("the mail queue is empty"))
    }

    fn counts(&self) -> Counts {
        let tally = self.tally();
        Counts {
            sent: tally.packets_out,
            received: tally.packets_in,
            calls: tally.enters,
            work: Duration::ZERO,
        }
    }

    fn end(self: Box<Self>) -> Result<()> {
        self.shard.mail().try_send(Ask::Report).map_err(|_| anyhow::anyhow!("the mail queue is full"))?;
        let report = self.shard.events().recv_timeout(Duration::from_secs(5))?;
        self.shard.stop(Stop::Now);
        let tally = self.shard.join()?;
        let notable: Vec<String> = tally
            .entries()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name}={count}"))
            .collect();
        eprintln!("shard: {report:?} {}", notable.join(" "));
        Ok(())
    }
}
