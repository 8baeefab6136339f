//! Via (RFC 3261 section 20.42, RFC 3581).

use super::params::{Params, is_token};
use super::uri::{Host, parse_host_port};

/// What a branch of an RFC 3261 client begins with (section 8.1.1.7).
const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

/// One Via value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, ...
    pub transport: &'a [u8],
    /// The host of sent-by.
    pub host: Host<'a>,
    /// Sent-by as it stands, with its port.
    pub sent_by: &'a [u8],
    /// The port of sent-by.
    pub port: Option<u16>,
    /// Parameters.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads `SIP / 2.0 / transport sent-by;params`, white space allowed around each part.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut parts = value.splitn(3, |byte| *byte == b'/');
        let protocol = parts.next()?.trim_ascii();
        let version = parts.next()?.trim_ascii();
        let rest = parts.next()?.trim_ascii();
        let transport_len = rest.iter().position(u8::is_ascii_whitespace)?;
        let (transport, rest) = rest.split_at(transport_len);
        let rest = rest.trim_ascii_start();
        let sent_by_len = rest.iter().position(|byte| *byte == b';').unwrap_or(rest.len());
        let (sent_by, params) = rest.split_at(sent_by_len);
        let sent_by = sent_by.trim_ascii();
        let params = Params::new(params);
        let (host, _, port) = parse_host_port(sent_by)?;
        let known = protocol.eq_ignore_ascii_case(b"SIP") && version == b"2.0" && is_token(transport);
        if !known || !params.is_valid() {
            return None;
        }
        Some(Via { transport, host, sent_by, port, params })
    }

    /// The branch parameter.
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.params.value(b"branch")
    }

    /// The branch, if it identifies a transaction by itself. A bare cookie does not (RFC 4475 section 3.2.1).
    pub fn unique_branch(&self) -> Option<&'a [u8]> {
        self.branch().filter(|branch| {
            branch.len() > MAGIC_COOKIE.len()
                && branch[..MAGIC_COOKIE.len()].eq_ignore_ascii_case(MAGIC_COOKIE)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_ipv6() {
        let via = Via::parse(b"SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw").expect("valid");
        assert_eq!((via.transport, via.host), (b"UDP".as_slice(), Host::Ip("192.0.2.2".parse().unwrap())));
        assert_eq!(via.unique_branch(), None);
        let via = Via::parse(b"SIP/2.0/UDP [2001:db8::9:1]:6050;received=2001:db8::9;branch=z9hG4bKas3")
            .expect("valid");
        assert_eq!(via.port, Some(6050));
        assert_eq!(via.unique_branch(), Some(b"z9hG4bKas3".as_slice()));
        assert_eq!(Via::parse(b"SIP/2.0/UDP h;branch=z9hG4bK").expect("valid").unique_branch(), None);
    }

    #[test]
    fn what_is_no_via() {
        for value in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ",
            "SIP/7.0/UDP h",
            "SIP/2.0/UDP 192.0.2.15;;",
            "SIP/2.0/UDP h:99999",
            "SIP/2.0/UDP h;branch=z9hG4bK;received=;i;",
            "HTTP/2.0/UDP h",
        ] {
            assert_eq!(Via::parse(value.as_bytes()), None, "{value}");
        }
    }
}
