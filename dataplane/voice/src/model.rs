//! Dialogue with a language model: what it is asked, what it answers piece by piece, what it may do.
//!
//! Source: the chat completions interface that OpenAI describes in public and that many servers speak. Pure: [`Dialogue`] writes the body of a
//! request and reads the stream that answers it; who carries both is `speech`'s neighbour, the HTTP client.

mod chat;
mod choice;
mod dialogue;
mod event_stream;
mod text;
mod uttered;

pub use chat::{ModelFault, Tool, ToolCall};
pub use choice::{Choosing, chosen};
pub use dialogue::{Dialogue, Limits, Line, Over, Rules, Said};
pub use uttered::Uttered;
