//! Attempts under way and the slots that they hold.

use std::time::{Duration, Instant};

use common::{
    AttemptId, CampaignId, ContactId, E164, LineId, ListId, NodeId, ScriptId, TenantId, UnixMicros,
};

use crate::retry::Tally;

/// What a call may last beyond its ringing and talking: 64 × T1 (RFC 3261 section 17.1.1.1) for a CANCEL or BYE that
/// nobody answers, and as much again for the INVITE before it.
pub const MAX_LIFE_BEYOND: Duration = Duration::from_secs(64);

/// An attempt whose end, or whose slot's release, has not been heard of.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) tenant: TenantId,
    pub(super) campaign: CampaignId,
    pub(super) list: ListId,
    pub(super) contact: ContactId,
    pub(super) number: E164,
    pub(super) tally: Tally,
    pub(super) attempt_no: u32,
    pub(super) script: ScriptId,
    pub(super) planned_at: Instant,
    /// Lines of all its tries.
    pub(super) lines: Vec<LineId>,
    /// Slots held, by route try.
    pub(super) slots: Vec<Slot>,
    /// Its outcome is decided.
    pub(super) settled: bool,
    /// It waits for another line.
    pub(super) waits_for_route: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) route_try: u32,
    pub(super) line: LineId,
    pub(super) node: NodeId,
    /// When it is taken to be free though nothing was heard.
    pub(super) until: Instant,
}

impl Open {
    pub(super) fn next_try(&self) -> u32 {
        u32::try_from(self.lines.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Whether its last try is at the node.
    pub(super) fn is_at(&self, node: &NodeId) -> bool {
        self.slots.iter().max_by_key(|slot| slot.route_try).is_some_and(|slot| slot.node == *node)
    }

    /// When nothing more can be heard of it.
    pub(super) fn over_at(&self) -> Option<Instant> {
        self.slots.iter().map(|slot| slot.until).max()
    }
}

/// An attempt that was under way when the last planner stopped.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Which.
    pub attempt: AttemptId,
    /// Whose.
    pub tenant: TenantId,
    /// For which campaign.
    pub campaign: CampaignId,
    /// The list of the contact.
    pub list: ListId,
    /// Whom it calls.
    pub contact: ContactId,
    /// The number it calls.
    pub number: E164,
    /// Attempts at the contact before this one.
    pub tally: Tally,
    /// Counted from 1 within the contact.
    pub attempt_no: u32,
    /// What the call does.
    pub script: ScriptId,
    /// When it was decided.
    pub planned_at: UnixMicros,
    /// Its outcome is decided; only slots are left.
    pub settled: bool,
    /// Its last try failed in a way that allows another line.
    pub waits_for_route: bool,
    /// Its INVITEs in the order of the tries.
    pub tries: Vec<RestoredTry>,
}

/// One INVITE of a [`Restored`] attempt.
#[derive(Clone, Debug)]
pub struct RestoredTry {
    /// Over which line.
    pub line: LineId,
    /// Through which node.
    pub node: NodeId,
    /// Until when its slot is held; `None` when it is free.
    pub slot_until: Option<UnixMicros>,
}
