//! What a plan says.

use std::{collections::BTreeMap, time::Duration};

use common::{
    AttemptId, CampaignId, ContactId, E164, LineId, ListId, NodeId, ScriptId, TenantId, UnixMicros,
};

use super::{PassedOver, Reason, turns::Turns};
use crate::{model::Move, retry::Tally};

/// What to do now. It holds until the snapshot hears other news; then make another.
#[derive(Debug, Default)]
pub struct Plan {
    /// Calls to make, in the order of their turns.
    pub orders: Vec<PlannedOrder>,
    /// Contacts to put back for a while.
    pub deferred: Vec<Deferral>,
    /// Attempts that waited for another line and will not get one: the failed try decides them.
    pub no_route: Vec<NoRoute>,
    /// Campaigns whose state changes.
    pub moves: Vec<(CampaignId, Move)>,
    /// What was ready, or nearly so, and why it was not called.
    pub passed_over: Vec<(PassedOver, Reason)>,
    pub(super) line_turns: Turns<LineId>,
    pub(super) campaign_turns: BTreeMap<LineId, Turns<CampaignId>>,
}

/// One call to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedOrder {
    /// The attempt, when it is tried on another line; `None` for a new one, whose id the owner makes.
    pub attempt: Option<AttemptId>,
    /// Which INVITE of the attempt, from 1.
    pub route_try: u32,
    /// Whose it is.
    pub tenant: TenantId,
    /// For which campaign.
    pub campaign: CampaignId,
    /// Priority of the campaign.
    pub priority: u8,
    /// The list of the contact.
    pub list: ListId,
    /// Whom to call.
    pub contact: ContactId,
    /// The number to call.
    pub number: E164,
    /// Attempts at the contact before this one.
    pub tally: Tally,
    /// Counted from 1 within the contact.
    pub attempt_no: u32,
    /// Over which line.
    pub line: LineId,
    /// Through which node.
    pub node: NodeId,
    /// User part of Request-URI and To.
    pub dial: String,
    /// Caller id; empty for anonymous.
    pub caller_id: String,
    /// What the call does.
    pub script: ScriptId,
    /// Whether it is recorded.
    pub record: bool,
    /// IANA name of the campaign's time zone; empty for UTC.
    pub time_zone: String,
    /// How long it may ring.
    pub max_ring_ms: u32,
    /// How long it may last.
    pub max_call_ms: u32,
    /// How long the slot on the line may be held at the most, should nothing be heard of the call any more.
    pub max_life: Duration,
}

/// A contact that cannot be called at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deferral {
    /// Of which campaign.
    pub campaign: CampaignId,
    /// Which.
    pub contact: ContactId,
    /// When it may come again.
    pub until: UnixMicros,
}

/// An attempt that gets no other line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoute {
    /// Which.
    pub attempt: AttemptId,
    /// Why.
    pub reason: Reason,
}
