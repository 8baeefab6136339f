//! A borrowed view of one session description.

use std::net::IpAddr;

use super::Direction;

/// The longest description read. A usual offer is 300–600 bytes; one from a browser is 5 KB.
const BYTES_MAX: usize = 32 * 1024;
/// Lines read. A browser's offer has about 150.
const LINES_MAX: usize = 512;
/// Media lines kept. Nobody who calls a telephone has more than audio, video, fax and a chat; an answer must mirror
/// each of them, so that this also bounds what we write.
const MEDIA_MAX: usize = 8;

/// What is wrong with a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SdpError {
    /// It is empty, or does not begin with `v=0`.
    Version,
    /// More bytes, lines or media than we read.
    TooLong,
    /// A NUL, or a control character other than tab at the end of no line.
    Control,
    /// A line that is not `letter=value`.
    Line,
    /// A c= line that is not an address.
    Connection,
    /// An m= line without kind, port, protocol and formats, or with numbers out of range.
    Media,
}

/// Where media goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connection {
    Address(IpAddr),
    /// A host name, or an address type that is not IP4 or IP6.
    Name,
}

/// One a= line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// What stands before the colon.
    pub name: &'a [u8],
    /// What stands after it; empty for a flag.
    pub value: &'a [u8],
}

/// One m= line and what belongs to it.
#[derive(Debug, Clone, Copy)]
pub struct MediaLine<'a> {
    /// `audio`, `video`, `image`, ...
    pub kind: &'a [u8],
    /// 0 when rejected.
    pub port: u16,
    /// `RTP/AVP`, ...
    pub protocol: &'a [u8],
    /// The format list as it stands.
    formats: &'a [u8],
    pub(super) connection: Option<Connection>,
    /// The lines after the m= line, up to the next.
    section: &'a [u8],
}

/// A session description that was read without error.
#[derive(Debug, Clone)]
pub struct Description<'a> {
    pub(super) connection: Option<Connection>,
    /// The lines before the first m= line.
    session: &'a [u8],
    media: [MediaLine<'a>; MEDIA_MAX],
    media_count: usize,
}

const NO_MEDIA: MediaLine<'static> =
    MediaLine { kind: b"", port: 0, protocol: b"", formats: b"", connection: None, section: b"" };

impl<'a> Description<'a> {
    /// Reads a description in one pass.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: &'a [u8]) -> Result<Self, SdpError> {
        if text.len() > BYTES_MAX {
            return Err(SdpError::TooLong);
        }
        if text.iter().any(|byte| *byte < b' ' && !matches!(byte, b'\r' | b'\n' | b'\t')) {
            return Err(SdpError::Control);
        }
        let mut description =
            Description { connection: None, session: b"", media: [NO_MEDIA; MEDIA_MAX], media_count: 0 };
        let mut section_start = 0;
        for (index, line) in lines(text).enumerate() {
            if index >= LINES_MAX {
                return Err(SdpError::TooLong);
            }
            let [letter, b'=', value @ ..] = line.text else { return Err(SdpError::Line) };
            if index == 0 && (*letter != b'v' || value.trim_ascii() != b"0") {
                return Err(SdpError::Version);
            }
            match letter {
                b'm' => {
                    description.close_section(&text[section_start..line.start]);
                    section_start = line.end;
                    let slot = description.media.get_mut(description.media_count).ok_or(SdpError::TooLong)?;
                    *slot = MediaLine::parse(value)?;
                    description.media_count += 1;
                }
                b'c' => {
                    let connection = Some(parse_connection(value)?);
                    match description.media_count.checked_sub(1) {
                        Some(last) => description.media[last].connection = connection,
                        None => description.connection = connection,
                    }
                }
                _ => {}
            }
        }
        if text.trim_ascii().is_empty() {
            return Err(SdpError::Version);
        }
        description.close_section(&text[section_start..]);
        Ok(description)
    }

    /// The media lines in order.
    pub fn media(&self) -> &[MediaLine<'a>] {
        &self.media[..self.media_count]
    }

    /// The direction said for the whole session, if any.
    pub(super) fn direction(&self) -> Option<Direction> {
        direction_in(self.session)
    }

    fn close_section(&mut self, text: &'a [u8]) {
        match self.media_count.checked_sub(1) {
            Some(last) => self.media[last].section = text,
            None => self.session = text,
        }
    }
}

impl<'a> MediaLine<'a> {
    /// `audio 49170[/2] RTP/AVP 0 8 101`
    fn parse(value: &'a [u8]) -> Result<Self, SdpError> {
        let (kind, rest) = split_word(value);
        let (port, rest) = split_word(rest);
        let (protocol, formats) = split_word(rest);
        let port = port.split(|byte| *byte == b'/').next().unwrap_or_default();
        let port = number(port).and_then(|port| u16::try_from(port).ok()).ok_or(SdpError::Media)?;
        if kind.is_empty() || protocol.is_empty() {
            return Err(SdpError::Media);
        }
        let line = MediaLine { kind, port, protocol, formats: formats.trim_ascii(), ..NO_MEDIA };
        if line.is_rtp() && (line.formats.is_empty() || line.words().any(|word| payload_type(word).is_none()))
        {
            return Err(SdpError::Media);
        }
        Ok(line)
    }

    /// The payload types of an RTP line, in the speaker's order.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.words().filter_map(payload_type)
    }

    /// The format list as it stands in the m= line.
    pub fn formats(&self) -> &'a [u8] {
        self.formats
    }

    /// The a= lines of this m= line.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        attributes_in(self.section)
    }

    /// The value of the first attribute of this name.
    pub fn attribute(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.attributes().find(|attribute| attribute.name.eq_ignore_ascii_case(name)).map(|found| found.value)
    }

    /// Encoding name and clock rate that rtpmap gives this payload type.
    pub fn rtpmap(&self, wanted: u8) -> Option<(&'a [u8], u32)> {
        self.attributes().filter(|attribute| attribute.name == b"rtpmap").find_map(|attribute| {
            let (format, rest) = split_word(attribute.value);
            if payload_type(format)? != wanted {
                return None;
            }
            let mut parts = rest.trim_ascii().split(|byte| *byte == b'/');
            let encoding = parts.next()?;
            let rate = number(parts.next()?)?;
            Some((encoding, u32::try_from(rate).ok()?))
        })
    }

    pub(super) fn direction(&self) -> Option<Direction> {
        direction_in(self.section)
    }

    fn is_rtp(&self) -> bool {
        self.protocol.windows(4).any(|part| part.eq_ignore_ascii_case(b"RTP/"))
    }

    fn words(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.formats.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty())
    }
}

struct Line<'a> {
    text: &'a [u8],
    start: usize,
    /// Where the next line begins.
    end: usize,
}

/// Lines end with CRLF; a bare LF is taken too, as RFC 8866 section 5 advises. Empty lines are passed over.
fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        while start < text.len() {
            let begin = start;
            let length = text[begin..].iter().position(|byte| *byte == b'\n');
            start = length.map_or(text.len(), |length| begin + length + 1);
            let line = text[begin..start].trim_ascii_end();
            if !line.is_empty() {
                return Some(Line { text: line, start: begin, end: start });
            }
        }
        None
    })
}

fn attributes_in(section: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    lines(section).filter_map(|line| {
        let [b'a', b'=', value @ ..] = line.text else { return None };
        Some(match value.iter().position(|byte| *byte == b':') {
            Some(colon) => Attribute { name: &value[..colon], value: value[colon + 1..].trim_ascii() },
            None => Attribute { name: value, value: b"" },
        })
    })
}

/// The last direction attribute of a section; several contradict each other, and the last one is what most peers obey.
fn direction_in(section: &[u8]) -> Option<Direction> {
    attributes_in(section)
        .filter_map(|attribute| match attribute.name {
            b"sendrecv" => Some(Direction::SendRecv),
            b"sendonly" => Some(Direction::SendOnly),
            b"recvonly" => Some(Direction::RecvOnly),
            b"inactive" => Some(Direction::Inactive),
            _ => None,
        })
        .last()
}

/// `IN IP4 192.0.2.1[/ttl]`
fn parse_connection(value: &[u8]) -> Result<Connection, SdpError> {
    let (network, rest) = split_word(value);
    let (family, address) = split_word(rest);
    let address = address.trim_ascii().split(|byte| *byte == b'/').next().unwrap_or_default();
    if !network.eq_ignore_ascii_case(b"IN") || address.is_empty() {
        return Err(SdpError::Connection);
    }
    let parsed = std::str::from_utf8(address).ok().and_then(|text| text.parse::<IpAddr>().ok());
    match parsed {
        Some(address) if address.is_ipv4() && family.eq_ignore_ascii_case(b"IP4") => {
            Ok(Connection::Address(address))
        }
        Some(address) if address.is_ipv6() && family.eq_ignore_ascii_case(b"IP6") => {
            Ok(Connection::Address(address))
        }
        Some(_) => Err(SdpError::Connection),
        None => Ok(Connection::Name),
    }
}

fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    match text.iter().position(|byte| matches!(byte, b' ' | b'\t')) {
        Some(end) => (&text[..end], text[end..].trim_ascii_start()),
        None => (text, b""),
    }
}

/// Decimal digits only, at most nine of them: no sign, no overflow.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 9 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
}

fn payload_type(text: &[u8]) -> Option<u8> {
    number(text).filter(|value| *value < 128).map(|value| value as u8)
}
