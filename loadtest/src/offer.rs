//! The caller's session description, and ours.
//!
//! Owns just enough of RFC 4566 and RFC 3264 for one G.711 stream with telephone-event.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::str;

use crate::audio::Law;

/// Lines of a description that are looked at.
const LINES_MAX: usize = 200;

/// What the caller's description lets us send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stream {
    /// Where the caller wants its audio; port 0 or address 0.0.0.0: nowhere.
    pub(crate) remote: SocketAddrV4,
    pub(crate) law: Law,
    /// Payload type of telephone-event at 8 kHz, if offered.
    pub(crate) event_type: Option<u8>,
    /// Whether the caller listens: neither `sendonly` nor `inactive`.
    pub(crate) listens: bool,
    /// Where the caller wants its RTCP if it is not muxed: the port after that of its audio, or what `a=rtcp` says (RFC 3605).
    pub(crate) rtcp: SocketAddrV4,
    /// Whether the caller can take RTCP at the port of its audio (RFC 5761 section 5.1.1).
    pub(crate) can_mux: bool,
}

impl Stream {
    /// Reads an offer (or answer): the first audio stream, the first of its payload types that is PCMU or PCMA.
    pub(crate) fn read(sdp: &[u8]) -> Option<Self> {
        let text = str::from_utf8(sdp).ok()?;
        let mut address: Option<Ipv4Addr> = None;
        let mut audio: Option<(u16, Law)> = None;
        let (mut event_type, mut listens, mut rtcp, mut can_mux) = (None, true, None, false);
        for line in text.lines().take(LINES_MAX) {
            match line.split_once('=')? {
                // The connection of the stream replaces that of the session.
                ("c", value) => {
                    address = Some(value.strip_prefix("IN IP4 ")?.split('/').next()?.trim().parse().ok()?);
                }
                ("m", _) if audio.is_some() => break,
                ("m", value) => {
                    let mut words = value.split_ascii_whitespace();
                    if words.next() != Some("audio") {
                        continue;
                    }
                    let port = words.next()?.parse().ok()?;
                    let law = words.skip(1).find_map(|pt| match pt {
                        "0" => Some(Law::Mu),
                        "8" => Some(Law::A),
                        _ => None,
                    });
                    audio = Some((port, law?));
                }
                ("a", "sendonly" | "inactive") => listens = false,
                ("a", "rtcp-mux") if audio.is_some() => can_mux = true,
                ("a", value) if audio.is_some() && value.starts_with("rtcp:") => {
                    let mut words = value["rtcp:".len()..].split_ascii_whitespace();
                    let port: u16 = words.next()?.parse().ok()?;
                    rtcp = Some((port, words.nth(2).and_then(|ip| ip.parse::<Ipv4Addr>().ok())));
                }
                ("a", value) if audio.is_some() => {
                    if let Some((pt, name)) = value.strip_prefix("rtpmap:").and_then(|v| v.split_once(' '))
                        && name.trim().eq_ignore_ascii_case("telephone-event/8000")
                    {
                        event_type = pt.parse().ok().filter(|pt| (96..128).contains(pt));
                    }
                }
                _ => {}
            }
        }
        let (port, law) = audio?;
        let remote = SocketAddrV4::new(address?, port);
        listens &= port != 0 && !remote.ip().is_unspecified();
        let (rtcp_port, rtcp_ip) = rtcp.unwrap_or((port.saturating_add(1), None));
        let rtcp = SocketAddrV4::new(rtcp_ip.unwrap_or(*remote.ip()), rtcp_port);
        Some(Self { remote, law, event_type, listens, rtcp, can_mux })
    }
}

/// Our answer to a stream, or our offer when the INVITE had none. `muxes`: RTCP may come, or comes, to the same port.
pub(crate) fn write(local: SocketAddrV4, stream: Option<&Stream>, muxes: bool) -> String {
    let mux = if muxes { "a=rtcp-mux\r\n" } else { "" };
    let ip = local.ip();
    let port = local.port();
    let (types, maps) = match stream {
        None => ("8 0 101".to_owned(), event_map(Some(101))),
        Some(Stream { law, event_type, .. }) => (
            event_type.map_or(law.payload_type().to_string(), |pt| format!("{} {pt}", law.payload_type())),
            event_map(*event_type),
        ),
    };
    format!(
        "v=0\r\no=carrier 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {types}\r\n{maps}{mux}a=ptime:20\r\na=sendrecv\r\n"
    )
}

fn event_map(event_type: Option<u8>) -> String {
    event_type
        .map_or(String::new(), |pt| format!("a=rtpmap:{pt} telephone-event/8000\r\na=fmtp:{pt} 0-15\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_law_offered_is_taken() {
        let sdp = b"v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 4000 RTP/AVP 9 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";
        let stream = Stream::read(sdp).unwrap();
        assert_eq!(stream.remote.to_string(), "1.2.3.4:4000");
        assert_eq!((stream.law, stream.event_type, stream.listens), (Law::A, Some(101), true));
    }

    #[test]
    fn the_address_of_the_stream_replaces_that_of_the_session() {
        let sdp =
            b"c=IN IP4 1.2.3.4\nm=audio 4000 RTP/AVP 0\nc=IN IP4 5.6.7.8\na=sendonly\nm=video 1 RTP/AVP 8\n";
        let stream = Stream::read(sdp).unwrap();
        assert_eq!((stream.remote.ip().to_string().as_str(), stream.listens), ("5.6.7.8", false));
    }

    #[test]
    fn rtcp_goes_where_the_caller_wants_it() {
        let read = |more: &str| {
            let sdp = format!("c=IN IP4 1.2.3.4\nm=audio 4000 RTP/AVP 0\n{more}");
            let stream = Stream::read(sdp.as_bytes()).unwrap();
            (stream.rtcp.to_string(), stream.can_mux)
        };
        assert_eq!(read(""), ("1.2.3.4:4001".to_owned(), false));
        assert_eq!(read("a=rtcp-mux\na=rtcp:4000\n"), ("1.2.3.4:4000".to_owned(), true));
        assert_eq!(read("a=rtcp:9 IN IP4 5.6.7.8\n"), ("5.6.7.8:9".to_owned(), false));
    }

    #[test]
    fn what_has_no_g711_or_no_address_is_refused() {
        for sdp in
            ["", "junk", "c=IN IP4 1.2.3.4\nm=audio 1 RTP/AVP 9\n", "m=audio 1 RTP/AVP 0\n", "c=IN IP6 ::1\n"]
        {
            assert_eq!(Stream::read(sdp.as_bytes()), None, "{sdp}");
        }
    }

    #[test]
    fn an_answer_names_what_was_offered_and_no_more() {
        let local = "127.0.0.1:9000".parse().unwrap();
        let offer =
            Stream::read(b"c=IN IP4 1.2.3.4\nm=audio 4000 RTP/AVP 0 96\na=rtpmap:96 telephone-event/8000\n");
        let answer = write(local, offer.as_ref(), false);
        assert!(answer.contains("m=audio 9000 RTP/AVP 0 96\r\n"));
        assert!(write(local, None, true).contains("a=rtcp-mux\r\n"));
        assert!(write(local, None, false).contains("RTP/AVP 8 0 101\r\n"));
    }
}
