//! Hooks: the audio of calls goes to recognisers and voice bots over protocols that they already speak, and what they say comes back.
//!
//! A [`Protocol`] is pure: it writes the frames of one connection and reads those that come, and knows no socket. One connector is one
//! file under `protocol/` and one implementation of the trait; `docs/howto/add-a-connector.md` says how to add one.

mod audio;
mod breaker;
pub mod fetch;
mod gate;
pub mod http;
pub mod model;
pub mod prosody;
pub mod protocol;
pub mod session;
pub mod speech;
mod tls;
mod utterance;

pub use audio::{AudioFormat, Encoder};
pub use breaker::{Breaker, FAILURES, PAUSE, PAUSE_MAX, Permit, Place, Refusal, SharedBreaker, Verdict};
pub use gate::{Gate, Passed, Piece};
pub use protocol::{CallFacts, Frame, Heard, Incoming, Protocol, ProtocolFault};
pub use utterance::Utterance;
