//! Audio of one call: what is sent, what is heard, its RTCP.

use std::net::SocketAddrV4;

use super::stage::Stage;
use crate::net::Datagram;
use crate::offer::Stream;
use crate::rtcp::Control;
use crate::rtp::{Arrival, Reception, Sender, is_control};

/// Audio of one call.
#[derive(Debug)]
pub(crate) struct Media {
    /// Index of its far address.
    pub(crate) place: u32,
    /// Where the caller listens; `None`: not known yet, or nowhere.
    pub(crate) remote: Option<SocketAddrV4>,
    pub(crate) event_type: Option<u8>,
    pub(crate) sender: Sender,
    pub(crate) reception: Reception,
    /// `None`: the call has no RTCP, or not yet.
    pub(crate) control: Option<Box<Control>>,
    /// Who answered, if it is one of the cast.
    pub(crate) stage: Option<Box<Stage>>,
    /// Its index in the measuring window, set when that begins.
    pub(crate) watched: Option<u32>,
    /// The first address that audio came from; from others it is strange.
    source: Option<SocketAddrV4>,
    /// Its phase while it sends, and its index there.
    pub(super) beat: Option<(usize, usize)>,
}

impl Media {
    pub(crate) fn new(place: u32, offer: Option<&Stream>, sender: Sender) -> Self {
        Self {
            place,
            remote: offer.filter(|s| s.listens).map(|s| s.remote),
            event_type: offer.and_then(|s| s.event_type),
            sender,
            reception: Reception::default(),
            control: None,
            stage: None,
            watched: None,
            source: None,
            beat: None,
        }
    }

    /// A datagram at the RTP address.
    pub(crate) fn hear(&mut self, datagram: &Datagram<'_>) -> Arrival {
        if self.control.as_ref().is_some_and(|control| control.is_muxed) && is_control(datagram.bytes) {
            self.hear_control(datagram);
            return Arrival::Nothing;
        }
        if *self.source.get_or_insert(datagram.from) == datagram.from {
            let arrival = self.reception.on_packet(datagram.bytes, datagram.at_us, self.event_type);
            if let Some(stage) = &mut self.stage {
                stage.hear(datagram, arrival);
            }
            arrival
        } else {
            self.reception.on_strange();
            Arrival::Nothing
        }
    }

    /// A datagram at the RTCP address, or RTCP at the RTP address.
    pub(crate) fn hear_control(&mut self, datagram: &Datagram<'_>) {
        if let Some(control) = &mut self.control {
            control.hear(datagram.bytes, datagram.from, datagram.at_us, &self.sender, &self.reception);
        }
    }

    /// Its place in the beat has changed.
    pub(crate) fn moved_to(&mut self, index: usize) {
        if let Some((_, own)) = &mut self.beat {
            *own = index;
        }
    }
}
