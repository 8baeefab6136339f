//! `sip:` and `sips:` URIs (RFC 3261 section 19.1). Bounded by the text, nothing unescaped, nothing copied.

use std::net::{IpAddr, Ipv6Addr};

use super::params::Params;

/// A host as it stands in a URI or a Via.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host<'a> {
    /// An address literal.
    Ip(IpAddr),
    /// A name.
    Name(&'a [u8]),
}

/// A `sip:` or `sips:` URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    /// `sips:`
    pub secure: bool,
    /// The user part with its escapes, and without the password.
    pub user: Option<&'a [u8]>,
    /// The host.
    pub host: Host<'a>,
    /// The host as it stands, brackets included.
    pub host_text: &'a [u8],
    /// The port, if one is said.
    pub port: Option<u16>,
    /// `;name=value` parameters.
    pub params: Params<'a>,
    /// What stands behind `?`.
    pub headers: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Reads a URI. `None` for other schemes and for anything that does not parse.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        if text.iter().any(|byte| matches!(byte, 0..=b' ' | b'<' | b'>' | b'"' | 0x7f)) {
            return None;
        }
        let colon = text.iter().position(|byte| *byte == b':')?;
        let secure = match &text[..colon] {
            scheme if scheme.eq_ignore_ascii_case(b"sip") => false,
            scheme if scheme.eq_ignore_ascii_case(b"sips") => true,
            _ => return None,
        };
        let rest = &text[colon + 1..];
        // An `@` may not stand unescaped anywhere else (section 25.1); two would let two readers see two hosts.
        let mut parts = rest.split(|byte| *byte == b'@');
        let (user, rest) = match (parts.next()?, parts.next(), parts.next()) {
            (only, None, _) => (None, only),
            (user, Some(rest), None) if !user.is_empty() => (Some(user), rest),
            _ => return None,
        };
        let user = user.map(|user| user.split(|byte| *byte == b':').next().unwrap_or_default());
        let (rest, headers) = match rest.iter().position(|byte| *byte == b'?') {
            Some(mark) => (&rest[..mark], &rest[mark + 1..]),
            None => (rest, b"".as_slice()),
        };
        let (host_port, params) = match rest.iter().position(|byte| *byte == b';') {
            Some(mark) => rest.split_at(mark),
            None => (rest, b"".as_slice()),
        };
        let (host, host_text, port) = parse_host_port(host_port)?;
        Some(Uri { secure, user, host, host_text, port, params: Params::new(params), headers })
    }

    /// The `lr` parameter: a loose router (section 19.1.1).
    pub fn is_loose(&self) -> bool {
        self.params.find(b"lr").is_some()
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`, and nothing else.
pub(crate) fn parse_host_port(text: &[u8]) -> Option<(Host<'_>, &[u8], Option<u16>)> {
    let host_len = match text.first()? {
        b'[' => text.iter().position(|byte| *byte == b']')? + 1,
        _ => text.iter().position(|byte| *byte == b':').unwrap_or(text.len()),
    };
    let (host_text, rest) = text.split_at(host_len);
    let port = match rest.trim_ascii() {
        b"" => None,
        rest => Some(parse_port(rest.strip_prefix(b":")?.trim_ascii())?),
    };
    let host_text = host_text.trim_ascii();
    Some((parse_host(host_text)?, host_text, port))
}

fn parse_host(text: &[u8]) -> Option<Host<'_>> {
    if let Some(inner) = text.strip_prefix(b"[") {
        let inner = std::str::from_utf8(inner.strip_suffix(b"]")?).ok()?;
        return Some(Host::Ip(inner.parse::<Ipv6Addr>().ok()?.into()));
    }
    if text.is_empty()
        || !text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    {
        return None;
    }
    // No top-level domain ends in a digit (RFC 3696 section 2), so most names need no second look.
    let ip = match text.last() {
        Some(b'0'..=b'9') => std::str::from_utf8(text).ok().and_then(|text| text.parse::<IpAddr>().ok()),
        _ => None,
    };
    Some(ip.map_or(Host::Name(text), Host::Ip))
}

fn parse_port(digits: &[u8]) -> Option<u16> {
    let number = super::cseq::decimal(digits)?;
    u16::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_hosts_ports_and_parameters() {
        let uri = Uri::parse(b"sip:user;par=u%40example.net:pw@example.com:5070;lr;maddr=1.2.3.4?a=b")
            .expect("valid");
        assert_eq!(uri.user, Some(b"user;par=u%40example.net".as_slice()));
        assert_eq!((uri.host, uri.port), (Host::Name(b"example.com"), Some(5070)));
        assert!(uri.is_loose());
        assert_eq!(uri.headers, b"a=b");

        let uri = Uri::parse(b"SIPS:john.doe@[2001:db8::10]:5071").expect("valid");
        assert!(uri.secure);
        assert_eq!(uri.user, Some(b"john.doe".as_slice()));
        assert_eq!((uri.host, uri.port), (Host::Ip("2001:db8::10".parse().unwrap()), Some(5071)));
        assert_eq!(Uri::parse(b"sip:10.0.0.1").expect("valid").host, Host::Ip("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_sip_uri() {
        for text in [
            "",
            "sip:",
            "tel:123",
            "sip:a@",
            "sip:@b",
            "sip:a@b@c",
            "sip:a b@c",
            "sip:a@b:65536",
            "sip:a@b:x",
            "sip:a@[::1",
            "sip:a@[1.2.3.4]",
            "sip:a@b:5060x",
            "<sip:a@b>",
            "sip:a@b c",
        ] {
            assert_eq!(Uri::parse(text.as_bytes()), None, "{text}");
        }
    }
}
