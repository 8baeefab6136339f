//! Our side of a session, and the SDP that describes it.

use std::net::SocketAddr;

use super::{Codec, Direction};
use crate::message::{WriteError, Writer};

/// Our side of one audio stream: what an offer says, and what an answer is read against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalMedia<'a> {
    /// The RTP address and port that peers shall send to.
    pub rtp: SocketAddr,
    /// The RTCP port; `None` leaves it at the RTP port plus one, unsaid.
    pub rtcp_port: Option<u16>,
    /// Offers RTCP on the RTP port (RFC 5761); `rtcp_port` is then for far ends that do not want that.
    pub rtcp_mux: bool,
    /// Codecs, most wanted first. At least one.
    pub codecs: &'a [Codec],
    /// Payload type for telephone-event, 96–127; `None` leaves it out.
    pub telephone_event: Option<u8>,
    /// Packet time in milliseconds.
    pub ptime_ms: u8,
    /// Which way we want media to flow.
    pub direction: Direction,
    /// Session id of the o= line; the same in every description of a call.
    pub session_id: u64,
    /// Session version of the o= line; one more in every description that differs.
    pub version: u64,
}

/// Writes an offer into `out` and returns its length.
///
/// # Errors
/// [`WriteError::Full`] when it does not fit; 512 bytes are always enough.
pub fn write_offer(local: &LocalMedia<'_>, out: &mut [u8]) -> Result<usize, WriteError> {
    let mut writer = Writer::new(out);
    write_head(local, &mut writer);
    writer.raw(b"m=audio ").number(u64::from(local.rtp.port())).raw(b" RTP/AVP");
    for codec in local.codecs {
        writer.raw(b" ").number(u64::from(codec.payload_type()));
    }
    if let Some(payload_type) = local.telephone_event {
        writer.raw(b" ").number(u64::from(payload_type));
    }
    writer.raw(b"\r\n");
    for codec in local.codecs {
        write_rtpmap(&mut writer, codec.payload_type(), codec.encoding());
    }
    if let Some(payload_type) = local.telephone_event {
        write_telephone_event(&mut writer, payload_type);
    }
    write_tail(local, local.direction, local.rtcp_port, local.rtcp_mux, &mut writer);
    writer.finish()
}

/// The session part, up to the m= line.
pub(super) fn write_head(local: &LocalMedia<'_>, writer: &mut Writer<'_>) {
    let family: &[u8] = if local.rtp.is_ipv4() { b"IP4 " } else { b"IP6 " };
    writer.raw(b"v=0\r\no=- ").number(local.session_id).raw(b" ").number(local.version).raw(b" IN ");
    writer.raw(family).display(local.rtp.ip()).raw(b"\r\ns=-\r\nc=IN ");
    writer.raw(family).display(local.rtp.ip()).raw(b"\r\nt=0 0\r\n");
}

pub(super) fn write_rtpmap(writer: &mut Writer<'_>, payload_type: u8, encoding: &str) {
    writer
        .raw(b"a=rtpmap:")
        .number(u64::from(payload_type))
        .raw(b" ")
        .raw(encoding.as_bytes())
        .raw(b"/8000\r\n");
}

pub(super) fn write_telephone_event(writer: &mut Writer<'_>, payload_type: u8) {
    write_rtpmap(writer, payload_type, "telephone-event");
    writer.raw(b"a=fmtp:").number(u64::from(payload_type)).raw(b" 0-15\r\n");
}

/// The attributes after the codecs.
pub(super) fn write_tail(
    local: &LocalMedia<'_>,
    direction: Direction,
    rtcp_port: Option<u16>,
    mux: bool,
    writer: &mut Writer<'_>,
) {
    writer.raw(b"a=ptime:").number(u64::from(local.ptime_ms)).raw(b"\r\n");
    if let Some(port) = rtcp_port {
        writer.raw(b"a=rtcp:").number(u64::from(port)).raw(b"\r\n");
    }
    if mux {
        writer.raw(b"a=rtcp-mux\r\n");
    }
    writer.raw(b"a=").raw(direction.as_str().as_bytes()).raw(b"\r\n");
}
