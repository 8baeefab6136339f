//! All calls of one shard: a SIP dialog, a media session and a script for each.
//!
//! Pure: no clock, socket, thread, file or source of randomness; [`Calls`] is driven by `shard` in the product and by
//! tests in virtual time. It is the only crate that knows both `sip` and `media`: `negotiate` is the only place where
//! SDP becomes a media plan, and `verdict` the only place where an outcome is decided.
//!
//! # The law
//!
//! **One change, then drain until empty, then the next change.** A change is one of [`Calls::handle_datagram`],
//! [`Calls::handle_mail`] and [`Calls::handle_timeout`]; draining is
//!
//! ```
//! # use std::time::Instant;
//! # fn send(_: peal_call::Socket, _: std::net::SocketAddr, _: &[u8]) {}
//! # fn tell(_: peal_call::Event) {}
//! fn drain(calls: &mut peal_call::Calls, now: Instant, slot: &mut [u8]) -> Option<Instant> {
//!     while let Some(transmit) = calls.poll_transmit(now, slot) {
//!         send(transmit.socket, transmit.to, &slot[..transmit.len]);
//!     }
//!     while let Some(event) = calls.poll_event() {
//!         tell(event);
//!     }
//!     calls.poll_timeout() // sleep until then, or until a datagram or mail
//! }
//! ```

pub mod admission;
mod call;
mod calls;
mod config;
mod counters;
mod dialogue;
mod event;
mod negotiate;
mod order;
mod phases;
mod script;
mod tap;
mod verdict;
pub mod voice;

pub use calls::{Calls, Socket, Transmit};
pub use config::{CallsConfig, MediaPort};
pub use counters::Counters;
pub use dialogue::{Counts, Latency, Record, Speaker, Turn};
pub use event::{CallName, Ended, Event, RecordingPart, Stage, Stamps};
pub use order::{HungUpBy, Leg, Mail, Order, Tap, Target};
pub use script::Script;
pub use tap::{TapQueue, Tapped};
