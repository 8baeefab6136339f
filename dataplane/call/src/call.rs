//! One call: where it stands, and what it has been through.
//!
//! ```text
//!          send_at             1xx              2xx
//! Waiting ─────────▶ Dialling ─────▶ Dialling ───────▶ Talking
//!    │ hang-up           │ final, ring limit, hang-up     │ BYE, hang-up
//!    ▼                   ▼                                ▼
//!  (gone)              Over ◀─────────────────────────── Over ── Released ──▶ (gone)
//! ```

use std::{mem::offset_of, time::Instant};

use common::{Outcome, slab::Key};
use media::{MediaSession, PortLease, Relay};
use script::TransferMode;
use sip::{CallHandle, ForkId};

use crate::{
    Order,
    dialogue::Dialogue,
    event::{CallName, Ended, Stamps},
    negotiate::LocalSession,
    order::HungUpBy,
    phases::Place,
};

/// What a tick or a packet touches of a [`Call`] lies within so many bytes of its start, unless something unusual
/// happens. The slab's generation stands before it.
pub(crate) const HOT_BYTES: usize =
    16 + offset_of!(Call, media) + offset_of!(Media, session) + MediaSession::HOT_BYTES;

/// In the order of its fields: what each tick and packet touches comes first.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Call {
    /// When the script wants to be told the time; looked at by each tick.
    pub script_at: Option<Instant>,
    /// Set when we decide to end the call, before the far end has confirmed.
    pub given_up: Option<HungUpBy>,
    /// Something is being said whose first packet has not left.
    pub is_unheard: bool,
    /// What the far end says goes to the call of [`Call::bridge`].
    pub is_joined: bool,
    /// Begun so far. Behind the flags, where it takes no room.
    pub transfers: u32,
    pub media: Option<Media>,
    pub order: Box<Order>,
    pub state: State,
    pub stamps: Stamps,
    /// Since the INVITE has left; the SIP side may forget the call before its end is looked at.
    pub call_id: String,
    /// The one instant at which this call wants to be looked at next, apart from its tick.
    pub deadline: Option<Instant>,
    pub dialogue: Box<Dialogue>,
    /// The callee is being given to somebody else.
    pub transfer: Option<Transfer>,
    /// The other call, where two are joined or shall be.
    pub bridge: Option<Box<Bridge>>,
    /// Why the session could not be used, if so.
    pub unusable: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// [`Order::send_at`] has not come.
    Waiting,
    /// The INVITE has left.
    Dialling { sip: CallHandle },
    /// Answered.
    Talking { sip: CallHandle },
    /// [`Ended`] has been reported; the last messages are under way.
    Over,
}

/// The audio of a call, from INVITE to end. In the order of its fields, as [`Call`] is.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Media {
    /// Number of the sockets behind the lease.
    pub socket: u16,
    /// A recording was opened.
    pub recorded: bool,
    /// Its phase of the tick, while answered.
    pub place: Option<Place>,
    pub session: MediaSession,
    pub lease: PortLease,
    pub local: LocalSession,
    /// The fork whose SDP the session runs on.
    pub fork: Option<ForkId>,
    /// The port no longer waits for an unknown source.
    pub settled: bool,
    /// Since when the far end is expected to be heard; `None` while it holds the call.
    pub heard_from: Option<Instant>,
}

/// A callee is being given to somebody else.
#[derive(Clone, Debug)]
pub(crate) struct Transfer {
    /// Which of the call's transfers it is.
    pub number: u32,
    /// To whom.
    pub to: String,
    pub mode: TransferMode,
    /// Who must have answered by then.
    pub by: Instant,
    /// The far end was asked to do it.
    pub is_referred: bool,
    /// It will, as it says.
    pub accepted: bool,
}

/// What joins two calls; each has one.
#[derive(Debug)]
pub(crate) struct Bridge {
    pub peer: Key,
    /// Which of the two it is: the one that was made for the other.
    pub is_leg: bool,
    /// Of a leg: it holds a place on the line.
    pub on_line: bool,
    /// From its peer to this call.
    pub relay: Relay,
}

impl Call {
    /// The transfer for which the script still waits.
    pub(crate) fn awaited_transfer(&mut self) -> Option<&mut Transfer> {
        self.transfer.as_mut().filter(|_| self.dialogue.awaits_transfer())
    }

    pub(crate) fn new(mut order: Box<Order>) -> Self {
        let contact = std::mem::take(&mut order.contact);
        let dialogue = Box::new(Dialogue::new(order.script.clone(), contact));
        Self {
            script_at: None,
            given_up: None,
            is_unheard: false,
            is_joined: false,
            transfers: 0,
            media: None,
            order,
            state: State::Waiting,
            stamps: Stamps::default(),
            call_id: String::new(),
            deadline: None,
            dialogue,
            transfer: None,
            bridge: None,
            unusable: None,
        }
    }

    /// Whether neither the answer nor the end has come.
    pub(crate) fn is_being_set_up(&self) -> bool {
        matches!(self.state, State::Waiting | State::Dialling { .. })
    }

    /// Whether it was made to be joined with another. Of such calls the node hears nothing but
    /// [`Event::LegOver`](crate::Event::LegOver).
    pub(crate) fn is_leg(&self) -> bool {
        self.bridge.as_ref().is_some_and(|bridge| bridge.is_leg)
    }

    pub(crate) fn name(&self) -> CallName {
        CallName { attempt: self.order.attempt, route_try: self.order.route_try, line: self.order.line }
    }

    /// A report of the end, with what is known of every call; the caller fills in what it knows better.
    pub(crate) fn ended(&self, outcome: Outcome, detail: &str) -> Box<Ended> {
        Box::new(Ended {
            call: self.name(),
            outcome,
            sip_status: 0,
            q850: None,
            may_have_rung: self.stamps.ringing.is_some(),
            retry_after_s: None,
            stamps: self.stamps,
            hung_up_by: self.given_up,
            digits: self.dialogue.entries(),
            dialogue: None,
            quality: None,
            codec: None,
            recorded: false,
            call_id: String::new(),
            detail: detail.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_small() {
        // With its order, its SIP side and its share of the tables it must stay under 8 KiB.
        assert!(size_of::<Call>() <= 1_344, "{}", size_of::<Call>());
        assert!(size_of::<Order>() <= 512, "{}", size_of::<Order>());
        // Cache lines that are fetched ahead for each packet.
        assert_eq!(HOT_BYTES.div_ceil(64), 8, "{HOT_BYTES}");
    }
}
