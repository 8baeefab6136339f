//! Opening the shard's UDP sockets.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::{ShardConfig, SocketRole, SocketSpec};
use crate::error::StartError;
use crate::machine::SocketIndex;

/// The sockets as the kernel gave them, handed to the builder of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Shard number.
    pub shard: u16,
    /// One for each [`SocketSpec`], in the same order.
    pub sockets: Vec<BoundSocket>,
}

impl Bound {
    /// Sockets of one role, in order.
    pub fn of_role(&self, role: SocketRole) -> impl Iterator<Item = &BoundSocket> {
        self.sockets.iter().filter(move |socket| socket.role == role)
    }

    /// Sockets whose kernel queues are smaller than asked for.
    pub fn clamped(&self) -> impl Iterator<Item = &BoundSocket> {
        self.sockets.iter().filter(|socket| socket.clamped.is_some())
    }
}

/// One bound socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundSocket {
    /// Its name between shard and machine.
    pub index: SocketIndex,
    /// What travels over it.
    pub role: SocketRole,
    /// Its address; the port is never 0.
    pub local: SocketAddr,
    /// Set when the kernel gave smaller queues than asked for.
    pub clamped: Option<Clamped>,
}

/// Kernel queues that came out smaller than asked for; the sysctls `net.core.rmem_max` and `net.core.wmem_max` set the
/// bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clamped {
    /// Bytes asked for, in each direction.
    pub asked: usize,
    /// Bytes of the receive queue.
    pub receive: usize,
    /// Bytes of the send queue.
    pub send: usize,
}

/// Opens all sockets of `config`.
pub(crate) fn open_all(config: &ShardConfig) -> Result<(Vec<Socket>, Bound), StartError> {
    let mut sockets = Vec::with_capacity(config.sockets.len());
    let mut bound = Bound { shard: config.index, sockets: Vec::with_capacity(config.sockets.len()) };
    for (index, spec) in config.sockets.iter().enumerate() {
        let queue_bytes = match spec.role {
            SocketRole::Signalling => config.sizes.signalling_socket_bytes,
            SocketRole::Media => config.sizes.media_socket_bytes,
            SocketRole::Rtcp => config.sizes.rtcp_socket_bytes,
        };
        let failed = |action, error| StartError::socket(action, spec.local, config.sockets.len(), error);
        let socket = open(spec, &failed)?;
        let clamped = size_queues(&socket, queue_bytes).map_err(|error| failed("size", error))?;
        let local = socket
            .local_addr()
            .map_err(|error| failed("read the address of", error))?
            .as_socket()
            .expect("a UDP socket has an IP address");
        let index = SocketIndex(u16::try_from(index).expect("checked by ShardConfig::check"));
        bound.sockets.push(BoundSocket { index, role: spec.role, local, clamped });
        sockets.push(socket);
    }
    Ok((sockets, bound))
}

fn open(
    spec: &SocketSpec,
    failed: &dyn Fn(&'static str, std::io::Error) -> StartError,
) -> Result<Socket, StartError> {
    let domain = match spec.local.ip() {
        IpAddr::V4(_) => Domain::IPV4,
        IpAddr::V6(_) => Domain::IPV6,
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP)).map_err(|e| failed("open", e))?;
    if domain == Domain::IPV6 {
        // Each family has its own sockets, so that a source address never arrives as a mapped one.
        socket.set_only_v6(true).map_err(|e| failed("set up", e))?;
    }
    if domain == Domain::IPV4 && spec.role != SocketRole::Signalling {
        forbid_fragments(&socket).map_err(|e| failed("set up", e))?;
    }
    // Without SO_REUSEADDR and SO_REUSEPORT: a port that somebody has is an error, never half of the traffic.
    socket.bind(&spec.local.into()).map_err(|e| failed("bind", e))?;
    Ok(socket)
}

/// Sets "don't fragment". RTP packets are far below any path's limit, and the kernel then needs no identification for
/// each, for which it would look into a table shared by all cores.
fn forbid_fragments(socket: &Socket) -> std::io::Result<()> {
    let value = libc::IP_PMTUDISC_DO;
    // SAFETY: the option takes an int, whose address and size are given; the kernel reads it during the call only.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            std::ptr::from_ref(&value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Asks for queues of `bytes` and says if the kernel gave less.
fn size_queues(socket: &Socket, bytes: usize) -> std::io::Result<Option<Clamped>> {
    socket.set_recv_buffer_size(bytes)?;
    socket.set_send_buffer_size(bytes)?;
    // Linux doubles what is asked for, to cover its own overhead, and tells the doubled value (socket(7)).
    let (receive, send) = (socket.recv_buffer_size()? / 2, socket.send_buffer_size()? / 2);
    Ok((receive < bytes || send < bytes).then_some(Clamped { asked: bytes, receive, send }))
}
