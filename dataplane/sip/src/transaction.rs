//! The four transaction machines of RFC 3261 section 17 with RFC 6026's states, over an unreliable transport.
//!
//! Each machine is a small value: an input gives the next state and what to do. They hold no bytes, know no peer and
//! own no table; [`Endpoint`](crate::Endpoint) keeps them beside their datagrams, and programs that speak SIP with
//! [`message`](crate::message) alone can do the same.

mod client_invite;
mod client_request;
mod server_invite;
mod server_request;
mod timers;

pub use client_invite::{InviteClient, OnInviteResponse};
pub use client_request::{OnResponse, RequestClient};
pub use server_invite::InviteServer;
pub use server_request::RequestServer;
pub use timers::{Alarm, OnTimer, Reason, TimerValues};
