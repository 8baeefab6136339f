//! The calls of a shard as the machine that a shard drives.

use std::net::SocketAddr;
use std::time::Instant;

use call::{Calls, CallsConfig, MediaPort, Socket, TapQueue};
use media::BlockPool;
use shard::{Bound, Machine, SocketIndex, SocketRole, SocketSpec, Transmit};
use sip::EndpointConfig;

use crate::config::NodeConfig;

/// [`Calls`] behind the sockets of [`ShardPlan::sockets`]: signalling first, then RTP, then the RTCP beside each.
#[derive(Debug)]
pub(crate) struct ShardCalls {
    calls: Calls,
    /// The first of the RTCP sockets.
    first_rtcp: u16,
    /// The counters were told since the last call left. Calls tell them only while there are calls.
    is_told: bool,
}

impl Machine for ShardCalls {
    type Mail = call::Mail;
    type Event = call::Event;

    fn handle_datagram(&mut self, now: Instant, socket: SocketIndex, from: SocketAddr, bytes: &[u8]) {
        self.calls.handle_datagram(now, self.socket(socket), from, bytes);
    }

    fn anticipate(&self, socket: SocketIndex, from: SocketAddr) -> Option<u64> {
        self.calls.anticipate(self.socket(socket), from)
    }

    fn approach(&self, call: u64) {
        self.calls.approach(call);
    }

    fn handle_tick(&mut self, now: Instant) {
        self.calls.handle_tick(now);
    }

    fn handle_load(&mut self, share: f32) {
        self.calls.handle_load(share);
    }

    fn handle_mail(&mut self, now: Instant, mail: call::Mail) {
        self.calls.handle_mail(now, mail);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.calls.handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: Instant, slot: &mut [u8]) -> Option<Transmit> {
        let call::Transmit { socket, to, len } = self.calls.poll_transmit(now, slot)?;
        let socket = match socket {
            Socket::Signalling => SocketIndex(0),
            Socket::Media(media) => SocketIndex(media + 1),
            Socket::Rtcp(rtcp) => SocketIndex(rtcp + self.first_rtcp),
        };
        Some(Transmit { socket, to, len })
    }

    fn poll_event(&mut self) -> Option<call::Event> {
        if let Some(event) = self.calls.poll_event() {
            self.is_told = false;
            return Some(event);
        }
        let last = !self.is_told && self.calls.is_idle();
        self.is_told |= last;
        last.then(|| call::Event::Counters(Box::new(self.calls.counters())))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.calls.poll_timeout()
    }

    fn is_idle(&self) -> bool {
        self.calls.is_idle()
    }
}

impl ShardCalls {
    fn socket(&self, index: SocketIndex) -> Socket {
        match index.0 {
            0 => Socket::Signalling,
            media if media < self.first_rtcp => Socket::Media(media - 1),
            rtcp => Socket::Rtcp(rtcp - self.first_rtcp),
        }
    }
}

/// What one shard gets of the node's ports and limits.
#[derive(Clone, Debug)]
pub(crate) struct ShardPlan {
    pub(crate) index: u16,
    sip_port: u16,
    shared_ports: Vec<u16>,
    own_ports: Vec<u16>,
    config: NodeConfig,
}

impl ShardPlan {
    /// The plans of all shards of a checked configuration.
    pub(crate) fn all(config: &NodeConfig) -> Vec<Self> {
        let (shared, own) = config.rtp_ports.split(config.rtp_own_ports);
        let shards = usize::from(config.shards);
        let part = |ports: &[u16], index: usize| -> Vec<u16> {
            let each = ports.len() / shards;
            ports[index * each..(index + 1) * each].to_vec()
        };
        (0..config.shards)
            .map(|index| Self {
                index,
                sip_port: if config.sip_port == 0 { 0 } else { config.sip_port + index },
                shared_ports: part(&shared, usize::from(index)),
                own_ports: part(&own, usize::from(index)),
                config: config.clone(),
            })
            .collect()
    }

    /// The sockets to bind. RTCP has the odd port above each even one (RFC 3550 section 11), or any that is free where the
    /// kernel chooses.
    pub(crate) fn sockets(&self) -> Vec<SocketSpec> {
        let at = |port: u16| SocketAddr::new(self.config.address, port);
        let ports = || self.shared_ports.iter().chain(&self.own_ports).copied();
        let rtcp = ports().map(|port| if port == 0 { 0 } else { port + 1 });
        std::iter::once(SocketSpec::signalling(at(self.sip_port)))
            .chain(ports().map(|port| SocketSpec::media(at(port))))
            .chain(rtcp.map(|port| SocketSpec::rtcp(at(port))))
            .collect()
    }

    /// The machine, once the sockets are bound.
    pub(crate) fn build(
        &self,
        bound: &Bound,
        pool: BlockPool,
        tap: Option<TapQueue>,
        seeds: [u64; 2],
    ) -> ShardCalls {
        let signalling = bound.of_role(SocketRole::Signalling).next().expect("the first socket").local;
        let public = |local: SocketAddr| SocketAddr::new(self.config.public_address(), local.port());
        let rtp = bound.of_role(SocketRole::Media);
        let rtcp = bound.of_role(SocketRole::Rtcp);
        let pairs = rtp
            .zip(rtcp)
            .map(|(rtp, rtcp)| MediaPort { rtp: public(rtp.local), rtcp_port: rtcp.local.port() });
        let mut shared_media: Vec<_> = pairs.collect();
        let own_media = shared_media.split_off(self.shared_ports.len());
        let first_rtcp = 1 + (self.shared_ports.len() + self.own_ports.len()) as u16;
        let mut sip = EndpointConfig::new(signalling, self.index, seeds[0]);
        sip.user_agent = self.config.user_agent.clone();
        sip.advertised = self.config.advertised.map(|_| public(signalling).to_string());
        let config = CallsConfig {
            sip,
            shared_media,
            own_media,
            max_calls: self.config.max_calls as usize,
            send_silence: self.config.send_silence,
            media_timeout: std::time::Duration::from_secs(u64::from(self.config.media_timeout_s)),
            recording: pool,
            tap,
        };
        ShardCalls { calls: Calls::new(Instant::now(), config, seeds[1]), first_rtcp, is_told: false }
    }
}
