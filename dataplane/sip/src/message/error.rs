//! Why a datagram is not a message that we act on, and what its sender should hear about it.

use std::fmt;

/// What is wrong with a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParseError {
    /// Nothing but CRLF keep-alives (RFC 5626 section 3.5.1), or nothing at all.
    KeepAlive,
    /// Longer than [`MESSAGE_BYTES_MAX`](super::MESSAGE_BYTES_MAX).
    TooLong,
    /// The first line is neither a request line nor a status line.
    StartLine,
    /// The protocol version is not SIP/2.0.
    Version,
    /// The status code is not in 100–699.
    Status,
    /// No empty line after the headers.
    Truncated,
    /// A line ended with a bare LF, or a CR or another control character stood inside a line.
    LineEnd,
    /// More than [`HEADERS_MAX`](super::HEADERS_MAX) header fields.
    TooManyHeaders,
    /// A header line without a name or without a colon.
    HeaderLine,
    /// From, To, Call-ID, CSeq or Via is absent.
    Missing(super::HeaderName),
    /// A header that may stand once stands more often.
    Repeated(super::HeaderName),
    /// A header that we must understand does not parse.
    Malformed(super::HeaderName),
    /// The Request-URI does not parse, or carries headers.
    RequestUri,
    /// CSeq's method is not the request's.
    CSeqMethod,
    /// Content-Length is not a number, or two of them differ, or it promises more than arrived.
    ContentLength,
    /// There is a body but no Content-Type (RFC 3261 section 20.15).
    NoContentType,
}

/// What the sender of a bad datagram gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This status, if what arrived was a request other than ACK.
    Respond(u16),
    /// Silence.
    Drop,
}

impl ParseError {
    /// The answer that RFC 3261 gives a *request* with this fault. A response with any fault is dropped
    /// (section 18.1.2).
    pub fn verdict(self) -> Verdict {
        match self {
            ParseError::KeepAlive | ParseError::Status | ParseError::TooLong => Verdict::Drop,
            ParseError::Version => Verdict::Respond(505),
            _ => Verdict::Respond(400),
        }
    }

    /// A reason phrase for the answer: fixed text, never the peer's bytes.
    pub fn phrase(self) -> &'static str {
        match self {
            ParseError::Version => "Version Not Supported",
            ParseError::KeepAlive | ParseError::Status | ParseError::TooLong => "Bad Request",
            ParseError::StartLine => "Bad Request Line",
            ParseError::Truncated => "Truncated Message",
            ParseError::LineEnd => "Bad Line End Or Control Character",
            ParseError::TooManyHeaders => "Too Many Headers",
            ParseError::HeaderLine => "Bad Header Line",
            ParseError::Missing(_) => "Missing Header",
            ParseError::Repeated(_) => "Repeated Header",
            ParseError::Malformed(_) => "Malformed Header",
            ParseError::RequestUri => "Bad Request-URI",
            ParseError::CSeqMethod => "CSeq Method Mismatch",
            ParseError::ContentLength => "Bad Content-Length",
            ParseError::NoContentType => "Missing Content-Type",
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParseError::Missing(name) | ParseError::Repeated(name) | ParseError::Malformed(name) => {
                write!(f, "{}: {}", self.phrase(), name.as_str())
            }
            _ => f.write_str(self.phrase()),
        }
    }
}

impl std::error::Error for ParseError {}
