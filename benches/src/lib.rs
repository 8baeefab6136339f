//! Measurements of the data plane that say what question they answer.
//!
//! - `floor` (a program): what does the bare exchange of N calls' packets cost on this machine, and what does the engine
//!   add to it?
//! - `sip_parse` (`cargo bench`): what does reading a SIP message cost, beside `rsip`?
//! - `hook` (`cargo bench`): what does a call that is heard by a recogniser or a bot cost the voice thread, and what does
//!   the gate save?
//! - `understanding` (`cargo bench`): what does it take to understand a sentence?
//!
//! Numbers of shared machines are noisy: compare figures of the same run only.

pub mod far;
pub mod rtp_stream;
pub mod system;
pub mod usage;
