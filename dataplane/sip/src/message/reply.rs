//! The headers that a response takes from its request (RFC 3261 section 8.2.6.2), and where it goes (section 18.2.2,
//! RFC 3581).

use std::net::SocketAddr;

use super::header::HeaderName;
use super::parse::Message;
use super::values::Values;
use super::via::Via;
use super::writer::Writer;

/// Where SIP over UDP lives when nothing else is said.
const DEFAULT_PORT: u16 = 5060;

/// A response to one request.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'m, 'a> {
    request: &'m Message<'a>,
    source: SocketAddr,
}

impl<'m, 'a> Reply<'m, 'a> {
    /// To a request that came from `source`.
    pub fn new(request: &'m Message<'a>, source: SocketAddr) -> Self {
        Reply { request, source }
    }

    /// The address to send it to: where the request came from with `rport`, else its address and the Via's port.
    pub fn destination(&self) -> SocketAddr {
        match self.request.via() {
            Some(via) if via.params.find(b"rport").is_none() => {
                SocketAddr::new(self.source.ip(), via.port.unwrap_or(DEFAULT_PORT))
            }
            _ => self.source,
        }
    }

    /// Writes the status line, Via, From, To, Call-ID and CSeq. `to_tag` is added where the request has none.
    pub fn head(&self, status: u16, phrase: &str, to_tag: &[u8], writer: &mut Writer<'_>) {
        writer.status_line(status, phrase);
        let mut is_top = true;
        for field in self.request.headers(HeaderName::Via) {
            for value in Values::new(field) {
                writer.raw(b"Via: ");
                match Via::parse(value) {
                    Some(via) if is_top => self.write_top_via(&via, writer),
                    _ => {
                        writer.mirrored(value);
                    }
                }
                writer.raw(b"\r\n");
                is_top = false;
            }
        }
        for name in [HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq] {
            if let Some(value) = self.request.header(name) {
                writer.raw(name.as_str().as_bytes()).raw(b": ").mirrored(value);
                let wants_tag = name == HeaderName::To && !to_tag.is_empty();
                if wants_tag && self.request.to().is_some_and(|to| to.tag().is_none()) {
                    writer.raw(b";tag=").value(to_tag);
                }
                writer.raw(b"\r\n");
            }
        }
    }

    /// Mirrors Record-Route, for responses that make a dialog (section 12.1.1).
    pub fn record_routes(&self, writer: &mut Writer<'_>) {
        for value in self.request.headers(HeaderName::RecordRoute) {
            writer.raw(b"Record-Route: ").mirrored(value).raw(b"\r\n");
        }
    }

    fn write_top_via(&self, via: &Via<'_>, writer: &mut Writer<'_>) {
        writer.raw(b"SIP/2.0/").mirrored(via.transport).raw(b" ").mirrored(via.sent_by);
        for param in via.params {
            if param.name.eq_ignore_ascii_case(b"received") {
                continue;
            }
            writer.raw(b";").mirrored(param.name);
            if param.name.eq_ignore_ascii_case(b"rport") {
                writer.raw(b"=").number(u64::from(self.source.port()));
            } else if let Some(value) = param.value {
                writer.raw(b"=").mirrored(value);
            }
        }
        writer.raw(b";received=").display(self.source.ip());
    }
}
