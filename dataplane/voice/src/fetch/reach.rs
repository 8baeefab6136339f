//! Which addresses scripts may reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The name led to an address that must not be reached.
#[derive(Debug, thiserror::Error)]
#[error("an address that scripts must not reach")]
pub(super) struct Forbidden;

/// A network, as `10.1.0.0/16` or `fd00::/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                u32::from(own) & mask == u32::from(other) & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                u128::from(own) & mask == u128::from(other) & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || format!("{text:?} is no network: write it as `10.1.0.0/16` or `fd00::/8`");
        let (address, bits) = text.split_once('/').ok_or_else(problem)?;
        let address: IpAddr = address.parse().map_err(|_| problem())?;
        let bits: u8 = bits.parse().map_err(|_| problem())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        (bits <= most).then_some(Self { address, bits }).ok_or_else(problem)
    }
}

/// The public internet, and what an operator allows besides.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    own: Vec<Network>,
}

impl Reach {
    /// The public internet and these networks.
    pub fn with(own: Vec<Network>) -> Self {
        Self { own }
    }

    /// Whether an address may be reached. One that carries another (IPv4 in IPv6, NAT64, 6to4) is judged by what it carries too.
    pub fn allows(&self, address: IpAddr) -> bool {
        let inner = match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => carried(address),
        };
        let judged = inner.map_or(address, IpAddr::V4);
        if self.own.iter().any(|network| network.holds(judged) || network.holds(address)) {
            return true;
        }
        match address {
            IpAddr::V4(address) => is_public_v4(address),
            IpAddr::V6(address) => match inner {
                Some(inner) => is_public_v4(inner),
                None => is_public_v6(address),
            },
        }
    }
}

/// The IPv4 address within an IPv6 one: mapped (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056).
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let parts = address.segments();
    let of = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match parts {
        [0, 0, 0, 0, 0, 0xFFFF, high, low] | [0x64, 0xFF9B, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

/// By the IANA registry of special addresses (RFC 6890): everything that is not global is not.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        // Shared by carriers (RFC 6598), protocols (RFC 6890), 6to4 relays, benchmarks (RFC 2544).
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a == 198 && (b == 18 || b == 19));
    !is_special
}

/// Global unicast is 2000::/3; within it documentation, Teredo, benchmarks and identifiers are not for us.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let is_special = (parts[0] == 0x2001 && parts[1] < 0x0200)
        || (parts[0], parts[1]) == (0x2001, 0x0DB8)
        || parts[0] == 0x3FFF;
    (0x2000..0x4000).contains(&parts[0]) && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_internet_and_nothing_of_ours() {
        let reach = Reach::default();
        for address in
            ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808", "::ffff:8.8.8.8"]
        {
            assert!(reach.allows(address.parse().expect("an address")), "{address}");
        }
        for address in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.5",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2002:0a00:0001::1",
            "fec0::1",
            "4000::1",
        ] {
            assert!(!reach.allows(address.parse().expect("an address")), "{address}");
        }
    }

    #[test]
    fn an_operator_allows_his_own() {
        let reach = Reach::with(vec![
            "10.1.0.0/16".parse().expect("one"),
            "127.0.0.1/32".parse().expect("one"),
            "fd00::/8".parse().expect("one"),
        ]);
        for (address, allowed) in [
            ("10.1.2.3", true),
            ("10.2.0.1", false),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("::ffff:10.1.2.3", true),
            ("fd12::1", true),
            ("fe80::1", false),
        ] {
            assert_eq!(reach.allows(address.parse().expect("an address")), allowed, "{address}");
        }
        for text in ["", "10.0.0.0", "10.0.0.0/33", "::/129", "x/8", "10.0.0.0/-1"] {
            text.parse::<Network>().expect_err(text);
        }
        assert!(
            Reach::with(vec!["0.0.0.0/0".parse().expect("one")])
                .allows("10.0.0.1".parse().expect("an address"))
        );
    }
}
