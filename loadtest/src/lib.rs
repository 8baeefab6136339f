//! The far end: a carrier that answers calls and counts for itself.
//!
//! It listens on any number of lines, behaves like the people, machines and switches behind the numbers (seeded, and
//! decided by the number alone), streams audio, and keeps a ledger of every INVITE by the kernel's receive time. From the
//! ledger it computes what a carrier would bill and complain about: most calls at once, most calls in any rolling second,
//! numbers called twice.
//!
//! What judges the system shares nothing with it: this crate has its own SIP reader, its own digest, its own G.711 and
//! its own RTP, and depends on no other crate of the workspace.
//!
//! ```
//! use loadtest::{Behaviour, Carrier, CarrierConfig, LineConfig, Mix};
//!
//! let line = LineConfig::new("a", "127.0.0.1:0".parse().unwrap());
//! let carrier = Carrier::start(CarrierConfig {
//!     mix: Mix::only(Behaviour::Busy),
//!     ..CarrierConfig::new(vec![line])
//! })
//! .unwrap();
//! // ... dial `carrier.addresses()[0]` ...
//! let summary = carrier.stop().unwrap();
//! assert!(summary.holds());
//! ```
//!
//! | module | owns |
//! |---|---|
//! | [`carrier`] | start, counters, stop |
//! | [`cast`] | customers who say things |
//! | [`config`] | lines, media mode, everything that can be chosen |
//! | [`behaviour`] | who is behind a number |
//! | [`ledger`] | the record of every call |
//! | [`streams`] | audio without calls, for measurements of the bare exchange |
//! | [`summary`] | what the ledger says |
//! | [`window`] | most at once, most in any rolling second |

pub mod behaviour;
pub mod carrier;
pub mod cast;
pub mod config;
pub mod ledger;
pub mod streams;
pub mod summary;
pub mod window;

mod audio;
mod call;
mod digest;
mod engine;
mod junk;
mod measure;
mod message;
mod net;
mod offer;
mod performance;
mod random;
mod recording;
mod rtcp;
mod rtp;

pub use behaviour::{Behaviour, Callees, Mix, Plan, Rule};
pub use carrier::{Carrier, CarrierError, CarrierHandle, CarrierStats};
pub use cast::{Cast, CastError};
pub use config::{CarrierConfig, LineAuth, LineConfig, MeasureConfig, MediaMode, ParseError, RtcpMode};
pub use digest::Algorithm;
pub use ledger::{CallRecord, CastRecord, Ending, Ledger, LedgerError, WindowRecord};
pub use net::StopSignal;
pub use summary::Summary;
