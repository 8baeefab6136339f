//! Audio of all calls: far addresses, the 20 ms tick, and what is heard.
//!
//! Owns the RTP sockets and which call has which far address. Sockets are read every few milliseconds, not at every
//! packet: the kernel's timestamps tell when each came.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::config::MediaMode;
use crate::net::{Datagram, Outgoing, Poll, Reach, Udp, send};
use crate::offer::Stream;
use crate::rtp::{Packet, Reception, Sender};

/// One-millisecond phases of the 20 ms tick: calls are spread over them.
const PHASES: u64 = 20;
/// A loop that was held up longer than this leaves frames out rather than send them in a burst.
const CATCH_UP_MS: u64 = 200;
/// Sockets that serve all calls in [`MediaMode::Addresses`]: each has a receive queue of its own.
const ADDRESS_SOCKETS: u32 = 8;
/// Far addresses in [`MediaMode::Addresses`]; used in turn, so that one rests long before it comes again.
const PLACES: u32 = 65_536;
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 64, 0, 1);

/// Audio of one call.
#[derive(Debug)]
pub(crate) struct Media {
    /// Index of its far address.
    pub(crate) place: u32,
    /// Where the caller listens; `None`: not known yet, or nowhere.
    pub(crate) remote: Option<SocketAddrV4>,
    pub(crate) event_type: Option<u8>,
    pub(crate) sender: Sender,
    pub(crate) reception: Reception,
    /// The first address that audio came from; from others it is strange.
    source: Option<SocketAddrV4>,
    /// Its phase while it sends, and its index there.
    beat: Option<(usize, usize)>,
}

impl Media {
    pub(crate) fn new(place: u32, offer: Option<&Stream>, sender: Sender) -> Self {
        Self {
            place,
            remote: offer.filter(|s| s.listens).map(|s| s.remote),
            event_type: offer.and_then(|s| s.event_type),
            sender,
            reception: Reception::default(),
            source: None,
            beat: None,
        }
    }

    pub(crate) fn hear(&mut self, datagram: &Datagram<'_>) {
        if *self.source.get_or_insert(datagram.from) == datagram.from {
            self.reception.on_packet(datagram.bytes, datagram.at_us, self.event_type);
        } else {
            self.reception.on_strange();
        }
    }
}

/// Which call is at which far address. Calls are named by their slot.
pub(crate) struct Places {
    mode: MediaMode,
    pub(crate) sockets: Vec<Udp>,
    /// Datagrams that the kernel dropped at each socket.
    pub(crate) dropped: Vec<u32>,
    /// All sockets, to ask which have something.
    pub(crate) poll: Poll,
    taken: Vec<Option<u32>>,
    free: VecDeque<u32>,
    /// [`MediaMode::Shared`] only: calls by the caller's RTP address.
    by_remote: HashMap<SocketAddrV4, u32>,
}

impl Places {
    pub(crate) fn open(mode: MediaMode, ip: Ipv4Addr) -> io::Result<Self> {
        let (sockets, places, address, reach) = match mode {
            MediaMode::Addresses => (ADDRESS_SOCKETS, PLACES, Ipv4Addr::UNSPECIFIED, Reach::AllLoopback),
            MediaMode::Ports(ports) => (u32::from(ports), u32::from(ports), ip, Reach::Address),
            MediaMode::Shared => (1, PLACES, ip, Reach::Address),
        };
        let sockets: Vec<Udp> = (0..sockets)
            .map(|_| Udp::bind(SocketAddrV4::new(address, 0), reach))
            .collect::<Result<_, _>>()?;
        let poll = Poll::new()?;
        for (n, socket) in sockets.iter().enumerate() {
            poll.add(socket.fd(), n as u64)?;
        }
        Ok(Self {
            mode,
            dropped: vec![0; sockets.len()],
            sockets,
            poll,
            taken: vec![None; places as usize],
            free: (0..places).collect(),
            by_remote: HashMap::new(),
        })
    }

    /// A far address for a call; the one that has rested longest. `None`: all are taken.
    pub(crate) fn take(&mut self, call: u32) -> Option<u32> {
        let place = self.free.pop_front()?;
        self.taken[place as usize] = Some(call);
        Some(place)
    }

    /// Tells where the caller's audio will come from.
    pub(crate) fn expect(&mut self, place: u32, remote: SocketAddrV4) {
        if self.mode == MediaMode::Shared {
            self.by_remote.insert(remote, place);
        }
    }

    pub(crate) fn release(&mut self, place: u32, remote: Option<SocketAddrV4>) {
        self.taken[place as usize] = None;
        self.free.push_back(place);
        if let Some(remote) = remote
            && self.by_remote.get(&remote) == Some(&place)
        {
            self.by_remote.remove(&remote);
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
        let local = self.sockets[self.socket_of(place)].local;
        match self.mode {
            MediaMode::Addresses => SocketAddrV4::new(ip_of(place), local.port()),
            MediaMode::Ports(_) | MediaMode::Shared => local,
        }
    }

    /// The call that a datagram at a socket is for.
    pub(crate) fn call_for(&self, socket: usize, datagram: &Datagram<'_>) -> Option<u32> {
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

fn ip_of(place: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(FIRST_ADDRESS) + place / ADDRESS_SOCKETS)
}

/// The 20 ms tick: which calls send, and in which millisecond.
pub(crate) struct Beat {
    phases: [Vec<u32>; PHASES as usize],
    next_phase: usize,
    pub(crate) senders: usize,
    /// Milliseconds of the carrier's life whose phases have been played.
    played_ms: u64,
}

impl Beat {
    pub(crate) fn new() -> Self {
        Self { phases: [const { Vec::new() }; PHASES as usize], next_phase: 0, senders: 0, played_ms: 0 }
    }

    /// A call begins to send; once only.
    pub(crate) fn join(&mut self, call: u32, media: &mut Media) {
        if media.beat.is_none() {
            let phase = self.next_phase;
            self.next_phase = (phase + 7) % PHASES as usize;
            media.beat = Some((phase, self.phases[phase].len()));
            self.phases[phase].push(call);
            self.senders += 1;
        }
    }

    /// A call stops sending. Returns the call that took its index, which [`Media::moved_to`] has to be told.
    pub(crate) fn leave(&mut self, media: &mut Media) -> Option<(u32, usize)> {
        let (phase, index) = media.beat.take()?;
        self.senders -= 1;
        self.phases[phase].swap_remove(index);
        self.phases[phase].get(index).map(|moved| (*moved, index))
    }

    /// The phases that are due at `now_ms` of the carrier's life.
    pub(crate) fn due(&mut self, now_ms: u64) -> impl Iterator<Item = usize> + use<> {
        let from = self.played_ms.max(now_ms.saturating_sub(CATCH_UP_MS));
        self.played_ms = now_ms;
        (from..now_ms).map(|ms| (ms % PHASES) as usize)
    }

    pub(crate) fn calls(&self, phase: usize) -> &[u32] {
        &self.phases[phase]
    }
}

impl Media {
    pub(crate) fn moved_to(&mut self, index: usize) {
        if let Some((_, own)) = &mut self.beat {
            *own = index;
        }
    }
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
        let from = (places.mode == MediaMode::Addresses).then(|| ip_of(place));
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
            let fd = places.sockets[socket].fd();
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

/// Sends one stray datagram from a call's far address.
pub(crate) fn send_stray(places: &Places, place: u32, bytes: &[u8], to: SocketAddrV4) {
    let from = (places.mode == MediaMode::Addresses).then(|| ip_of(place));
    send(places.sockets[places.socket_of(place)].fd(), [Outgoing { head: bytes, tail: &[], to, from }]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Law, Tracks};

    #[test]
    fn calls_have_far_addresses_of_their_own() {
        let mut places = Places::open(MediaMode::Addresses, Ipv4Addr::LOCALHOST).unwrap();
        let mut seen = std::collections::HashSet::new();
        for call in 0..1_000 {
            let place = places.take(call).unwrap();
            let address = places.address(place);
            assert!(address.ip().is_loopback() && seen.insert(address));
            let datagram =
                Datagram { bytes: &[], from: address, to: Some(*address.ip()), at_us: 0, dropped: 0 };
            assert_eq!(places.call_for(places.socket_of(place), &datagram), Some(call));
        }
        let stray = Datagram {
            bytes: &[],
            from: places.address(0),
            to: Some(Ipv4Addr::LOCALHOST),
            at_us: 0,
            dropped: 0,
        };
        assert_eq!(places.call_for(0, &stray), None);
    }

    #[test]
    fn a_far_address_rests_before_it_comes_again() {
        let mut places = Places::open(MediaMode::Ports(3), Ipv4Addr::LOCALHOST).unwrap();
        let first = places.take(1).unwrap();
        places.release(first, None);
        assert_ne!(places.take(2), Some(first));
        places.take(3);
        assert_eq!(places.take(4), Some(first));
        assert_eq!(places.take(5), None);
    }

    #[test]
    fn every_sender_is_due_once_in_twenty_milliseconds() {
        let mut beat = Beat::new();
        let sender = || Sender::new(Law::A, None, &Tracks::shared().person, 1);
        let mut media: Vec<Media> = (0..50).map(|n| Media::new(n, None, sender())).collect();
        for (call, media) in media.iter_mut().enumerate() {
            beat.join(call as u32, media);
        }
        for gone in [3usize, 49, 10] {
            if let Some((moved, index)) = beat.leave(&mut media[gone]) {
                media[moved as usize].moved_to(index);
            }
        }
        let mut played = Vec::new();
        for ms in 1..=20 {
            for phase in beat.due(ms) {
                played.extend_from_slice(beat.calls(phase));
            }
        }
        played.sort_unstable();
        let expected: Vec<u32> = (0..50).filter(|c| ![3, 49, 10].contains(c)).collect();
        assert_eq!(played, expected);
        assert_eq!(beat.due(10_000).count() as u64, CATCH_UP_MS);
    }
}
