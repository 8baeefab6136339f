//! Why a session has lost its server.

use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::flood::{BYTES_A_SECOND_MAX, FRAMES_A_SECOND_MAX};
use super::{LAST_WORD_MAX, SILENCE_MAX, WRITE_MAX};
use crate::ProtocolFault;

/// Why there is no server any more.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Gone {
    /// It cannot be reached.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// It takes nothing.
    #[error("the server has taken nothing for {} s", WRITE_MAX.as_secs())]
    Stalled,
    /// It gives no sign of life.
    #[error("the server has given no sign of life for {} s", SILENCE_MAX.as_secs())]
    Silent,
    /// It has not said its last word.
    #[error("the server has not said its last word in {} s", LAST_WORD_MAX.as_secs())]
    Wordless,
    /// It closed the connection as one does who has finished.
    #[error("the server closed the connection")]
    Closed,
    /// It closed the connection for a reason of its own, or it broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// It sends what does not belong here.
    #[error("{0}")]
    Fault(#[from] ProtocolFault),
    /// It sends too much.
    #[error(
        "the server floods: more than {FRAMES_A_SECOND_MAX} frames or {BYTES_A_SECOND_MAX} bytes a second, or audio without end"
    )]
    Flood,
}

impl Gone {
    /// In one word, for a counter.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::Stalled | Self::Silent | Self::Wordless => "stalled",
            Self::Closed | Self::Broken(_) => "broken",
            Self::Fault(ProtocolFault::Rubbish { .. }) => "rubbish",
            Self::Fault(ProtocolFault::Refused { .. }) => "refusal",
            Self::Flood => "flood",
        }
    }
}

/// Why it closed the connection: who has finished gives one of these codes, or none (RFC 6455 section 7.4).
pub(super) fn closed(close: Option<CloseFrame>) -> Gone {
    match close.map(|close| close.code) {
        None | Some(CloseCode::Normal | CloseCode::Away | CloseCode::Status) => Gone::Closed,
        Some(code) => Gone::Broken(format!("closed by the server with code {code}")),
    }
}
