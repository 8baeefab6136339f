//! The single pass over a datagram.

use super::cseq::{CSeq, decimal};
use super::error::ParseError;
use super::header::HeaderName;
use super::name_addr::NameAddr;
use super::params::is_token;
use super::uri::Uri;
use super::values::Values;
use super::via::Via;
use super::{CALL_ID_BYTES_MAX, HEADERS_MAX, MESSAGE_BYTES_MAX, METHOD_BYTES_MAX};

/// The first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// A request.
    Request {
        /// Method token; case matters.
        method: &'a [u8],
        /// Request-URI, raw.
        uri: &'a [u8],
    },
    /// A response.
    Response {
        /// 100–699.
        status: u16,
        /// Reason phrase, any bytes.
        phrase: &'a [u8],
    },
}

/// One header field of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name, if known.
    pub name: HeaderName,
    /// The name as it stands.
    pub text: &'a [u8],
    /// The value, trimmed; folds stand in it as they came.
    pub value: &'a [u8],
}

/// Where a header stands in the message.
#[derive(Debug, Clone, Copy)]
struct Span {
    name: HeaderName,
    name_start: u16,
    name_end: u16,
    value_start: u16,
    value_end: u16,
}

/// A message that parsed, borrowed from its datagram.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    bytes: &'a [u8],
    start: StartLine<'a>,
    spans: [Span; HEADERS_MAX],
    count: usize,
    /// Index plus one of the first header of each name.
    first: [u8; HeaderName::COUNT],
    cseq: CSeq<'a>,
    body: &'a [u8],
}

const NO_SPAN: Span =
    Span { name: HeaderName::Other, name_start: 0, name_end: 0, value_start: 0, value_end: 0 };

impl<'a> Message<'a> {
    /// Parses a datagram. Octets beyond Content-Length are ignored (RFC 3261 section 18.3).
    ///
    /// # Errors
    /// The first fault; [`ParseError::verdict`] says what the sender should get.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let (mut message, fault) = Message::scan(datagram)?;
        match fault.or_else(|| message.check().err()) {
            None => Ok(message),
            Some(fault) => Err(fault),
        }
    }

    /// What can be made out of a request that does not parse, so that it can be answered: `None` if it has no method,
    /// if it is an ACK, or if it has no Via, and so deserves silence.
    pub fn salvage(datagram: &'a [u8]) -> Option<Self> {
        let (message, _) = Message::scan(datagram).ok()?;
        let method = message.method()?;
        let answerable = !method.is_empty() && method != b"ACK" && message.has(HeaderName::Via);
        answerable.then_some(message)
    }

    /// Cuts the datagram into spans. Goes on after a fault, which it returns beside the message.
    fn scan(datagram: &'a [u8]) -> Result<(Self, Option<ParseError>), ParseError> {
        // RFC 3261 section 7.5: CRLFs before the start line are ignored.
        let leading = datagram.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let bytes = &datagram[leading..];
        if bytes.is_empty() {
            return Err(ParseError::KeepAlive);
        }
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(ParseError::TooLong);
        }
        let mut lines = Lines { bytes, at: 0, fault: None };
        let first_line = lines.next(false).ok_or(ParseError::StartLine)?;
        let (start, start_fault) = parse_start_line(first_line.0, bytes)?;
        let mut message = Message {
            bytes,
            start,
            spans: [NO_SPAN; HEADERS_MAX],
            count: 0,
            first: [0; HeaderName::COUNT],
            cseq: CSeq { number: 0, method: b"" },
            body: b"",
        };
        let mut fault = start_fault;
        loop {
            let Some((line, line_start)) = lines.next(true) else {
                fault = fault.or(lines.fault).or(Some(ParseError::Truncated));
                break;
            };
            if line.is_empty() {
                fault = fault.or(lines.fault);
                message.body = &bytes[lines.at..];
                break;
            }
            if let Err(header_fault) = message.push(line, line_start) {
                fault = fault.or(Some(header_fault));
                if header_fault == ParseError::TooManyHeaders {
                    break;
                }
            }
        }
        Ok((message, fault))
    }

    fn push(&mut self, line: &'a [u8], line_start: usize) -> Result<(), ParseError> {
        let colon = line.iter().position(|byte| *byte == b':').ok_or(ParseError::HeaderLine)?;
        // White space before the colon is legal (section 7.3.1) and must not make another name of it.
        let text = line[..colon].trim_ascii_end();
        if !is_token(text) {
            return Err(ParseError::HeaderLine);
        }
        let slot = self.spans.get_mut(self.count).ok_or(ParseError::TooManyHeaders)?;
        let name = HeaderName::of(text);
        let value = line[colon + 1..].trim_ascii();
        let lead = line[colon + 1..].len() - line[colon + 1..].trim_ascii_start().len();
        let value_start = line_start + colon + 1 + lead;
        *slot = Span {
            name,
            name_start: line_start as u16,
            name_end: (line_start + text.len()) as u16,
            value_start: value_start as u16,
            value_end: (value_start + value.len()) as u16,
        };
        self.count += 1;
        let first = &mut self.first[name as usize];
        if *first == 0 {
            *first = self.count as u8;
        } else if name.stands_once() {
            return Err(ParseError::Repeated(name));
        }
        Ok(())
    }

    /// Checks what every message must have, and reads CSeq and Content-Length.
    fn check(&mut self) -> Result<(), ParseError> {
        use HeaderName::{
            CSeq as CSeqName, CallId, Contact, ContentType, From, MaxForwards, To, Via as ViaName,
        };
        for name in [ViaName, CallId, CSeqName, From, To] {
            if !self.has(name) {
                return Err(ParseError::Missing(name));
            }
        }
        if let StartLine::Request { uri, .. } = self.start {
            check_request_uri(uri)?;
        }
        let cseq = self.header(CSeqName).and_then(CSeq::parse).ok_or(ParseError::Malformed(CSeqName))?;
        self.cseq = cseq;
        let call_id = self.call_id();
        if call_id.is_empty()
            || call_id.len() > CALL_ID_BYTES_MAX
            || call_id.iter().any(|byte| *byte <= b' ' || *byte == 0x7f)
        {
            return Err(ParseError::Malformed(CallId));
        }
        self.via().ok_or(ParseError::Malformed(ViaName))?;
        self.to().ok_or(ParseError::Malformed(To))?;
        self.body = self.framed_body()?;
        let StartLine::Request { method, .. } = self.start else { return Ok(()) };

        if cseq.method != method {
            return Err(ParseError::CSeqMethod);
        }
        self.from().ok_or(ParseError::Malformed(From))?;
        if let Some(value) = self.header(MaxForwards)
            && decimal(value).is_none_or(|hops| hops > 255)
        {
            return Err(ParseError::Malformed(MaxForwards));
        }
        if self.values(Contact).any(|value| value != b"*" && NameAddr::parse(value).is_none()) {
            return Err(ParseError::Malformed(Contact));
        }
        if !self.body.is_empty() && !self.has(ContentType) {
            return Err(ParseError::NoContentType);
        }
        Ok(())
    }

    /// The body as Content-Length says; without one, all that is left of the datagram (RFC 3261 section 18.3).
    fn framed_body(&self) -> Result<&'a [u8], ParseError> {
        let mut length = None;
        for value in self.headers(HeaderName::ContentLength) {
            let this = decimal(value).ok_or(ParseError::ContentLength)?;
            if length.is_some_and(|length| length != this) {
                return Err(ParseError::ContentLength);
            }
            length = Some(this);
        }
        match length {
            None => Ok(self.body),
            Some(length) => {
                let length = usize::try_from(length).map_err(|_| ParseError::ContentLength)?;
                self.body.get(..length).ok_or(ParseError::ContentLength)
            }
        }
    }

    /// The first line.
    pub fn start(&self) -> StartLine<'a> {
        self.start
    }

    /// The method of a request.
    pub fn method(&self) -> Option<&'a [u8]> {
        match self.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Response { .. } => None,
        }
    }

    /// The Request-URI of a request, raw; empty for a response.
    pub fn request_uri(&self) -> &'a [u8] {
        match self.start {
            StartLine::Request { uri, .. } => uri,
            StartLine::Response { .. } => b"",
        }
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            StartLine::Response { status, .. } => Some(status),
            StartLine::Request { .. } => None,
        }
    }

    /// The body.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Every header in order.
    pub fn all(&self) -> impl Iterator<Item = Header<'a>> + '_ {
        self.spans[..self.count].iter().map(|span| self.resolve(span))
    }

    /// A header of this name is there.
    pub fn has(&self, name: HeaderName) -> bool {
        self.first[name as usize] != 0
    }

    /// The value of the first header of this name.
    pub fn header(&self, name: HeaderName) -> Option<&'a [u8]> {
        let index = usize::from(self.first[name as usize]).checked_sub(1)?;
        Some(self.resolve(&self.spans[index]).value)
    }

    /// The values of all headers of this name, one for each line.
    pub fn headers(&self, name: HeaderName) -> impl Iterator<Item = &'a [u8]> + '_ {
        let from = usize::from(self.first[name as usize]);
        let spans = if from == 0 { &[] } else { &self.spans[from - 1..self.count] };
        spans.iter().filter(move |span| span.name == name).map(|span| self.resolve(span).value)
    }

    /// The values of all headers of this name, comma-joined ones taken apart.
    pub fn values(&self, name: HeaderName) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.headers(name).flat_map(Values::new)
    }

    /// The value of the first header with a name that [`HeaderName`] does not list.
    pub fn other(&self, name: &str) -> Option<&'a [u8]> {
        self.all().find(|header| header.text.eq_ignore_ascii_case(name.as_bytes())).map(|header| header.value)
    }

    /// The topmost Via.
    pub fn via(&self) -> Option<Via<'a>> {
        Via::parse(self.values(HeaderName::Via).next()?)
    }

    /// CSeq.
    pub fn cseq(&self) -> CSeq<'a> {
        self.cseq
    }

    /// Call-ID.
    pub fn call_id(&self) -> &'a [u8] {
        self.header(HeaderName::CallId).unwrap_or_default()
    }

    /// From.
    pub fn from(&self) -> Option<NameAddr<'a>> {
        NameAddr::parse(self.header(HeaderName::From)?)
    }

    /// To.
    pub fn to(&self) -> Option<NameAddr<'a>> {
        NameAddr::parse(self.header(HeaderName::To)?)
    }

    /// The first Contact.
    pub fn contact(&self) -> Option<NameAddr<'a>> {
        NameAddr::parse(self.values(HeaderName::Contact).next()?)
    }

    /// Content-Type is this media type; parameters and case do not matter.
    pub fn has_content_type(&self, wanted: &str) -> bool {
        self.header(HeaderName::ContentType).is_some_and(|value| {
            let media_type = value.split(|byte| *byte == b';').next().unwrap_or_default();
            media_type.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes())
        })
    }

    /// The SDP in the body, if that is what the body is.
    pub fn sdp(&self) -> Option<&'a [u8]> {
        (!self.body.is_empty() && self.has_content_type("application/sdp")).then_some(self.body)
    }

    /// The Q.850 cause of a Reason header (RFC 3326 section 2), 1–127.
    pub fn q850(&self) -> Option<u8> {
        self.values(HeaderName::Reason).find_map(|value| {
            let semicolon = value.iter().position(|byte| *byte == b';')?;
            let (protocol, params) = value.split_at(semicolon);
            if !protocol.trim_ascii().eq_ignore_ascii_case(b"Q.850") {
                return None;
            }
            let cause = decimal(super::Params::new(params).value(b"cause")?)?;
            u8::try_from(cause).ok().filter(|cause| (1..=127).contains(cause))
        })
    }

    /// Retry-After in seconds; more than a day is a day.
    pub fn retry_after_s(&self) -> Option<u32> {
        const DAY_S: u64 = 86_400;
        let value = self.header(HeaderName::RetryAfter)?;
        let digits = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
        decimal(&value[..digits]).map(|seconds| seconds.min(DAY_S) as u32)
    }

    fn resolve(&self, span: &Span) -> Header<'a> {
        Header {
            name: span.name,
            text: &self.bytes[usize::from(span.name_start)..usize::from(span.name_end)],
            value: &self.bytes[usize::from(span.value_start)..usize::from(span.value_end)],
        }
    }
}

/// The second value is a fault after which the rest is still worth reading, to answer it.
fn parse_start_line<'a>(
    line: &'a [u8],
    bytes: &'a [u8],
) -> Result<(StartLine<'a>, Option<ParseError>), ParseError> {
    if line.len() >= 8 && line[..8].eq_ignore_ascii_case(b"SIP/2.0 ") {
        let rest = &line[8..];
        let (digits, phrase) = rest.split_at(rest.len().min(3));
        let status =
            decimal(digits).filter(|status| (100..700).contains(status)).ok_or(ParseError::Status)?;
        if digits.len() != 3 || !(phrase.is_empty() || phrase[0] == b' ') {
            return Err(ParseError::Status);
        }
        return Ok((StartLine::Response { status: status as u16, phrase: phrase.trim_ascii() }, None));
    }
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let (method, uri, version) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    // Other protocols share this port: what does not look like SIP at all is not read further.
    if !is_token(method) || method.len() > METHOD_BYTES_MAX || bytes.len() == line.len() {
        return Err(ParseError::StartLine);
    }
    let fault = if version.eq_ignore_ascii_case(b"SIP/2.0") {
        None
    } else if is_other_version(version) {
        Some(ParseError::Version)
    } else {
        Some(ParseError::StartLine)
    };
    Ok((StartLine::Request { method, uri }, fault))
}

/// `SIP/digits.digits`
fn is_other_version(text: &[u8]) -> bool {
    let Some(number) = text.get(4..).filter(|_| text[..4].eq_ignore_ascii_case(b"SIP/")) else {
        return false;
    };
    let mut parts = number.split(|byte| *byte == b'.');
    let digits = |part: Option<&[u8]>| part.is_some_and(|part| decimal(part).is_some());
    digits(parts.next()) && digits(parts.next()) && parts.next().is_none()
}

fn check_request_uri(uri: &[u8]) -> Result<(), ParseError> {
    // A name-addr without its brackets has the same syntax as what may stand here, whatever its scheme.
    let absolute =
        NameAddr::parse(uri).is_some_and(|parsed| parsed.display.is_empty()) && uri.first() != Some(&b'<');
    let colon = uri.iter().position(|byte| *byte == b':').unwrap_or(uri.len());
    let scheme = &uri[..colon];
    if scheme.eq_ignore_ascii_case(b"sip") || scheme.eq_ignore_ascii_case(b"sips") {
        // Headers are not allowed in a Request-URI (section 19.1.1).
        let allowed = Uri::parse(uri).is_some_and(|parsed| parsed.headers.is_empty());
        return if allowed { Ok(()) } else { Err(ParseError::RequestUri) };
    }
    if absolute { Ok(()) } else { Err(ParseError::RequestUri) }
}

/// Lines up to the empty one, folds joined (RFC 3261 section 7.3.1).
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The first bad line end or control character. Reading goes on, so that the message can be answered.
    fault: Option<ParseError>,
}

impl<'a> Lines<'a> {
    /// The next line without its end, and where it starts. `None` when no line end is left.
    fn next(&mut self, may_fold: bool) -> Option<(&'a [u8], usize)> {
        let start = self.at;
        let mut from = start;
        loop {
            let control = next_control(self.bytes, from)?;
            let mut line_end = control + 1;
            match self.bytes[control] {
                b'\n' => self.fault = self.fault.or(Some(ParseError::LineEnd)),
                b'\r' if self.bytes.get(control + 1) == Some(&b'\n') => line_end += 1,
                b'\t' => {
                    from = line_end;
                    continue;
                }
                byte => {
                    // A quoted pair may hold any other control character (section 25.1).
                    let escaped = control > start && self.bytes[control - 1] == b'\\' && byte != b'\r';
                    if !escaped {
                        self.fault = self.fault.or(Some(ParseError::LineEnd));
                    }
                    from = line_end;
                    continue;
                }
            }
            let folded = matches!(self.bytes.get(line_end), Some(b' ' | b'\t'));
            if may_fold && folded && control > start {
                from = line_end;
                continue;
            }
            self.at = line_end;
            return Some((&self.bytes[start..control], start));
        }
    }
}

/// The next byte below 0x20, eight bytes at a time.
fn next_control(bytes: &[u8], from: usize) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut at = from;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        // Borrow out of a byte below 0x20 sets its top bit; bytes with the top bit set themselves are masked out.
        // The lowest marked byte is always right, since borrows only travel upwards.
        let marked = word.wrapping_sub(LOW * 0x20) & !word & HIGH;
        if marked != 0 {
            return Some(at + (marked.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    bytes.get(at..)?.iter().position(|byte| *byte < 0x20).map(|offset| at + offset)
}
