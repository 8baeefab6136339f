//! Far addresses: the RTP and RTCP sockets, and which call has which address.
//!
//! Owns the sockets. Sockets are read every few milliseconds, not at every packet: the kernel's timestamps tell when each came.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::config::{MediaMode, RtcpMode};
use crate::net::{Datagram, Outgoing, Poll, Reach, Udp, send};
use crate::rtp::Packet;

/// Sockets that serve all calls in [`MediaMode::Addresses`]: each has a receive queue of its own.
const ADDRESS_SOCKETS: u32 = 8;
/// Far addresses in [`MediaMode::Addresses`]; used in turn, so that one rests long before it comes again.
const PLACES: u32 = 65_536;
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 64, 0, 1);

/// Which call is at which far address. Calls are named by their slot.
pub(crate) struct Places {
    mode: MediaMode,
    /// RTP, at even ports.
    rtp: Vec<Udp>,
    /// RTCP, at the port after that of the same index; none without RTCP.
    rtcp: Vec<Udp>,
    /// All sockets, to ask which have something. RTCP sockets are named after the RTP sockets.
    pub(crate) poll: Poll,
    taken: Vec<Option<u32>>,
    free: VecDeque<u32>,
    /// [`MediaMode::Shared`] only: calls by the caller's RTP and RTCP addresses.
    by_remote: HashMap<SocketAddrV4, u32>,
}

/// A socket of [`Places`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ear {
    /// The RTP socket of this index.
    Rtp(usize),
    /// The RTCP socket of this index.
    Rtcp(usize),
}

impl Places {
    pub(crate) fn open(mode: MediaMode, rtcp: RtcpMode, ip: Ipv4Addr) -> io::Result<Self> {
        let (sockets, places, address, reach) = match mode {
            MediaMode::Addresses => (ADDRESS_SOCKETS, PLACES, Ipv4Addr::UNSPECIFIED, Reach::AllLoopback),
            MediaMode::Ports(ports) => (u32::from(ports), u32::from(ports), ip, Reach::Address),
            MediaMode::Shared => (1, PLACES, ip, Reach::Address),
        };
        let pairs = (0..sockets).map(|_| Udp::bind_pair(address, reach));
        let (rtp, mut control): (Vec<Udp>, Vec<Udp>) = pairs.collect::<io::Result<_>>()?;
        if rtcp == RtcpMode::Off {
            // What is sent there is refused by the kernel, as at any peer that has no RTCP.
            control.clear();
        }
        let poll = Poll::new()?;
        for (name, socket) in rtp.iter().chain(&control).enumerate() {
            poll.add(socket.fd(), name as u64)?;
        }
        Ok(Self {
            mode,
            rtp,
            rtcp: control,
            poll,
            taken: vec![None; places as usize],
            free: (0..places).collect(),
            by_remote: HashMap::new(),
        })
    }

    /// RTP sockets.
    pub(crate) fn sockets(&self) -> usize {
        self.rtp.len()
    }

    /// The socket that the poll set calls so.
    pub(crate) fn ear(&self, name: u64) -> Ear {
        let name = name as usize;
        name.checked_sub(self.rtp.len()).map_or(Ear::Rtp(name), Ear::Rtcp)
    }

    pub(crate) fn socket(&self, ear: Ear) -> &Udp {
        match ear {
            Ear::Rtp(index) => &self.rtp[index],
            Ear::Rtcp(index) => &self.rtcp[index],
        }
    }

    /// RTP datagrams that the kernel dropped because we did not read in time.
    pub(crate) fn drops(&self) -> u64 {
        self.rtp.iter().map(|socket| u64::from(socket.drops())).sum()
    }

    /// A far address for a call; the one that has rested longest. `None`: all are taken.
    pub(crate) fn take(&mut self, call: u32) -> Option<u32> {
        let place = self.free.pop_front()?;
        self.taken[place as usize] = Some(call);
        Some(place)
    }

    /// Tells where the caller's audio, or its RTCP, will come from.
    pub(crate) fn expect(&mut self, place: u32, remote: SocketAddrV4) {
        if self.mode == MediaMode::Shared {
            self.by_remote.insert(remote, place);
        }
    }

    /// The address is free; what [`Places::expect`] was told of it is named again.
    pub(crate) fn release(&mut self, place: u32, remotes: impl IntoIterator<Item = SocketAddrV4>) {
        self.taken[place as usize] = None;
        self.free.push_back(place);
        for remote in remotes {
            if self.by_remote.get(&remote) == Some(&place) {
                self.by_remote.remove(&remote);
            }
        }
    }

    fn socket_of(&self, place: u32) -> usize {
        match self.mode {
            MediaMode::Addresses => (place % ADDRESS_SOCKETS) as usize,
            MediaMode::Ports(_) => place as usize,
            MediaMode::Shared => 0,
        }
    }

    /// The far address itself.
    pub(crate) fn address(&self, place: u32) -> SocketAddrV4 {
        let local = self.rtp[self.socket_of(place)].local;
        match self.mode {
            MediaMode::Addresses => SocketAddrV4::new(ip_of(place), local.port()),
            MediaMode::Ports(_) | MediaMode::Shared => local,
        }
    }

    /// The call that a datagram at a socket is for.
    pub(crate) fn call_for(&self, ear: Ear, datagram: &Datagram<'_>) -> Option<u32> {
        let (Ear::Rtp(socket) | Ear::Rtcp(socket)) = ear;
        let place = match self.mode {
            MediaMode::Addresses => {
                let row = u32::from(datagram.to?).checked_sub(u32::from(FIRST_ADDRESS))?;
                row.checked_mul(ADDRESS_SOCKETS)?.checked_add(socket as u32)?
            }
            MediaMode::Ports(_) => socket as u32,
            MediaMode::Shared => *self.by_remote.get(&datagram.from)?,
        };
        *self.taken.get(place as usize)?
    }
}

impl Places {
    /// Sends one datagram from a call's far address: from its RTP socket, or from its RTCP socket where it has one.
    pub(crate) fn send_one(&self, place: u32, is_control: bool, bytes: &[u8], to: SocketAddrV4) {
        let index = self.socket_of(place);
        let socket = self.rtcp.get(index).filter(|_| is_control).unwrap_or(&self.rtp[index]);
        send(socket.fd(), [Outgoing { head: bytes, tail: &[], to, from: self.source(place) }]);
    }

    fn source(&self, place: u32) -> Option<Ipv4Addr> {
        (self.mode == MediaMode::Addresses).then(|| ip_of(place))
    }
}

fn ip_of(place: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(FIRST_ADDRESS) + place / ADDRESS_SOCKETS)
}

/// RTP to be sent, by socket.
pub(crate) struct Outgoings {
    by_socket: Vec<Vec<(Packet, SocketAddrV4, Option<Ipv4Addr>)>>,
    /// Sockets with something to send.
    filled: Vec<usize>,
}

impl Outgoings {
    pub(crate) fn new(sockets: usize) -> Self {
        Self { by_socket: vec![Vec::new(); sockets], filled: Vec::new() }
    }

    pub(crate) fn push(&mut self, places: &Places, place: u32, packet: Packet, to: SocketAddrV4) {
        let socket = places.socket_of(place);
        let from = places.source(place);
        let queue = &mut self.by_socket[socket];
        if queue.is_empty() {
            self.filled.push(socket);
        }
        queue.push((packet, to, from));
    }

    /// Sends everything. Returns what was handed to the kernel, and what it refused.
    pub(crate) fn flush(&mut self, places: &Places) -> (u64, u64) {
        let (mut sent, mut refused) = (0, 0);
        for socket in self.filled.drain(..) {
            let queue = &mut self.by_socket[socket];
            let fd = places.rtp[socket].fd();
            refused += send(
                fd,
                queue.iter().map(|(packet, to, from)| Outgoing {
                    head: packet.header(),
                    tail: packet.payload,
                    to: *to,
                    from: *from,
                }),
            ) as u64;
            sent += queue.len() as u64;
            queue.clear();
        }
        (sent, refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_have_far_addresses_of_their_own() {
        let mut places = Places::open(MediaMode::Addresses, RtcpMode::Next, Ipv4Addr::LOCALHOST).unwrap();
        let mut seen = std::collections::HashSet::new();
        for call in 0..1_000 {
            let place = places.take(call).unwrap();
            let address = places.address(place);
            assert!(address.ip().is_loopback() && seen.insert(address));
            let datagram = Datagram { bytes: &[], from: address, to: Some(*address.ip()), at_us: 0 };
            assert_eq!(address.port() % 2, 0);
            for ear in [Ear::Rtp(places.socket_of(place)), Ear::Rtcp(places.socket_of(place))] {
                assert_eq!(places.call_for(ear, &datagram), Some(call));
            }
        }
        let stray = Datagram { bytes: &[], from: places.address(0), to: Some(Ipv4Addr::LOCALHOST), at_us: 0 };
        assert_eq!(places.call_for(Ear::Rtp(0), &stray), None);
    }

    #[test]
    fn a_far_address_rests_before_it_comes_again() {
        let mut places = Places::open(MediaMode::Ports(3), RtcpMode::Off, Ipv4Addr::LOCALHOST).unwrap();
        let first = places.take(1).unwrap();
        places.release(first, None);
        assert_ne!(places.take(2), Some(first));
        places.take(3);
        assert_eq!(places.take(4), Some(first));
        assert_eq!(places.take(5), None);
    }
}
