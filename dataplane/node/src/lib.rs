//! A data-plane node: the process that makes calls when it is told to.
//!
//! ```text
//!                 orders, leases, lines                   mail
//!  control plane ───────▶ link ─────▶ dispatcher ───────────────▶ shards ═══▶ carriers
//!                ◀───────       ◀───── │  ▲  │  ◀───────────────
//!                 events            journal  └─▶ disk (recordings)   events
//! ```
//!
//! Owns the threads and how they are wired. Everything that is decided is decided in [`dispatch`], which is pure, with
//! the help of [`gate`] (a line's limits at the socket), [`seen`] (no order is taken twice) and [`outbox`] (events on their
//! way to the control plane). What a call does is the business of the `call` crate.
//!
//! | module | owns |
//! |---|---|
//! | [`capacity`] | what a number of calls needs |
//! | [`config`] | the `[node]` table of the configuration |
//! | [`dispatch`] | all decisions, in virtual time |
//! | [`dial`] | calls without a control plane: `peal dial` |
//! | [`limits`] | whether the machine allows what is configured |
//! | [`metrics`] | what is counted |
//!
//! [`Node::start`] starts it all; [`Node::stop`] drains it, and a second time ends it.

pub mod capacity;
pub mod clock;
pub mod config;
pub mod dial;
pub mod dispatch;
pub mod gate;
pub mod limits;
pub mod metrics;
pub mod outbox;
pub mod seen;

mod assets;
mod http;
mod journal;
mod line;
mod listener;
mod machine;
mod node;
mod refusal;
mod scrape;
mod shell;
mod side;
pub mod voice;

pub use config::{InvalidConfig, NodeConfig, PortRange, Secret};
pub use node::{Node, StartError};
pub use shell::NodeError;
