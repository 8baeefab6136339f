//! Reads SIP messages: only what a called party needs, borrowed from the datagram, bounded.
//!
//! Deliberately not the reader of the system under test: two programs that share a reader share its mistakes.

use std::str;

/// Headers of one message; what has more is refused.
const HEADERS_MAX: usize = 64;

/// A method that the carrier knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Info,
    Other,
}

impl Method {
    fn of(token: &[u8]) -> Self {
        match token {
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"OPTIONS" => Self::Options,
            b"INFO" => Self::Info,
            _ => Self::Other,
        }
    }
}

/// The start line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start<'a> {
    Request { method: Method, uri: &'a str },
    Response { status: u16 },
}

/// A message, borrowed from its datagram.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) start: Start<'a>,
    headers: Vec<(&'a [u8], &'a [u8])>,
    pub(crate) body: &'a [u8],
}

/// Why bytes are not a message that can be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotSip;

impl<'a> Message<'a> {
    pub(crate) fn parse(datagram: &'a [u8]) -> Result<Self, NotSip> {
        let mut rest = datagram;
        let start = Self::start(line(&mut rest).ok_or(NotSip)?)?;
        let mut headers: Vec<(&[u8], &[u8])> = Vec::with_capacity(16);
        loop {
            let text = line(&mut rest).ok_or(NotSip)?;
            match text.first() {
                None => break,
                // RFC 3261 section 7.3.1: a line that starts with white space goes on with the header before it.
                Some(b' ' | b'\t') => {
                    let (_, value) = headers.last_mut().ok_or(NotSip)?;
                    *value = joined(datagram, value, text);
                }
                Some(_) => {
                    let colon = text.iter().position(|b| *b == b':').ok_or(NotSip)?;
                    if headers.len() == HEADERS_MAX {
                        return Err(NotSip);
                    }
                    headers.push((text[..colon].trim_ascii(), text[colon + 1..].trim_ascii()));
                }
            }
        }
        let mut message = Self { start, headers, body: rest };
        // Over UDP the body may be shorter than the rest of the datagram, never longer (section 18.3).
        if let Some(length) = message.header("Content-Length") {
            let length: usize = str::from_utf8(length).ok().and_then(|l| l.parse().ok()).ok_or(NotSip)?;
            message.body = rest.get(..length).ok_or(NotSip)?;
        }
        Ok(message)
    }

    fn start(line: &'a [u8]) -> Result<Start<'a>, NotSip> {
        let line = str::from_utf8(line).map_err(|_| NotSip)?;
        let mut words = line.splitn(3, ' ');
        let (Some(first), Some(second), Some(third)) = (words.next(), words.next(), words.next()) else {
            return Err(NotSip);
        };
        if first == "SIP/2.0" {
            let status = second.parse().ok().filter(|s| (100..700).contains(s)).ok_or(NotSip)?;
            return Ok(Start::Response { status });
        }
        if third != "SIP/2.0" || second.is_empty() {
            return Err(NotSip);
        }
        Ok(Start::Request { method: Method::of(first.as_bytes()), uri: second })
    }

    /// Values of a header in order, by its long name; the compact form is known.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let compact = compact(name);
        self.headers
            .iter()
            .filter(move |(n, _)| {
                n.eq_ignore_ascii_case(name.as_bytes())
                    || compact.is_some_and(|c| n.len() == 1 && n[0].eq_ignore_ascii_case(&c))
            })
            .map(|(_, value)| *value)
    }

    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The attempt that a caller tells of: the first header named `X-…attempt…`.
    pub(crate) fn attempt(&self) -> Option<&'a [u8]> {
        let (_, value) = self.headers.iter().find(|(name, _)| {
            let name = name.to_ascii_lowercase();
            name.starts_with(b"x-") && name.windows(7).any(|w| w == b"attempt")
        })?;
        Some(value)
    }

    /// Number and method of CSeq.
    pub(crate) fn cseq(&self) -> Option<(u32, Method)> {
        let mut words = str::from_utf8(self.header("CSeq")?).ok()?.split_ascii_whitespace();
        let number = words.next()?.parse().ok().filter(|n| *n < 1 << 31)?;
        Some((number, Method::of(words.next()?.as_bytes())))
    }
}

/// Cuts the next line off, without its end. A line without an end is none.
fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|b| *b == b'\n')?;
    let line = &rest[..end];
    *rest = &rest[end + 1..];
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

/// From the begin of a value to the end of its continuation, line ends included: such a header is echoed as it came.
fn joined<'a>(datagram: &'a [u8], value: &'a [u8], continuation: &'a [u8]) -> &'a [u8] {
    let at = |part: &[u8]| part.as_ptr() as usize - datagram.as_ptr() as usize;
    &datagram[at(value)..at(continuation) + continuation.len()]
}

fn compact(name: &str) -> Option<u8> {
    match name {
        "Via" => Some(b'v'),
        "From" => Some(b'f'),
        "To" => Some(b't'),
        "Call-ID" => Some(b'i'),
        "Contact" => Some(b'm'),
        "Content-Length" => Some(b'l'),
        "Supported" => Some(b'k'),
        _ => None,
    }
}

/// A parameter of a header value such as `;tag=x` or `;rport`, after any `>`. `Some("")` if it has no value.
pub(crate) fn parameter<'a>(value: &'a [u8], name: &str) -> Option<&'a str> {
    let outside = value.iter().rposition(|b| *b == b'>').map_or(value, |end| &value[end + 1..]);
    let text = str::from_utf8(outside).ok()?;
    text.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The URI of a name-addr or addr-spec.
pub(crate) fn uri_of(value: &str) -> &str {
    match value.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or(""),
        None => value.split(';').next().unwrap_or("").trim(),
    }
}

/// The number that a Request-URI dials: the user part, without its parameters.
pub(crate) fn number_of(uri: &str) -> String {
    let (_, rest) = uri.split_once(':').unwrap_or(("", uri));
    let user = rest.split('@').next().unwrap_or("");
    user.split([';', '?']).next().unwrap_or("").replace("%2B", "+").replace("%2b", "+")
}

/// Host and port of a SIP URI, as written.
pub(crate) fn host_port(uri: &str) -> &str {
    let (_, rest) = uri.split_once(':').unwrap_or(("", uri));
    let host = rest.rsplit('@').next().unwrap_or("");
    host.split([';', '?']).next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:+1555@127.0.0.1:5070;user=phone SIP/2.0\r\n\
        v: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1;rport\r\n\
        Via: SIP/2.0/UDP 10.0.0.1\r\n\
        f: \"A ; tag=no\" <sip:a@b;tag=no>;tag=77\r\n\
        To: <sip:+1555@127.0.0.1>\r\n\
        Subject: one\r\n  two\r\n\
        CSeq: 1 INVITE\r\n\
        X-Peal-Attempt: abc\r\n\
        Content-Length: 2\r\n\r\nv=junk";

    #[test]
    fn compact_repeated_and_folded_headers_are_found() {
        let message = Message::parse(INVITE).unwrap();
        assert_eq!(message.all("Via").count(), 2);
        assert_eq!(parameter(message.header("From").unwrap(), "tag"), Some("77"));
        assert_eq!(parameter(message.header("Via").unwrap(), "rport"), Some(""));
        assert_eq!(parameter(message.header("To").unwrap(), "tag"), None);
        assert_eq!(message.header("Subject"), Some(&b"one\r\n  two"[..]));
        assert_eq!(message.cseq(), Some((1, Method::Invite)));
        assert_eq!(message.attempt(), Some(&b"abc"[..]));
        assert_eq!(message.body, b"v=");
    }

    #[test]
    fn numbers_and_hosts_are_cut_from_uris() {
        assert_eq!(number_of("sip:+1555;x=1@h:5060;user=phone"), "+1555");
        assert_eq!(number_of("tel:%2B1555;phone-context=x"), "+1555");
        assert_eq!(host_port("sip:a@127.0.0.1:5060;transport=udp"), "127.0.0.1:5060");
        assert_eq!(uri_of("\"A\" <sip:a@h;lr>;expires=3"), "sip:a@h;lr");
        assert_eq!(uri_of("sip:a@h;expires=3"), "sip:a@h");
    }

    #[test]
    fn every_truncation_is_refused_or_read_without_panic() {
        for end in 0..INVITE.len() {
            let _ = Message::parse(&INVITE[..end]);
        }
        for bad in [
            &b"INVITE sip:a SIP/2.0\r\nContent-Length: 9\r\n\r\nx"[..],
            b"INVITE sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n",
            b"INVITE sip:a SIP/2.0\r\n folded\r\n\r\n",
            b"SIP/2.0 2000 OK\r\n\r\n",
            b"\xff\xfe\r\n\r\n",
        ] {
            assert!(Message::parse(bad).is_err());
        }
    }

    #[test]
    fn too_many_headers_are_refused() {
        let mut text = b"OPTIONS sip:a SIP/2.0\r\n".to_vec();
        text.extend(b"A: b\r\n".repeat(HEADERS_MAX + 1));
        text.extend(b"\r\n");
        assert!(Message::parse(&text).is_err());
    }
}
