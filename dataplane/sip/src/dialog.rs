//! A confirmed dialog, from the caller's side (RFC 3261 section 12).
//!
//! Holds what the far end gave: its tag, its target, its route set. What we gave stands in the call's INVITE.

mod route_set;

use std::net::SocketAddr;

pub(crate) use route_set::Route;

use crate::message::{HeaderName, Message};
use common::slab::Key;

/// One confirmed dialog of a call.
#[derive(Debug)]
pub(crate) struct Dialog {
    /// The To header of our requests, with the far end's tag.
    pub to: Box<[u8]>,
    /// The far end's tag; empty for an RFC 2543 peer.
    pub tag: Box<[u8]>,
    /// Where requests go, and what they say about it.
    pub route: Route,
    /// Our last CSeq.
    pub local_cseq: u32,
    /// The far end's last CSeq.
    pub remote_cseq: Option<u32>,
    /// The ACK of its 2xx, to be sent again with each repetition.
    pub ack: Vec<u8>,
    /// Our BYE, while it waits for its final response.
    pub bye: Option<Key>,
    /// BYE has been sent or received.
    pub over: bool,
}

impl Dialog {
    /// From the 2xx to our INVITE. `fallback` is the address that the INVITE went to, for a target that is a name.
    pub fn confirmed(
        invite: &Message<'_>,
        answer: &Message<'_>,
        local: SocketAddr,
        fallback: SocketAddr,
    ) -> Self {
        let to = answer.header(HeaderName::To).unwrap_or_default();
        let tag = answer.to().and_then(|to| to.tag()).unwrap_or_default();
        // Without a Contact, which is against section 12.1.1, the address that answered is the one we called.
        let target = answer.contact().map_or_else(|| invite.request_uri(), |contact| contact.uri);
        let routes: Vec<&[u8]> = answer.values(HeaderName::RecordRoute).collect();
        Dialog {
            to: to.into(),
            tag: tag.into(),
            route: Route::of_caller(target, &routes, local, fallback),
            local_cseq: invite.cseq().number,
            remote_cseq: None,
            ack: Vec::new(),
            bye: None,
            over: false,
        }
    }

    /// Takes the CSeq of a request from the far end. False if it is older than the last (section 12.2.2).
    pub fn accept_cseq(&mut self, number: u32) -> bool {
        let in_order = self.remote_cseq.is_none_or(|last| number > last);
        if in_order {
            self.remote_cseq = Some(number);
        }
        in_order
    }
}
