//! The words that every part of Peal shares: typed ids, telephone numbers, units, how an attempt ends, and the
//! names of all metrics.
//!
//! Pure: no clock, socket, thread, file or randomness. Nothing here decides anything but [`cause`], which is the one
//! table from what a carrier says (SIP status, Q.850 cause) to an [`Outcome`].
//!
//! | module | owns |
//! |---|---|
//! | [`id`] | ids that cannot be mixed up |
//! | [`number`] | E.164 numbers, masked wherever they are shown |
//! | [`unit`] | calls, calls per second, wall-clock microseconds |
//! | [`outcome`] | the closed set of ways in which an attempt ends |
//! | [`cause`] | SIP status and Q.850 cause to outcome |
//! | [`metric`] | the name, help text and buckets of every metric |
//! | [`digits`] | the digits that a person may press |
//! | [`slab`] | tables whose places are reused and whose keys are not |
//! | [`prefetch`] | memory that is needed soon |
//! | [`entropy`] | names and numbers that strangers cannot guess, from a seed |

pub mod cause;
pub mod digits;
pub mod entropy;
pub mod id;
pub mod metric;
pub mod number;
pub mod outcome;
pub mod prefetch;
pub mod slab;
pub mod unit;

pub use id::{
    AttemptId, CampaignId, ContactId, Epoch, LineGroupId, LineId, ListId, NodeId, PromptId, ScriptId,
    TenantId,
};
pub use number::{E164, NumberError};
pub use outcome::{Answerable, Outcome, Retry};
pub use unit::{CallsPerSecond, UnixMicros};
