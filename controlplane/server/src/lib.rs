//! The shell of the control plane: it gives `peal_core` time, carries out its plans, and keeps nodes, store and spool in
//! step.
//!
//! Owns the one task that plans ([`peal_core::planner::Snapshot`] lives there and nowhere else), the link service to which
//! nodes connect, the listener of the API, and the metrics. Decides nothing that `core` can decide.
//!
//! ```text
//!            commands                    orders, leases, lines
//!   api ───────────────▶ ┌──────────┐ ──────────────────────────▶ ┌──────┐
//!       ◀─── status, ─── │ planning │                              │ link │ ◀── gRPC ──▶ nodes
//!            feed        └──────────┘ ◀──────────────────────────  └──────┘
//!                          │      │       events, heartbeats
//!               store (intents,   spool (one row
//!               what happened)    an attempt)
//! ```
//!
//! # What is durable before what
//!
//! Intents are in the store before their orders leave. The row of an ended attempt is in the spool before the store
//! knows of the end, and both are before the node's event is acknowledged. Whatever breaks in between is told again by
//! the node, and taking it in again changes nothing.

mod clock;
mod config;
pub mod http;
mod link;
mod metrics;
mod names;
mod planning;
mod record;
mod running;
mod tasks;

pub use config::{Secret, ServerConfig};
pub use metrics::Metrics;
pub use running::{Running, Server, StartError};
