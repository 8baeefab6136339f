//! How the calls of a shard are set up.

use std::{net::SocketAddr, time::Duration};

use media::BlockPool;

use crate::TapQueue;

/// An RTP socket and the RTCP socket beside it, as they stand in SDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaPort {
    /// Address of the RTP socket.
    pub rtp: SocketAddr,
    /// Port of the RTCP socket, usually the next one (RFC 3550 section 11). For far ends that do not want RTCP on the RTP
    /// port.
    pub rtcp_port: u16,
}

/// What the calls of one shard need to know before the first order.
#[derive(Debug)]
pub struct CallsConfig {
    /// The SIP side: signalling address, user agent, shard number, seed, limits.
    pub sip: sip::EndpointConfig,
    /// The sockets that calls share; their position is the socket's number. At most as many calls can ring at once on
    /// lines that share ports.
    pub shared_media: Vec<MediaPort>,
    /// The sockets for calls that have one each. Their numbers follow those of `shared_media`.
    pub own_media: Vec<MediaPort>,
    /// The most calls at once, from order to release. More are refused with `shed`.
    pub max_calls: usize,
    /// Whether silence is sent as packets when nothing plays.
    pub send_silence: bool,
    /// An answered call from which nothing was heard for so long, though it was heard before, is hung up.
    /// Zero never does.
    pub media_timeout: Duration,
    /// Buffers for recordings, shared by all shards of the node.
    pub recording: BlockPool,
    /// Where the audio of tapped calls goes. Without it no call is tapped, whatever its order says.
    pub tap: Option<TapQueue>,
}
