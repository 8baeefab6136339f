//! Who gets a packet when, and the memory of the packets.

use std::net::SocketAddrV4;
use std::ops::Range;

use super::{Layout, Options, Payload};

/// Bytes of an RTP header.
const HEADER: usize = 12;
/// Bytes of 20 ms of G.711.
const FRAME: usize = 160;
/// Bytes from one packet's memory to the next: a power of two above the longest packet.
const STRIDE: usize = 512;
/// Frames of the prompt that all calls play: five seconds.
const PROMPT: usize = 250;

/// The packets of a tick. What headers point to is allocated once and never moves.
pub(super) struct Traffic {
    /// Calls of each wake-up, those of one socket one after the other.
    wakes: Vec<Vec<u32>>,
    /// Socket of each call.
    sockets: Vec<u32>,
    names: Vec<libc::sockaddr_in>,
    /// Memory of each call's packet; of all calls' with [`Payload::Fixed`].
    packets: Vec<u8>,
    prompt: Vec<u8>,
    vectors: Vec<[libc::iovec; 2]>,
    headers: Vec<libc::msghdr>,
    payload: Payload,
    /// Bytes of a packet.
    pub(super) length: usize,
    /// Whether sends name their destination.
    pub(super) is_addressed: bool,
}

impl Traffic {
    pub(super) fn new(far: &[SocketAddrV4], sockets: usize, options: &Options) -> Self {
        let mut wakes = vec![Vec::new(); options.wakes];
        for call in 0..far.len() {
            wakes[call % options.wakes].push(call as u32);
        }
        let sockets: Vec<u32> = (0..far.len()).map(|call| (call % sockets) as u32).collect();
        wakes.iter_mut().for_each(|calls: &mut Vec<u32>| calls.sort_by_key(|call| sockets[*call as usize]));
        let length = HEADER + FRAME * options.frames as usize;
        let mut names: Vec<libc::sockaddr_in> = far.iter().map(kernel_address).collect();
        let mut packets = vec![0; far.len().max(1) * STRIDE];
        let mut prompt: Vec<u8> = (0..PROMPT * FRAME).map(|i| (i * 37) as u8).collect();
        for (call, packet) in packets.chunks_exact_mut(STRIDE).enumerate() {
            packet[..2].copy_from_slice(&[0x80, 8]);
            packet[8..HEADER].copy_from_slice(&(call as u32).to_be_bytes());
        }
        let is_addressed = matches!(options.layout, Layout::Shared(_));
        let vector = |base: *mut u8, length: usize| libc::iovec { iov_base: base.cast(), iov_len: length };
        let mut vectors: Vec<[libc::iovec; 2]> = (0..far.len())
            .map(|call| match options.payload {
                Payload::Fixed => [vector(packets.as_mut_ptr(), length), vector(prompt.as_mut_ptr(), 0)],
                Payload::Copy => {
                    [vector(packets[call * STRIDE..].as_mut_ptr(), length), vector(prompt.as_mut_ptr(), 0)]
                }
                Payload::Slice => [
                    vector(packets[call * STRIDE..].as_mut_ptr(), HEADER),
                    vector(prompt.as_mut_ptr(), length - HEADER),
                ],
            })
            .collect();
        let headers = names
            .iter_mut()
            .zip(&mut vectors)
            .map(|(name, vectors)| {
                // SAFETY: all zeroes is a valid header: no name, no vectors.
                let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
                if is_addressed {
                    header.msg_name = std::ptr::from_mut(name).cast();
                    header.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
                }
                header.msg_iov = vectors.as_mut_ptr();
                header.msg_iovlen = if options.payload == Payload::Slice { 2 } else { 1 };
                header
            })
            .collect();
        let payload = options.payload;
        Self { wakes, sockets, names, packets, prompt, vectors, headers, payload, length, is_addressed }
    }

    /// Calls of a wake-up.
    pub(super) fn wake(&self, wake: usize) -> Range<usize> {
        0..self.wakes[wake].len()
    }

    /// The `n`-th call of a wake-up.
    pub(super) fn call(&self, wake: usize, n: usize) -> u32 {
        self.wakes[wake][n]
    }

    pub(super) fn socket(&self, call: u32) -> u32 {
        self.sockets[call as usize]
    }

    pub(super) fn name(&self, call: u32) -> &libc::sockaddr_in {
        &self.names[call as usize]
    }

    /// The message of a call: name and vectors, which stay where they are.
    pub(super) fn header(&self, call: u32) -> &libc::msghdr {
        &self.headers[call as usize]
    }

    /// The packet of a call, if it is in one piece.
    pub(super) fn packet(&self, call: u32) -> &[u8] {
        let at = if self.payload == Payload::Fixed { 0 } else { call as usize * STRIDE };
        &self.packets[at..at + self.length]
    }

    /// All memory of packets, to register.
    pub(super) fn memory(&self) -> &[u8] {
        &self.packets
    }

    /// Writes what the call says next.
    pub(super) fn prepare(&mut self, call: u32) {
        if self.payload == Payload::Fixed {
            return;
        }
        let packet = &mut self.packets[call as usize * STRIDE..][..STRIDE];
        let sequence = u16::from_be_bytes([packet[2], packet[3]]).wrapping_add(1);
        let audio = self.length - HEADER;
        let timestamp = u32::from(sequence).wrapping_mul(audio as u32);
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        let from = (call as usize + usize::from(sequence)) * FRAME % (self.prompt.len() - audio);
        match self.payload {
            Payload::Copy => packet[HEADER..][..audio].copy_from_slice(&self.prompt[from..][..audio]),
            Payload::Slice => {
                self.vectors[call as usize][1].iov_base = self.prompt[from..].as_mut_ptr().cast()
            }
            Payload::Fixed => {}
        }
    }
}

/// `address` as the kernel wants it.
fn kernel_address(address: &SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
        sin_zero: [0; 8],
    }
}
