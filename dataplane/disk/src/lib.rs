//! Files of a data-plane node: recordings of calls, and the journal of its events.
//!
//! Two threads, each with its own io_uring through `tokio-uring`: one writes recordings ([`Disk`]), one the journal
//! ([`Journal`]), so that a recordings disk which stalls never delays the durability of an event. Shards and the node
//! talk to them through handles that never block: what does not fit is refused at once and counted.
//!
//! The rings are set up plainly. `SINGLE_ISSUER` with `DEFER_TASKRUN` makes tokio-uring 0.5 hang without a word.
//!
//! What each promises is written where it is kept: [`recordings`] for P5 and P11, [`journal`] for P4 and P11.

pub mod journal;
pub mod recordings;

mod folder;
mod ring;

pub use journal::{
    AppendError, Journal, JournalConfig, JournalError, JournalHandle, Recovered, Replay, Usage,
};
pub use recordings::{
    Disk, DiskBusy, DiskConfig, DiskCounters, DiskError, DiskHandle, Health, RecordingError, Repaired, Report,
};
