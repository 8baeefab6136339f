//! A far address on one of our ports, as a key that hashes in a few multiplications.

use std::hash::{BuildHasher, Hash, Hasher};
use std::net::SocketAddr;

use super::PortIndex;

/// Our port's index and the far end's address and port. An IPv4 address and the same one mapped into IPv6 are the same
/// key, so that a socket for both families finds what an SDP in IPv4 named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FarAddress {
    /// Halves of the address, so that the key needs no more than eight bytes of alignment.
    ip: [u64; 2],
    /// Our port's index in the upper half, the far port in the lower.
    ports: u32,
}

impl FarAddress {
    pub(super) fn new(port: PortIndex, far: SocketAddr) -> FarAddress {
        let ip = match far {
            SocketAddr::V4(far) => u128::from(far.ip().to_ipv6_mapped()),
            SocketAddr::V6(far) => u128::from(*far.ip()),
        };
        let ip = [(ip >> 64) as u64, ip as u64];
        FarAddress { ip, ports: (u32::from(port.0) << 16) | u32::from(far.port()) }
    }

    /// The address one port below.
    pub(super) fn below(port: PortIndex, mut far: SocketAddr) -> FarAddress {
        far.set_port(far.port().wrapping_sub(1));
        FarAddress::new(port, far)
    }
}

impl Hash for FarAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.ip[0]);
        state.write_u64(self.ip[1]);
        state.write_u32(self.ports);
    }
}

/// Hasher of these keys. Only addresses that a carrier negotiated are ever inserted, so a seed against guessed
/// collisions is enough and SipHash's strength would be paid for on every packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seeded(pub(super) u64);

impl BuildHasher for Seeded {
    type Hasher = Mix;

    fn build_hasher(&self) -> Mix {
        Mix(self.0 ^ 0x9E37_79B9_7F4A_7C15)
    }
}

/// Folds each word in by a 64×64→128 multiplication, whose halves are xored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * 0xA076_1D64_78BD_642F;
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn neighbouring_addresses_spread_over_buckets() {
        let seeded = Seeded(7);
        let buckets: HashSet<u64> = (0..1024u16)
            .map(|n| {
                let far = SocketAddr::from(([192, 0, 2, 1], 10_000 + 2 * n));
                seeded.hash_one(FarAddress::new(PortIndex(n % 16), far)) & 1023
            })
            .collect();
        // 1024 balls in 1024 buckets fill about 647 when thrown at random.
        assert!(buckets.len() > 580, "{}", buckets.len());
    }

    #[test]
    fn a_mapped_address_is_the_address() {
        let plain = FarAddress::new(PortIndex(1), "192.0.2.1:5".parse().unwrap());
        assert_eq!(plain, FarAddress::new(PortIndex(1), "[::ffff:192.0.2.1]:5".parse().unwrap()));
    }
}
