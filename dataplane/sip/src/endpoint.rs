//! The user agent of one shard.

mod api;

pub use api::*;
use std::net::SocketAddr;
use std::time::Instant;

use crate::counters::Counters;
pub use crate::transaction::Reason;

/// All calls of one shard.
#[derive(Debug)]
pub struct Endpoint {
    counters: Counters,
}

/// The shard whose endpoint a datagram belongs to, by the number in its branch or To tag.
pub fn shard_of(_datagram: &[u8]) -> Option<u16> {
    None
}

impl Endpoint {
    /// An endpoint without calls.
    pub fn new(_config: EndpointConfig) -> Self {
        Endpoint { counters: Counters::default() }
    }

    /// Calls somebody.
    ///
    /// # Errors
    /// Nothing has left then.
    pub fn invite(&mut self, _now: Instant, _request: &InviteRequest<'_>) -> Result<CallHandle, InviteError> {
        Err(InviteError::TableFull)
    }

    /// Ends a call, whatever its state: CANCEL before the answer (after the first provisional response, RFC 3261
    /// section 9.1), BYE after it.
    ///
    /// # Errors
    /// The call is gone or already ending.
    pub fn hang_up(
        &mut self,
        _now: Instant,
        _call: CallHandle,
        _reason: Option<CallReason>,
    ) -> Result<(), UnknownCall> {
        Err(UnknownCall)
    }

    /// Answers [`CallEvent::Offer`].
    ///
    /// # Errors
    /// The call is gone or no offer is open.
    pub fn answer_offer(
        &mut self,
        _now: Instant,
        _call: CallHandle,
        _answer: OfferAnswer<'_>,
    ) -> Result<(), UnknownCall> {
        Err(UnknownCall)
    }

    /// Asks a line whether it lives.
    ///
    /// # Errors
    /// Nothing has left then.
    pub fn options(
        &mut self,
        _now: Instant,
        _request: &OptionsRequest<'_>,
    ) -> Result<ProbeHandle, InviteError> {
        Err(InviteError::TableFull)
    }

    /// A datagram has arrived.
    pub fn handle_input(&mut self, _now: Instant, _from: SocketAddr, _datagram: &[u8]) {}

    /// The time of `poll_timeout` has come.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// Writes the next datagram into `slot` ([`DATAGRAM_BYTES_MAX`](crate::DATAGRAM_BYTES_MAX) bytes or more).
    pub fn poll_transmit(&mut self, _now: Instant, _slot: &mut [u8]) -> Option<Transmit> {
        None
    }

    /// The next thing that the owner should know.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// When to call `handle_timeout`, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        None
    }

    /// What has been counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How full the tables are.
    pub fn load(&self) -> Load {
        Load::default()
    }

    /// A call's Call-ID, until its `Released`.
    pub fn call_id(&self, _call: CallHandle) -> Option<&str> {
        None
    }
}
