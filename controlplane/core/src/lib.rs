//! The decisions of the control plane, without a clock, socket, thread, file or randomness.
//!
//! `store` remembers what is decided here, `api` translates for people, `server` gives it time and carries it out.
//!
//! | module | decides or holds |
//! |---|---|
//! | [`model`] | the nouns that are configured and kept |
//! | [`planner`] | who is called next, over which line and node, and why the others are not |
//! | [`schedule`] | whether a campaign may dial now, and when that changes |
//! | [`retry`] | what becomes of a contact after an attempt |
//! | [`reroute`] | whether a failed route try may go to another line |
//! | [`comparison`] | what a comparison of variants says |
//! | [`variant`] | which variant of a script an attempt gets, and which is the best |
//! | [`number`] | what people write in lists, to E.164 |
//! | [`spoken_number`] | which digits of a sentence to hide |
//! | [`dial`] | an E.164 number as a line wants it |
//! | [`import`] | rows of a CSV file, one by one |
//! | [`event`] | progress of calls, as people watch it |
//! | [`contact`] | what a script may know of a contact |
//! | [`command`] | what the API tells the server |

pub mod command;
pub mod comparison;
pub mod contact;
pub mod dial;
pub mod event;
pub mod import;
pub mod model;
pub mod number;
pub mod planner;
pub mod reroute;
pub mod retry;
pub mod schedule;
pub mod spoken_number;
pub mod variant;
