//! A data-plane node: the process that makes calls when it is told to.
pub mod clock;
pub mod config;
pub mod dispatch;
pub mod gate;
pub mod metrics;
pub mod outbox;
pub mod seen;

mod assets;
mod line;
mod refusal;

pub use config::{InvalidConfig, NodeConfig, PortRange, Secret};
