//! What two descriptions agree on.

use std::net::{IpAddr, SocketAddr};

use super::description::{Connection, Description, MediaLine, SdpError, number};
use super::offer::{LocalMedia, write_head, write_rtpmap, write_tail, write_telephone_event};
use super::{Codec, Direction};
use crate::message::{WriteError, Writer};

/// Packet times that we send. Beyond these a peer's wish is clamped: shorter costs packets for nothing, longer is
/// refused by many gateways.
const PTIME_MS: std::ops::RangeInclusive<u64> = 10..=60;

/// What both sides agreed on, from our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiated {
    /// Where our RTP goes. Its address is unspecified when the far end put us on hold the old way (`c=0.0.0.0`).
    pub remote: SocketAddr,
    /// Where our RTCP goes.
    pub remote_rtcp: SocketAddr,
    /// RTCP shares the RTP port.
    pub rtcp_mux: bool,
    /// The codec to send. The far end may send any codec of our description.
    pub codec: Codec,
    /// The payload type to send it with.
    pub payload_type: u8,
    /// The payload type for telephone-event packets that we send; `None` if the far end does not take them. It sends
    /// them with the number in *our* description.
    pub telephone_event: Option<u8>,
    /// Packet time to send, 10–60 ms.
    pub ptime_ms: u8,
    /// Which way media flows, seen from us.
    pub direction: Direction,
    /// The far end holds the call: it does not listen, or has no address.
    pub hold: bool,
}

/// Why there is no agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The description does not parse.
    Malformed(SdpError),
    /// There is no audio line.
    NoAudio,
    /// The audio line has port 0.
    Rejected,
    /// The audio line is not plain RTP (`RTP/AVP`).
    Protocol,
    /// None of our codecs.
    NoCodec,
    /// No c= line, or a host name in it, or a multicast address.
    NoAddress,
    /// Our answer does not fit in the slice that was lent for it.
    NoRoom,
}

impl Refusal {
    /// The status that refuses an offer for this reason.
    pub fn status(self) -> u16 {
        match self {
            Refusal::Malformed(SdpError::TooLong) | Refusal::NoRoom => 488,
            Refusal::Malformed(_) => 400,
            _ => 488,
        }
    }
}

impl From<SdpError> for Refusal {
    fn from(error: SdpError) -> Self {
        Refusal::Malformed(error)
    }
}

impl From<WriteError> for Refusal {
    fn from(_: WriteError) -> Self {
        Refusal::NoRoom
    }
}

/// Reads the answer to an offer that we made from `local` (RFC 3264 section 7).
///
/// # Errors
/// Why no audio can flow.
pub fn read_answer(local: &LocalMedia<'_>, answer: &[u8]) -> Result<Negotiated, Refusal> {
    let description = Description::parse(answer)?;
    let media = description.media().iter().find(|media| media.kind.eq_ignore_ascii_case(b"audio"));
    let media = media.ok_or(Refusal::NoAudio)?;
    if media.port == 0 {
        return Err(Refusal::Rejected);
    }
    agree(local, &description, media)
}

/// Answers an offer, such as that of a re-INVITE, into `out` (RFC 3264 section 6): the first audio line that can be,
/// every other line rejected with port 0. Returns the agreement and the length of the answer.
///
/// # Errors
/// Why no audio can flow; [`Refusal::status`] refuses the offer.
pub fn answer_offer(
    local: &LocalMedia<'_>,
    offer: &[u8],
    out: &mut [u8],
) -> Result<(Negotiated, usize), Refusal> {
    let description = Description::parse(offer)?;
    let mut refusal = Refusal::NoAudio;
    let mut chosen = None;
    for (index, media) in description.media().iter().enumerate() {
        if !media.kind.eq_ignore_ascii_case(b"audio") {
            continue;
        }
        let result = if media.port == 0 { Err(Refusal::Rejected) } else { agree(local, &description, media) };
        match result {
            Ok(negotiated) => {
                chosen = Some((index, negotiated));
                break;
            }
            Err(reason) => refusal = reason,
        }
    }
    let (chosen, negotiated) = chosen.ok_or(refusal)?;

    let mut writer = Writer::new(out);
    write_head(local, &mut writer);
    for (index, media) in description.media().iter().enumerate() {
        if index == chosen {
            write_accepted(local, media, &negotiated, &mut writer);
        } else {
            writer.raw(b"m=").value(media.kind).raw(b" 0 ").value(media.protocol).raw(b" ");
            writer.value(media.formats()).raw(b"\r\n");
        }
    }
    Ok((negotiated, writer.finish()?))
}

fn write_accepted(
    local: &LocalMedia<'_>,
    media: &MediaLine<'_>,
    agreed: &Negotiated,
    writer: &mut Writer<'_>,
) {
    writer.raw(b"m=audio ").number(u64::from(local.rtp.port())).raw(b" ").value(media.protocol);
    writer.raw(b" ").number(u64::from(agreed.payload_type));
    if let Some(payload_type) = agreed.telephone_event {
        writer.raw(b" ").number(u64::from(payload_type));
    }
    writer.raw(b"\r\n");
    write_rtpmap(writer, agreed.payload_type, agreed.codec.encoding());
    if let Some(payload_type) = agreed.telephone_event {
        write_telephone_event(writer, payload_type);
    }
    let rtcp_port = local.rtcp_port.filter(|_| !agreed.rtcp_mux);
    write_tail(local, agreed.direction, rtcp_port, agreed.rtcp_mux, writer);
}

fn agree(
    local: &LocalMedia<'_>,
    session: &Description<'_>,
    media: &MediaLine<'_>,
) -> Result<Negotiated, Refusal> {
    if !media.protocol.eq_ignore_ascii_case(b"RTP/AVP") {
        return Err(Refusal::Protocol);
    }
    let Some(Connection::Address(address)) = media.connection.or(session.connection) else {
        return Err(Refusal::NoAddress);
    };
    if address.is_multicast() || address == IpAddr::from([255, 255, 255, 255]) {
        return Err(Refusal::NoAddress);
    }
    let (codec, payload_type) = media
        .payload_types()
        .find_map(|number| codec_of(media, number).filter(|(codec, _)| local.codecs.contains(codec)))
        .ok_or(Refusal::NoCodec)?;
    let telephone_event = local.telephone_event.and_then(|_| {
        media.payload_types().find(|number| {
            media.rtpmap(*number).is_some_and(|(encoding, rate)| {
                encoding.eq_ignore_ascii_case(b"telephone-event") && rate == 8_000
            })
        })
    });
    let theirs = media.direction().or(session.direction()).unwrap_or(Direction::SendRecv);
    let no_address = address.is_unspecified();
    let wanted = theirs.reversed();
    let direction = match (
        wanted.sends() && local.direction.sends() && !no_address,
        wanted.receives() && local.direction.receives(),
    ) {
        (true, true) => Direction::SendRecv,
        (true, false) => Direction::SendOnly,
        (false, true) => Direction::RecvOnly,
        (false, false) => Direction::Inactive,
    };
    let rtcp_mux = local.rtcp_mux && media.attribute(b"rtcp-mux").is_some();
    let rtcp_port = if rtcp_mux { media.port } else { rtcp_port(media) };
    Ok(Negotiated {
        remote: SocketAddr::new(address, media.port),
        remote_rtcp: SocketAddr::new(address, rtcp_port),
        rtcp_mux,
        codec,
        payload_type,
        telephone_event,
        ptime_ms: ptime(media, local.ptime_ms),
        direction,
        hold: no_address || !theirs.receives(),
    })
}

/// The codec behind a payload type: by rtpmap, or by the static table when there is none.
fn codec_of(media: &MediaLine<'_>, payload_type: u8) -> Option<(Codec, u8)> {
    let codec = match media.rtpmap(payload_type) {
        Some((encoding, 8_000)) if encoding.eq_ignore_ascii_case(b"PCMU") => Codec::Pcmu,
        Some((encoding, 8_000)) if encoding.eq_ignore_ascii_case(b"PCMA") => Codec::Pcma,
        Some(_) => return None,
        None if payload_type == Codec::Pcmu.payload_type() => Codec::Pcmu,
        None if payload_type == Codec::Pcma.payload_type() => Codec::Pcma,
        None => return None,
    };
    Some((codec, payload_type))
}

/// RFC 3605; without the attribute, or with a bad one, the next port.
fn rtcp_port(media: &MediaLine<'_>) -> u16 {
    media
        .attribute(b"rtcp")
        .and_then(|value| number(value.split(|byte| *byte == b' ').next()?))
        .and_then(|port| u16::try_from(port).ok())
        .filter(|port| *port != 0)
        .unwrap_or(media.port.saturating_add(1))
}

/// The first a=ptime that is a number, clamped, rounded to whole 10 ms, and no longer than maxptime.
fn ptime(media: &MediaLine<'_>, default_ms: u8) -> u8 {
    let wish = media.attribute(b"ptime").and_then(number).unwrap_or(u64::from(default_ms));
    let longest = media.attribute(b"maxptime").and_then(number).unwrap_or(*PTIME_MS.end());
    let clamped = wish.min(longest).clamp(*PTIME_MS.start(), *PTIME_MS.end());
    (clamped / 10 * 10) as u8
}
