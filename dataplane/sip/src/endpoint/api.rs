//! What goes into and comes out of an [`Endpoint`](super::Endpoint).

use std::net::SocketAddr;
use std::sync::Arc;

use crate::digest::Credentials;
use crate::message::WriteError;
use crate::transaction::TimerValues;

/// How an endpoint is set up.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// The address that the shell's signalling socket is bound to.
    pub local: SocketAddr,
    /// `host` or `host:port` for Via and Contact when the bound address is not the one peers should use
    /// (behind NAT, or bound to a wildcard).
    pub advertised: Option<String>,
    /// User-Agent and Server text.
    pub user_agent: String,
    /// This shard's number. It stands at the front of every tag and branch, so that a datagram that reaches another
    /// shard's socket can be handed over; see [`shard_of`](crate::shard_of).
    pub shard: u16,
    /// Seed of Call-IDs, tags, branches and client nonces. Strangers must not be able to guess it.
    pub seed: u64,
    /// Transaction timers.
    pub timers: TimerValues,
    /// Sizes of the tables.
    pub limits: Limits,
}

impl EndpointConfig {
    /// A configuration with defaults for everything else.
    pub fn new(local: SocketAddr, shard: u16, seed: u64) -> Self {
        EndpointConfig {
            local,
            advertised: None,
            user_agent: "Peal".to_owned(),
            shard,
            seed,
            timers: TimerValues::default(),
            limits: Limits::default(),
        }
    }
}

/// Sizes of the endpoint's tables. New work beyond them is refused and counted; calls in progress go on.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Calls that hold a line's slot. Default 20,000: more than the 6,000 calls that one core carries with media,
    /// and enough for set-up bursts.
    pub calls: usize,
    /// Calls that are over and only wait to absorb retransmissions (RFC 6026 timer M, RFC 3261 timer D). The oldest
    /// is forgotten when there are more. Default 65,536: 2,000 call ends a second for 32 s.
    pub lingering: usize,
    /// Requests inside dialogs whose answer is kept for retransmissions. Beyond it they are answered without being
    /// remembered. Default 65,536.
    pub server_transactions: usize,
    /// Answers a second to requests outside any dialog of ours. Such requests are answered without state; beyond this
    /// they are dropped, so that a flood costs us and whoever is spoofed little. Default 2,000.
    pub stray_answers_per_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { calls: 20_000, lingering: 65_536, server_transactions: 65_536, stray_answers_per_s: 2_000 }
    }
}

/// Names one call for its owner. A handle of a call that is gone finds nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallHandle(pub(crate) common::slab::Key);

/// Names one OPTIONS probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProbeHandle(pub(crate) common::slab::Key);

/// One early dialog of a call, by order of appearance (RFC 3261 section 12.1.2: one for each To tag).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ForkId(pub u8);

/// An order to call somebody.
#[derive(Debug, Clone)]
pub struct InviteRequest<'a> {
    /// Where the INVITE goes: the line's address.
    pub destination: SocketAddr,
    /// Request-URI, a `sip:` URI.
    pub request_uri: &'a str,
    /// URI of the From header. Its user part also stands in our Contact.
    pub from_uri: &'a str,
    /// Display name of the From header, unquoted. Control characters are refused.
    pub from_display: Option<&'a str>,
    /// URI of the To header.
    pub to_uri: &'a str,
    /// `host` or `host:port` for this call's Via and Contact instead of the endpoint's.
    pub advertised: Option<&'a str>,
    /// Headers to add to the INVITE. Those that the stack writes itself are refused.
    pub extra_headers: &'a [(&'a str, &'a str)],
    /// The line's credentials, for challenges from `destination` only.
    pub credentials: Option<Arc<Credentials>>,
    /// The SDP offer.
    pub sdp: &'a [u8],
    /// Given back with every event of the call.
    pub owner: u64,
}

/// An order to ask a line whether it lives.
#[derive(Debug, Clone)]
pub struct OptionsRequest<'a> {
    /// Where the OPTIONS goes.
    pub destination: SocketAddr,
    /// Request-URI, a `sip:` URI.
    pub request_uri: &'a str,
    /// URI of the From header.
    pub from_uri: &'a str,
    /// The line's credentials, for challenges from `destination` only.
    pub credentials: Option<Arc<Credentials>>,
    /// Given back with the result.
    pub owner: u64,
}

/// Why a request could not be sent. Nothing has left in any of these cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InviteError {
    /// The table of calls is full; try again when calls have ended.
    TableFull,
    /// This URI (`request_uri`, `from_uri` or `to_uri`) is not one that may be sent.
    Uri(&'static str),
    /// The display name holds control characters.
    DisplayName,
    /// The advertised address is not `host` or `host:port`.
    Advertised,
    /// The extra header at this index has a name or value that may not be sent, or is the stack's own to write.
    Header(usize),
    /// The request would exceed [`DATAGRAM_BYTES_MAX`](crate::DATAGRAM_BYTES_MAX).
    TooLong,
    /// The destination is not of the socket's address family, or has port 0.
    Destination,
}

impl std::fmt::Display for InviteError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            InviteError::TableFull => f.write_str("the table of calls is full"),
            InviteError::Uri(which) => write!(f, "{which} is not a URI that may be sent"),
            InviteError::DisplayName => f.write_str("the display name holds control characters"),
            InviteError::Advertised => f.write_str("the advertised address is not host or host:port"),
            InviteError::Header(index) => write!(f, "extra header {index} may not be sent"),
            InviteError::TooLong => f.write_str("the request does not fit in a datagram"),
            InviteError::Destination => f.write_str("the destination cannot be reached from this socket"),
        }
    }
}

impl std::error::Error for InviteError {}

impl From<WriteError> for InviteError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Full => InviteError::TooLong,
            WriteError::Injection => InviteError::Header(0),
        }
    }
}

/// The call is gone, or not in a state in which the order means anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownCall;

/// A `Reason` header on our CANCEL or BYE (RFC 3326).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallReason {
    /// `Q.850;cause=n`
    Q850(u8),
    /// `SIP;cause=200;text="Call completed elsewhere"`
    CompletedElsewhere,
}

/// The owner's answer to [`CallEvent::Offer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferAnswer<'a> {
    /// 200 with this SDP.
    Accept(&'a [u8]),
    /// 488: the session stays as it was.
    Refuse,
}

/// A datagram written into the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// Where it goes.
    pub to: SocketAddr,
    /// How many bytes of the slot it fills.
    pub len: usize,
}

/// What the endpoint has to say.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Something happened to a call.
    Call {
        /// Which call.
        call: CallHandle,
        /// The owner's own name for it, from the order.
        owner: u64,
        /// What happened.
        event: CallEvent,
    },
    /// An OPTIONS probe is over.
    Probe {
        /// Which probe.
        probe: ProbeHandle,
        /// The owner's own name for it.
        owner: u64,
        /// How it ended.
        result: ProbeResult,
    },
}

/// What happened to a call. `Failed` or `Ended` comes once, `Released` once after it, then nothing.
#[derive(Debug, PartialEq, Eq)]
pub enum CallEvent {
    /// 100: the far end has the INVITE.
    Trying,
    /// 101–199. May repeat, and may change its SDP.
    Provisional {
        /// The status code.
        status: u16,
        /// The early dialog it belongs to; `None` without a To tag.
        fork: Option<ForkId>,
        /// Its SDP, if it had any.
        sdp: Option<Box<[u8]>>,
    },
    /// 2xx; our ACK is on its way.
    Answered {
        /// The dialog that was confirmed.
        fork: ForkId,
        /// The SDP answer, if there was one.
        sdp: Option<Box<[u8]>>,
    },
    /// The call was not answered.
    Failed(Failure),
    /// An answered call is over.
    Ended {
        /// Who ended it.
        by: EndedBy,
        /// The Q.850 cause in the BYE's Reason header.
        q850: Option<u8>,
    },
    /// The last transaction of the call is finished: the far end holds nothing of it, and the line's slot is free.
    Released,
    /// A re-INVITE or UPDATE wants to change the session; answer with
    /// [`answer_offer`](super::Endpoint::answer_offer).
    Offer {
        /// The offer; `None` when the far end wants one from us.
        sdp: Option<Box<[u8]>>,
    },
    /// The ACK to our answer to an offer-less re-INVITE brought the SDP answer.
    OfferConfirmed {
        /// The far end's SDP answer to our offer.
        sdp: Box<[u8]>,
    },
    /// A digit in an INFO (`application/dtmf-relay` or `application/dtmf`).
    Digit {
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: u8,
        /// How long it was pressed, if the INFO said so; at most 10,000.
        duration_ms: Option<u16>,
    },
    /// What became of our REFER.
    Refer(ReferProgress),
}

/// How far the far end is with what [`refer`](super::Endpoint::refer) asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferProgress {
    /// 2xx: it will try, and says nothing yet of how that goes.
    Accepted,
    /// A NOTIFY told a provisional response of the other call.
    Trying {
        /// 100–199.
        status: u16,
    },
    /// Comes once. 2xx: the other call was answered. Everything else says why not: the final response of the other call, or to
    /// our REFER; a provisional one when the far end tells no more; 408 for silence.
    Over {
        /// 100–699.
        status: u16,
    },
}

/// Why a call was not referred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferError {
    /// The target is not a URI that may be sent.
    Target,
    /// The call is gone, or not answered.
    UnknownCall,
    /// The REFER before is not over.
    Pending,
    /// The request would exceed [`DATAGRAM_BYTES_MAX`](crate::DATAGRAM_BYTES_MAX).
    TooLong,
}

/// Who ended an answered call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndedBy {
    /// The far end sent BYE.
    Remote,
    /// We were told to hang up.
    Local,
    /// The answer crossed our CANCEL: it was acknowledged and hung up at once.
    CrossedCancel,
    /// Our 2xx to a re-INVITE was never acknowledged (RFC 3261 section 13.3.1.4).
    NoAck,
}

/// How an INVITE failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The final status, 300–699; 408 where none arrived (RFC 3261 section 8.1.3.1).
    pub status: u16,
    /// Whether `status` is the far end's word.
    pub origin: FailureOrigin,
    /// A response of any kind arrived: the far end is alive.
    pub responded: bool,
    /// We had been told to hang up before the end.
    pub cancelled: bool,
    /// The Q.850 cause of the Reason header (RFC 3326), 1–127.
    pub q850: Option<u8>,
    /// Retry-After in seconds, at most one day.
    pub retry_after_s: Option<u32>,
    /// What the reason phrase and Warning speak of.
    pub text: TextClass,
    /// Why a challenge was not answered, or that our answer was refused.
    pub auth: Option<AuthRefusal>,
}

/// Whose word a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureOrigin {
    /// A final response.
    Response,
    /// Timer B: nothing came back within 64*T1.
    NoResponse,
    /// No final response within 64*T1 after our CANCEL (RFC 3261 section 9.1).
    NoFinalAfterCancel,
}

/// What the text of a failure response speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextClass {
    /// Nothing that changes the meaning of the status.
    Plain,
    /// A limit of the line: channels, calls per second, capacity, congestion.
    Limit,
}

/// Why a 401 or 407 became the end of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthRefusal {
    /// The line has no credentials.
    NoCredentials,
    /// The challenge came from another address than the line's, or our request went to another.
    ForeignPeer,
    /// The realm is not the line's.
    ForeignRealm,
    /// No algorithm or qop that we know.
    Unsupported,
    /// The challenge does not parse, or is absent.
    Malformed,
    /// Our answer was not accepted.
    Rejected,
}

/// How an OPTIONS probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeResult {
    /// A final status.
    Answered {
        /// 200–699.
        status: u16,
        /// Retry-After in seconds, at most one day.
        retry_after_s: Option<u32>,
    },
    /// Timer F: silence.
    NoResponse,
}

/// How full the endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Calls whose `Released` has not been reported.
    pub calls: usize,
    /// Calls that are over and only absorb retransmissions.
    pub lingering: usize,
    /// Client transactions.
    pub client_transactions: usize,
    /// Server transactions.
    pub server_transactions: usize,
    /// Entries in the timer queue.
    pub timers: usize,
}
