//! The decisions of the control plane, without a clock, socket, thread, file or randomness.
//!
//! `store` remembers what is decided here, `api` translates for people, `server` gives it time and carries it out.

pub mod model;
