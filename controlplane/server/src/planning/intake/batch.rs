//! What a group of news comes to.

use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::Entry},
    time::Duration,
};

use analytics::AttemptRow;
use common::{AttemptId, CampaignId, LineId, NodeId, ScriptId};
use peal_core::{
    event::CallEvent,
    retry::{Settlement, Tally},
};
use store::{Attempt, AttemptEnd, Finished, Intake, Store, StoreError};

use crate::{
    clock,
    names::Names,
    planning::Term,
    record::{self, End},
};

#[derive(Default)]
pub(super) struct Batch {
    /// Attempts that the news are about, as they will be; `None` for one that the store does not know.
    attempts: HashMap<AttemptId, Option<Attempt>>,
    /// Attempts whose row is to be written, or written again with what was learnt after the end.
    pub(super) ends: BTreeMap<AttemptId, End>,
    pub(super) intake: Intake,
    pub(super) feed: Vec<CallEvent>,
    pub(super) after: Vec<After>,
}

/// What is known here once all is durable.
pub(super) enum After {
    Answered(AttemptId),
    Reroute(AttemptId),
    Settled(AttemptId, Settlement),
    /// An answered call of a campaign that compares variants is over.
    Tried {
        campaign: CampaignId,
        script: ScriptId,
        reached: bool,
    },
    Released(AttemptId, u32),
    RestLine(LineId, Duration),
    RestNode(NodeId, Duration),
    RestCampaign(CampaignId, Duration),
    /// The node takes no new calls; its heartbeats will say when it does again.
    NodeDrains(NodeId),
    /// It cannot write recordings; so do its heartbeats.
    NodeCannotRecord(NodeId),
    /// It does not know a line that it should know.
    TellLines,
}

impl Batch {
    /// The attempt as it will be after the news so far.
    pub(super) async fn attempt(
        &mut self,
        store: &Store,
        id: AttemptId,
    ) -> Result<Option<&mut Attempt>, StoreError> {
        if let Entry::Vacant(unread) = self.attempts.entry(id) {
            unread.insert(match store.attempt(id).await {
                Ok(attempt) => Some(attempt),
                Err(StoreError::NotFound { .. }) => None,
                Err(error) => return Err(error),
            });
        }
        Ok(self.attempts.get_mut(&id).and_then(Option::as_mut))
    }

    /// The end of the last try whose INVITE may have left.
    pub(super) fn last_dialled(&self, id: AttemptId) -> Option<End> {
        let attempt = self.attempts.get(&id)?.as_ref()?;
        attempt.tries.iter().rev().find_map(|tried| {
            let outcome = tried.outcome.filter(|outcome| outcome.may_have_dialled())?;
            Some(End { outcome, at: tried.ended_at?, facts: tried.facts.clone().unwrap_or_default() })
        })
    }

    pub(super) fn finish(
        &mut self,
        id: AttemptId,
        route_try: u32,
        end: End,
        tally: Tally,
        settlement: Settlement,
        goal_reached: Option<bool>,
    ) {
        if let Some(Some(attempt)) = self.attempts.get_mut(&id) {
            attempt.end = Some(AttemptEnd {
                outcome: end.outcome,
                at: end.at,
                spent: end.outcome.may_have_dialled(),
                facts: end.facts.clone(),
            });
        }
        self.intake.finished.push(Finished {
            attempt: id,
            route_try,
            outcome: end.outcome,
            at: end.at,
            facts: end.facts.clone(),
            tally,
            settlement,
            goal_reached,
        });
        self.ends.insert(id, end);
    }

    /// The rows of all that ended or whose recording was closed, but those that are `spooled`.
    pub(super) fn rows(&self, names: &Names, version: u64, spooled: &HashSet<AttemptId>) -> Vec<AttemptRow> {
        let row = |(id, end): (&AttemptId, &End)| {
            let attempt = self.attempts.get(id)?.as_ref()?;
            Some(record::attempt_row(attempt, end, names, version))
        };
        self.ends.iter().filter(|(id, _)| !spooled.contains(id)).filter_map(row).collect()
    }
}

impl Term {
    pub(super) fn follow(&mut self, after: After) {
        let now = clock::now().mono;
        match after {
            After::Answered(attempt) => {
                if let Some(call) = self.calls.get_mut(&attempt) {
                    call.answered = true;
                }
            }
            After::Reroute(attempt) => {
                if let Some(call) = self.calls.get_mut(&attempt) {
                    call.try_ended = true;
                }
                self.snapshot.reroute(attempt);
            }
            After::Settled(attempt, settlement) => {
                self.calls.remove(&attempt);
                self.snapshot.settled(attempt, settlement);
            }
            After::Tried { campaign, script, reached } => {
                self.snapshot.variant_tried(campaign, script, reached);
            }
            After::Released(attempt, route_try) => self.snapshot.released(attempt, route_try),
            After::RestLine(line, rest) => self.snapshot.rest_line(now, line, rest),
            After::RestNode(node, rest) => self.snapshot.rest_node(now, &node, rest),
            After::RestCampaign(campaign, rest) => self.snapshot.rest_campaign(now, campaign, rest),
            After::NodeDrains(node) => {
                if let Some(known) = self.nodes.get_mut(&node) {
                    known.heartbeat.draining = true;
                }
                self.tell_planner(&node);
            }
            After::NodeCannotRecord(node) => {
                if let Some(known) = self.nodes.get_mut(&node) {
                    known.heartbeat.recording_failed = true;
                }
                self.tell_planner(&node);
            }
            After::TellLines => self.send_lines(),
        }
    }
}
