//! The source address of a datagram, as the kernel writes it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Reads a `sockaddr`; `None` if it is neither IPv4 nor IPv6 or is cut short.
pub(crate) fn address(name: &[u8]) -> Option<SocketAddr> {
    let family = i32::from(u16::from_ne_bytes(*name.first_chunk()?));
    let port = u16::from_be_bytes(*name.get(2..)?.first_chunk()?);
    match family {
        libc::AF_INET => {
            let ip: [u8; 4] = *name.get(4..)?.first_chunk()?;
            Some(SocketAddrV4::new(Ipv4Addr::from(ip), port).into())
        }
        libc::AF_INET6 => {
            let flow = u32::from_ne_bytes(*name.get(4..)?.first_chunk()?);
            let ip: [u8; 16] = *name.get(8..)?.first_chunk()?;
            let scope = u32::from_ne_bytes(*name.get(24..)?.first_chunk()?);
            Some(SocketAddrV6::new(Ipv6Addr::from(ip), port, flow, scope).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_are_read_and_stumps_are_not() {
        let mut v4 = (libc::AF_INET as u16).to_ne_bytes().to_vec();
        v4.extend([0x13, 0xc4, 192, 0, 2, 7]);
        assert_eq!(address(&v4), Some("192.0.2.7:5060".parse().expect("an address")));

        let mut v6 = (libc::AF_INET6 as u16).to_ne_bytes().to_vec();
        v6.extend([0x13, 0xc4, 0, 0, 0, 0]);
        v6.extend("2001:db8::7".parse::<Ipv6Addr>().expect("an address").octets());
        v6.extend(0_u32.to_ne_bytes());
        assert_eq!(address(&v6), Some("[2001:db8::7]:5060".parse().expect("an address")));

        for len in 0..v4.len() {
            assert_eq!(address(&v4[..len]), None);
        }
        for len in 0..v6.len() {
            assert_eq!(address(&v6[..len]), None);
        }
        assert_eq!(address(&[0xff; 28]), None);
    }
}
