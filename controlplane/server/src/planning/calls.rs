//! Calls under way, as far as people and nodes are told about them.

use common::{AttemptId, CampaignId, ContactId, E164, LineId, NodeId, TenantId, UnixMicros};
use peal_core::event::{CallEvent, Happening};
use proto::v1::{Hangup, to_node};

use super::Term;

/// An attempt whose outcome is not durable yet, and its last route try.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) tenant: TenantId,
    pub(super) campaign: CampaignId,
    pub(super) contact: ContactId,
    pub(super) number: E164,
    pub(super) line: LineId,
    pub(super) node: NodeId,
    pub(super) route_try: u32,
    /// The try is over and another line is looked for.
    pub(super) try_ended: bool,
    pub(super) answered: bool,
    /// An end was asked for: no other line is tried.
    pub(super) hung_up: bool,
}

impl Call {
    /// Something that happened to it, for those who watch.
    pub(super) fn event(&self, attempt: AttemptId, at: UnixMicros, what: Happening) -> CallEvent {
        CallEvent {
            id: 0,
            tenant: self.tenant,
            at,
            campaign: self.campaign,
            contact: self.contact,
            attempt,
            route_try: self.route_try,
            line: self.line,
            number: self.number,
            what,
        }
    }
}

impl Term {
    /// Asks the node to end a call. Without a link nothing can be asked; the call then ends by its script or its
    /// longest time.
    pub(super) fn hang_up(&mut self, attempt: AttemptId, reason: &str) {
        let Some(call) = self.calls.get_mut(&attempt) else {
            tracing::debug!(%attempt, "a call to be hung up is over already");
            return;
        };
        call.hung_up = true;
        if call.try_ended {
            return;
        }
        let hangup = Hangup { attempt: attempt.as_bytes().to_vec(), reason: reason.to_owned() };
        match self.nodes.get(&call.node) {
            Some(node) if node.peer.send(to_node::Message::Hangup(hangup)) => {}
            _ => {
                tracing::warn!(%attempt, node = %call.node, "its node is out of reach; the call cannot be hung up")
            }
        }
    }

    /// Ends the calls of a cancelled campaign that nobody has answered; the others finish.
    pub(super) fn hang_up_unanswered(&mut self, campaign: CampaignId) {
        let unanswered: Vec<AttemptId> = self
            .calls
            .iter()
            .filter(|(_, call)| call.campaign == campaign && !call.answered)
            .map(|(&attempt, _)| attempt)
            .collect();
        for attempt in unanswered {
            self.hang_up(attempt, "campaign_cancelled");
        }
    }

    /// Route tries of a node whose end is not known.
    pub(super) fn open_tries_at(&self, node: &NodeId) -> Vec<(AttemptId, u32)> {
        let mut tries: Vec<_> = self
            .calls
            .iter()
            .filter(|(_, call)| call.node == *node && !call.try_ended)
            .map(|(&attempt, call)| (attempt, call.route_try))
            .collect();
        tries.sort_unstable();
        tries
    }
}
