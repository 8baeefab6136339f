//! The commands that do something on this machine.

pub mod capacity;
pub mod config;
pub mod controlplane;
pub mod dataplane;
pub mod demo;
pub mod dial;
pub mod interrupts;
pub mod up;
