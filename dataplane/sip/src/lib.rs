//! A sans-IO SIP user agent that places calls (RFC 3261 over UDP).
//!
//! [`Endpoint`] owns the calls, dialogs and transactions of one shard. It has no clock, socket, thread, file or
//! source of randomness: the shell that drives it brings the time with every call, and the seed at construction.
//! The law is **one change, then drain until empty, then the next change**:
//!
//! ```
//! use std::time::Instant;
//! use sip::{Endpoint, EndpointConfig};
//!
//! let local = "127.0.0.1:5060".parse().unwrap();
//! let mut endpoint = Endpoint::new(EndpointConfig::new(local, 0, 42));
//! let mut slot = [0u8; sip::DATAGRAM_BYTES_MAX];
//! let now = Instant::now();
//!
//! // One change: a datagram (`handle_input`), a timer (`handle_timeout`) or an order (`invite`, `hang_up`, ...).
//! endpoint.handle_input(now, "127.0.0.1:5070".parse().unwrap(), b"\r\n\r\n");
//!
//! // Drain.
//! while let Some(transmit) = endpoint.poll_transmit(now, &mut slot) {
//!     let _datagram = &slot[..transmit.len]; // send it to `transmit.to`
//! }
//! while let Some(output) = endpoint.poll_output() {
//!     println!("{output:?}");
//! }
//! // Sleep until the next datagram, or until this.
//! let _wake = endpoint.poll_timeout();
//! ```
//!
//! [`message`] and [`sdp`] stand on their own, for programs that speak SIP without this endpoint.

pub mod digest;
pub mod message;
pub mod sdp;
pub mod transaction;

mod counters;
mod dialog;
mod endpoint;
mod token;

pub use counters::Counters;
pub use digest::Credentials;
pub use endpoint::{
    AuthRefusal, CallEvent, CallHandle, CallReason, EndedBy, Endpoint, EndpointConfig, Failure,
    FailureOrigin, ForkId, InviteError, InviteRequest, Limits, Load, OfferAnswer, OptionsRequest, Output,
    ProbeHandle, ProbeResult, ReferError, ReferProgress, TextClass, Transmit, UnknownCall,
};
pub use token::shard_of;
pub use transaction::Reason;

/// The largest datagram that the endpoint writes, and so the slot that `poll_transmit` needs.
///
/// A request of ours is about 1 KB. The largest thing that we send is a response that mirrors a peer's long Via list;
/// beyond this it is dropped and counted.
pub const DATAGRAM_BYTES_MAX: usize = 4_096;
