//! The REST API of the control plane, its server-sent events and its OpenAPI document.
//!
//! Handlers translate: `peal_core` decides, `store` remembers, and what concerns calls that are under way is told to
//! the server as a [`Command`](peal_core::command::Command). There is no SQL here and no rule of dialling.
//!
//! [`router`] builds everything, so that tests call it in process. Errors have one shape on the wire
//! ([`Problem`], RFC 9457); what went wrong inside goes to the log.

mod analytics_query;
mod auth;
mod calls;
mod campaigns;
mod document;
mod events;
mod idempotency;
mod json;
mod line_groups;
mod lines;
mod lists;
mod pages;
mod problem;
mod prompts;
mod router;
mod scripts;
mod state;
mod status;
mod suppressions;

pub use events::Feed;
pub use problem::Problem;
pub use router::{openapi, router};
pub use state::{ApiState, Clock, LineStatus, NodeStatus, PassedOver, SpoolStatus, Status};
