//! What comes in: orders to call somebody, and orders to stop.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use common::{AttemptId, LineId};
use media::{Codec, Latching, PortMode};
use sip::Credentials;

use crate::{CallName, Script, voice::Told};

/// Make one route try: one INVITE of one attempt on one line.
#[derive(Clone, Debug)]
pub struct Order {
    /// The attempt.
    pub attempt: AttemptId,
    /// Counted from 1 within the attempt.
    pub route_try: u32,
    /// The line, for records only: everything that matters about it is in the order.
    pub line: LineId,
    /// Where the INVITE goes.
    pub destination: SocketAddr,
    /// Request-URI, a `sip:` URI.
    pub request_uri: String,
    /// URI of the From header.
    pub from_uri: String,
    /// URI of the To header.
    pub to_uri: String,
    /// The line's account, if it has one.
    pub credentials: Option<Arc<Credentials>>,
    /// Codecs to offer, most wanted first. At least one.
    pub codecs: Arc<[Codec]>,
    /// Whether the call shares an RTP port.
    pub port_mode: PortMode,
    /// From where, other than the negotiated address, audio is taken.
    pub latching: Latching,
    /// What the call does after the answer.
    pub script: Arc<Script>,
    /// What the script may know of the contact, by name.
    pub contact: Box<[(String, String)]>,
    /// Whether the call is recorded from the answer on.
    pub record: bool,
    /// Whose audio goes to the listener, from the answer on.
    pub tap: Tap,
    /// From INVITE to answer; then CANCEL.
    pub max_ring: Duration,
    /// From answer to the end; then BYE.
    pub max_call: Duration,
    /// The INVITE leaves not before this.
    pub send_at: Instant,
    /// And not after this: a later one would break the line's calls per second. Then the order is handed back as
    /// [`Event::Missed`](crate::Event::Missed).
    pub send_by: Instant,
}

/// Whose audio a tap hands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tap {
    /// Nobody's.
    #[default]
    Off,
    /// The callee's.
    Callee,
}

/// What the node sends to the calls of a shard.
#[derive(Clone, Debug)]
pub enum Mail {
    /// Make a call.
    Order(Box<Order>),
    /// End this attempt's call, whatever its state.
    HangUp {
        /// The attempt.
        attempt: AttemptId,
        /// On whose behalf.
        by: HungUpBy,
    },
    /// What the voice thread tells a call.
    Voice {
        /// Which call.
        call: CallName,
        /// What.
        told: Told,
    },
    /// The answer to [`Event::Transfer`](crate::Event::Transfer); `None` when it cannot be done now.
    Transfer {
        /// Which call.
        call: CallName,
        /// Which of its transfers.
        number: u32,
        /// To whom.
        target: Option<Target>,
    },
    /// There are no voice threads any more, nor are the bots that they had.
    VoiceGone,
    /// End every call.
    HangUpAll {
        /// On whose behalf.
        by: HungUpBy,
    },
}

/// Whom a callee is given to.
#[derive(Clone, Debug)]
pub struct Target {
    /// A `sip:` URI, as the line wants it.
    pub uri: String,
    /// Leave to call them ourselves; without it the far end is asked to (REFER).
    pub leg: Option<Leg>,
}

/// Leave to make the second call of two that shall be joined. Each is answered by [`Event::LegOver`](crate::Event::LegOver)
/// once, when its place on the line is free again.
#[derive(Clone, Debug)]
pub struct Leg {
    /// It holds a place on the line.
    pub on_line: bool,
    /// Where the INVITE goes.
    pub destination: SocketAddr,
    /// The account there, if there is one.
    pub credentials: Option<Arc<Credentials>>,
    /// The INVITE leaves not before this.
    pub send_at: Instant,
    /// And not after this; then there is no call.
    pub send_by: Instant,
}

/// Who ended a call, or gave it up before the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HungUpBy {
    /// The far end sent BYE.
    Callee,
    /// The script came to its end.
    Script,
    /// [`Order::max_ring`] was over.
    RingLimit,
    /// [`Order::max_call`] was over.
    LengthLimit,
    /// Nothing was heard for [`CallsConfig::media_timeout`](crate::CallsConfig::media_timeout).
    MediaTimeout,
    /// Nobody said anything for too long, and the script waited for nothing.
    Silence,
    /// An operator, through the API or by cancelling a campaign.
    Operator,
    /// The node is being drained.
    Drain,
    /// The session could not be used: no common codec, no port.
    Session,
    /// The SIP dialog broke (RFC 3261 section 13.3.1.4).
    Dialog,
}

impl HungUpBy {
    /// The name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Callee => "callee",
            Self::Script => "script",
            Self::RingLimit => "ring_limit",
            Self::LengthLimit => "length_limit",
            Self::MediaTimeout => "media_timeout",
            Self::Silence => "silence",
            Self::Operator => "operator",
            Self::Drain => "drain",
            Self::Session => "session",
            Self::Dialog => "dialog",
        }
    }
}
