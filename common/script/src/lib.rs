//! Scripts: what a call says, hears and does after the answer.
//!
//! Pure: no clock, socket, thread or file. A [`Document`] is what a person writes, in JSON or YAML. [`Program::new`] checks it
//! and tells everything that is wrong with it, or makes of it what many calls share. A [`Run`] is one call's way through a
//! program: the call hands over what happens as an [`Input`] and does each [`Action`] that comes out. The same run serves a
//! shard and `peal script run`, where a person types what the callee would say.
//!
//! ```text
//!  Document ── Program::new ──▶ Program (shared) ──▶ Run ◀── Input: answered, key, speech, transcript, reply, time
//!      │            │                                 └────▶ Action: play, listen, ask a server, transfer, hang up
//!   JSON, YAML      └──▶ Fault, Fault, …
//! ```
//!
//! The law of a run: **one input, then [`Run::poll_action`] until it gives none, then the next input.**

mod check;
mod condition;
mod document;
mod program;
mod read;
mod run;
#[cfg(feature = "openapi")]
mod schema;
mod template;

pub use check::Fault;
pub use condition::{Condition, Test};
pub use document::{
    BargeIn, Bot, Branch, Case, Collect, Converse, Document, Expect, HangUp, Headers, Http, Intent, Ladder,
    LeaveMessage, Listen, Menu, Method, ModelTool, OptOut, Play, Played, Record, Say, Set, Speech, Step,
    StepKind, Transfer, TransferMode, Understand, Wait, Webhook,
};
pub use program::{Choice, Inquiry, Oracle, Program, Sentence, StepIndex, Utterance};
pub use read::{ReadError, read, value_at};
pub use run::{
    Action, Ask, Attend, Awaits, End, Heard, Input, ModelDeed, OPT_OUT, RETRY_PAUSE, Reply, Request, Run,
    Talk, Tally, Wording, leads_elsewhere,
};
#[cfg(feature = "openapi")]
pub use schema::json_schema;
pub use template::{Template, TemplateError};
