//! What a shard needs to know before it starts.

use std::net::SocketAddr;
use std::time::Duration;

use crate::error::StartError;

/// What travels over a socket. Decides the size of its receive buffers and its kernel queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketRole {
    /// SIP: large datagrams (RFC 3261 section 18.1.1 asks for any datagram size), few of them.
    Signalling,
    /// RTP, and RTCP that shares its port: small datagrams, many of them.
    Media,
    /// RTCP on a port of its own: one for some hundred of RTP. Its buffers are not shared with media, so that reports are
    /// read in time, and the round trips that both ends reckon from them stay true, when media has to wait.
    Rtcp,
}

impl SocketRole {
    /// In the order of their numbers.
    pub(crate) const ALL: [SocketRole; 3] = [Self::Signalling, Self::Media, Self::Rtcp];
}

/// One socket that the shard binds at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketSpec {
    /// Local address. Port 0 lets the kernel choose; [`Bound`](crate::Bound) tells what it chose.
    pub local: SocketAddr,
    /// What travels over it.
    pub role: SocketRole,
}

impl SocketSpec {
    /// A SIP socket on `local`.
    pub fn signalling(local: SocketAddr) -> Self {
        Self { local, role: SocketRole::Signalling }
    }

    /// An RTP socket on `local`.
    pub fn media(local: SocketAddr) -> Self {
        Self { local, role: SocketRole::Media }
    }

    /// An RTCP socket on `local`.
    pub fn rtcp(local: SocketAddr) -> Self {
        Self { local, role: SocketRole::Rtcp }
    }
}

/// Everything a shard is started with. [`ShardConfig::new`] fills in the defaults.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// Shard number, used in the thread's name and in logs.
    pub index: u16,
    /// Core to pin the thread to. `None` lets the scheduler choose, which costs migrations.
    pub core: Option<usize>,
    /// Sockets to bind, in the order of their [`SocketIndex`](crate::SocketIndex). At most 65,535.
    pub sockets: Vec<SocketSpec>,
    /// Sizes of queues and buffers.
    pub sizes: Sizes,
    /// How much one turn may do, and how it waits.
    pub turn: TurnLimits,
}

impl ShardConfig {
    /// A shard with default sizes and limits, not pinned.
    pub fn new(index: u16, sockets: Vec<SocketSpec>) -> Self {
        Self { index, core: None, sockets, sizes: Sizes::default(), turn: TurnLimits::default() }
    }

    /// Pins the shard's thread to `core`.
    pub fn pinned_to(mut self, core: usize) -> Self {
        self.core = Some(core);
        self
    }

    pub(crate) fn check(&self) -> Result<(), StartError> {
        let refuse = |what: &'static str| Err(StartError::Config { what });
        if self.sockets.is_empty() {
            return refuse("a shard needs at least one socket");
        }
        if self.sockets.len() > usize::from(u16::MAX) {
            return refuse("a shard has at most 65,535 sockets");
        }
        for buffers in SocketRole::ALL.map(|role| self.sizes.buffers(role)) {
            if !buffers.count.is_power_of_two() || buffers.count > 32_768 {
                return refuse("the number of receive buffers must be a power of two up to 32,768");
            }
            if buffers.bytes == 0 || buffers.bytes > 65_535 {
                return refuse("a receive buffer holds 1 to 65,535 bytes");
            }
        }
        if !self.sizes.submissions.is_power_of_two() || !(2..=32_768).contains(&self.sizes.submissions) {
            return refuse("the submission queue must be a power of two from 2 to 32,768");
        }
        if self.sizes.mail == 0 || self.sizes.events == 0 {
            return refuse("the mail and event queues hold at least 1");
        }
        let turn = &self.turn;
        if [turn.completions, turn.mail, turn.timeouts, turn.transmits].contains(&0) {
            return refuse("each bite of a turn is at least 1");
        }
        Ok(())
    }
}

/// A group of receive buffers shared by all sockets of one role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferSizes {
    /// How many at most; a power of two up to 32,768. The kernel gets 256 at the start, and twice as many after each turn in
    /// which they ran out; it keeps them. What arrives beyond them waits in the socket's kernel queue until some are read.
    pub count: u16,
    /// Largest datagram taken, in bytes. A longer one is dropped and counted as truncated.
    pub bytes: usize,
}

/// Sizes of the queues and buffers of a shard. All memory is taken at start.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// Entries of the submission queue: datagrams that leave with one system call. A power of two up to 32,768.
    /// Default 2,048: a 4 ms tick of 6,000 calls sends 1,200 packets, and 10,000 calls still fit. A full queue costs one
    /// more system call.
    pub submissions: u32,
    /// Receive buffers for signalling. Default 256 of 65,535 bytes (RFC 3261 section 18.1.1); pages that no datagram
    /// reached are never touched.
    pub signalling_buffers: BufferSizes,
    /// Receive buffers for media. Default 2,048 of 1,500 bytes: 6 ms of 6,000 calls.
    pub media_buffers: BufferSizes,
    /// Receive buffers for RTCP on ports of its own. Default 256 of 1,500 bytes: 0.2 s of 6,000 calls.
    pub rtcp_buffers: BufferSizes,
    /// Kernel queue of a signalling socket in each direction, bytes. Default 1 MiB.
    pub signalling_socket_bytes: usize,
    /// Kernel queue of a media socket in each direction, bytes. Default 4 MiB, which holds about 10,000 G.711 packets: the
    /// kernel charges 832 bytes for each and doubles what is asked for.
    pub media_socket_bytes: usize,
    /// Kernel queue of an RTCP socket in each direction, bytes. Default 256 KiB, which holds some 600 reports.
    pub rtcp_socket_bytes: usize,
    /// Messages from the node that may wait. Default 4,096.
    pub mail: usize,
    /// Events to the node that may wait. Default 16,384.
    pub events: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            submissions: 2_048,
            signalling_buffers: BufferSizes { count: 256, bytes: 65_535 },
            media_buffers: BufferSizes { count: 2_048, bytes: 1_500 },
            rtcp_buffers: BufferSizes { count: 256, bytes: 1_500 },
            signalling_socket_bytes: 1 << 20,
            media_socket_bytes: 4 << 20,
            rtcp_socket_bytes: 256 << 10,
            mail: 4_096,
            events: 16_384,
        }
    }
}

impl Sizes {
    /// The receive buffers of sockets of a role.
    pub(crate) fn buffers(&self, role: SocketRole) -> BufferSizes {
        match role {
            SocketRole::Signalling => self.signalling_buffers,
            SocketRole::Media => self.media_buffers,
            SocketRole::Rtcp => self.rtcp_buffers,
        }
    }
}

/// How much one turn may do, and how it waits. What a bite leaves is done in the next turn, which then does not wait.
#[derive(Clone, Debug)]
pub struct TurnLimits {
    /// Completions reaped; up to four times as many after as many were sent. Default 2,048: 8 ms of 5,000 calls.
    pub completions: usize,
    /// Mails read. Default 64: each may start a call.
    pub mail: usize,
    /// Calls of `handle_timeout`. Default 64.
    pub timeouts: usize,
    /// Datagrams drained. Default 4,096.
    pub transmits: usize,
    /// Shortest time between two turns that nobody's deadline ends. Arrivals of that time are taken together, for one
    /// wake-up. Default 2 ms: wake-ups are dear, but what gathers has to be received before the next tick can leave. Adds
    /// up to itself to the answer time of SIP. Zero answers at once.
    pub gather: Duration,
    /// A turn that took longer is counted, with the step that took most of it. Default 5 ms.
    pub long: Duration,
}

impl Default for TurnLimits {
    fn default() -> Self {
        Self {
            completions: 2_048,
            mail: 64,
            timeouts: 64,
            transmits: 4_096,
            gather: Duration::from_millis(2),
            long: Duration::from_millis(5),
        }
    }
}
