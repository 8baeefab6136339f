//! The only place where SDP becomes a media plan.

use std::net::SocketAddr;

use media::{Codec, Direction, Latching, MediaPlan};
use sip::sdp::{self, LocalMedia, Negotiated, Refusal};

/// The payload type that we offer for telephone-event. 101 is what most gateways use; RFC 3551 leaves it free.
const TELEPHONE_EVENT: u8 = 101;

/// Packet time of everything that we send.
const PTIME_MS: u8 = 20;

/// Room for any description that we write.
pub(crate) const SDP_BYTES_MAX: usize = 1_024;

/// Our side of one call's session.
#[derive(Clone, Debug)]
pub(crate) struct LocalSession {
    /// What the far end shall send to.
    pub rtp: SocketAddr,
    /// Where it shall send RTCP when it does not want it on the RTP port.
    pub rtcp_port: u16,
    /// Most wanted first.
    pub codecs: std::sync::Arc<[Codec]>,
    /// The same in every description of the call.
    pub session_id: u64,
    /// One more in every description that differs.
    pub version: u64,
    /// From where audio is taken.
    pub latching: Latching,
}

impl LocalSession {
    /// Writes the offer of the INVITE into `out` ([`SDP_BYTES_MAX`]) and returns it.
    pub(crate) fn write_offer<'o>(&self, out: &'o mut [u8]) -> &'o [u8] {
        self.with_local(|local| {
            let len = sdp::write_offer(local, out).expect("an offer of two codecs has under 512 bytes");
            &out[..len]
        })
    }

    /// Reads the far end's answer.
    pub(crate) fn read_answer(&self, answer: &[u8]) -> Result<MediaPlan, Refusal> {
        let agreed = self.with_local(|local| sdp::read_answer(local, answer))?;
        // The far end sends events with the number of our offer (RFC 3264 section 5.1).
        Ok(self.plan(&agreed, agreed.telephone_event.map(|_| TELEPHONE_EVENT)))
    }

    /// Answers the far end's offer (re-INVITE, UPDATE) into `out`. The answer counts as a description of ours once it is
    /// sent: [`LocalSession::note_sent`].
    pub(crate) fn answer_offer(&self, offer: &[u8], out: &mut [u8]) -> Result<(MediaPlan, usize), Refusal> {
        let next = LocalSession { version: self.version + 1, ..self.clone() };
        let (agreed, len) = next.with_local(|local| sdp::answer_offer(local, offer, out))?;
        // Our answer repeats the offer's numbers (RFC 3264 section 6.1).
        Ok((self.plan(&agreed, agreed.telephone_event), len))
    }

    /// The answer that was written last leaves.
    pub(crate) fn note_sent(&mut self) {
        self.version += 1;
    }

    /// Offers anew what we have, for a re-INVITE without SDP.
    pub(crate) fn offer_again<'o>(&mut self, out: &'o mut [u8]) -> &'o [u8] {
        self.version += 1;
        self.write_offer(out)
    }

    fn with_local<R>(&self, use_it: impl FnOnce(&LocalMedia<'_>) -> R) -> R {
        let mut codecs = [sdp::Codec::Pcma; 2];
        let count = self.codecs.len().min(codecs.len());
        for (to, from) in codecs.iter_mut().zip(self.codecs.iter()) {
            *to = match from {
                Codec::Pcmu => sdp::Codec::Pcmu,
                Codec::Pcma => sdp::Codec::Pcma,
            };
        }
        use_it(&LocalMedia {
            rtp: self.rtp,
            // Unsaid where it is understood (RFC 3605 section 2.1).
            rtcp_port: Some(self.rtcp_port).filter(|port| Some(*port) != self.rtp.port().checked_add(1)),
            rtcp_mux: true,
            codecs: &codecs[..count],
            telephone_event: Some(TELEPHONE_EVENT),
            ptime_ms: PTIME_MS,
            direction: sdp::Direction::SendRecv,
            session_id: self.session_id,
            version: self.version,
        })
    }

    fn plan(&self, agreed: &Negotiated, telephone_event: Option<u8>) -> MediaPlan {
        MediaPlan {
            remote: agreed.remote,
            remote_rtcp: agreed.remote_rtcp,
            rtcp_mux: agreed.rtcp_mux,
            wants_rtcp: !agreed.remote.ip().is_unspecified(),
            codec: match agreed.codec {
                sdp::Codec::Pcmu => Codec::Pcmu,
                sdp::Codec::Pcma => Codec::Pcma,
            },
            payload_type: agreed.payload_type,
            telephone_event,
            direction: match agreed.direction {
                sdp::Direction::SendRecv => Direction::SendReceive,
                sdp::Direction::SendOnly => Direction::SendOnly,
                sdp::Direction::RecvOnly => Direction::ReceiveOnly,
                sdp::Direction::Inactive => Direction::Inactive,
            },
            latching: self.latching,
        }
    }
}

/// For the record: why a session could not be used.
pub(crate) fn explain(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Malformed(_) => "the far end's SDP could not be read",
        Refusal::NoAudio => "the far end's SDP has no audio",
        Refusal::Rejected => "the far end rejected the audio stream",
        Refusal::Protocol => "the far end wants another transport than plain RTP",
        Refusal::NoCodec => "the far end chose none of the line's codecs",
        Refusal::NoAddress => "the far end's SDP has no usable address",
        Refusal::NoRoom => "the far end's SDP is too large to answer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(rtcp_port: u16) -> String {
        let session = LocalSession {
            rtp: "10.0.0.1:4000".parse().expect("an address"),
            rtcp_port,
            codecs: [Codec::Pcma].into(),
            session_id: 1,
            version: 1,
            latching: Latching::SameHost,
        };
        let mut out = [0; SDP_BYTES_MAX];
        String::from_utf8_lossy(session.write_offer(&mut out)).into_owned()
    }

    #[test]
    fn an_offer_takes_rtcp_on_the_rtp_port_and_names_another_only_when_it_is_not_the_next() {
        assert!(offer(4_001).contains("a=rtcp-mux\r\n") && !offer(4_001).contains("a=rtcp:"));
        assert!(offer(51_234).contains("a=rtcp:51234\r\na=rtcp-mux\r\n"));
    }
}
