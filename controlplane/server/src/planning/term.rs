//! A time in office: everything that is true only while this process holds the planner lease.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use common::{AttemptId, Epoch, NodeId};
use peal_core::planner::{self, PassedOver, Ready, Reason, Restored, RestoredTry, Snapshot};
use proto::v1::Heartbeat;
use store::{Draw, OpenAttempt, Stage, Store, StoreError};

use super::{calls::Call, news::Group};
use crate::{
    clock,
    link::{Peer, SessionId},
    names::Names,
};

/// How long the lease in the store is valid from each renewal.
pub(super) const LEASE: Duration = Duration::from_secs(10);

/// How long a lease is valid that a node is given.
pub(super) const NODE_LEASE: Duration = Duration::from_secs(5);

/// A node is given a lease only while ours outlasts it, by a second for clocks that do not run alike.
const RENEWED_WITHIN: Duration = Duration::from_secs(4);

/// Between two tries to make news durable, at first and at the most: a disk that is full or a store that is locked is not
/// helped by many tries a second.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Term {
    pub(super) epoch: Epoch,
    pub(super) renewed_at: Instant,
    pub(super) snapshot: Snapshot,
    pub(super) nodes: HashMap<NodeId, Node>,
    /// Attempts whose outcome is not durable yet.
    pub(super) calls: HashMap<AttemptId, Call>,
    /// News that could not be taken in because store or spool failed, oldest first. While there are any, no news are
    /// read and nothing is ordered.
    pub(super) stuck: VecDeque<Group>,
    /// While there are any.
    pub(super) trouble: Option<Trouble>,
    /// Something configured has changed: the store is to be read again.
    pub(super) config_changed: bool,
    /// Of the last plan.
    pub(super) passed_over: Vec<(PassedOver, Reason)>,
}

/// A node whose stream is up.
pub(super) struct Node {
    pub(super) session: SessionId,
    /// Which process: drawn anew at each of its starts.
    pub(super) boot: Vec<u8>,
    /// When it said Hello or its last heartbeat was read.
    pub(super) heard_at: Instant,
    pub(super) peer: Peer,
    pub(super) max_calls: u32,
    pub(super) heartbeat: Heartbeat,
    /// Events up to this one are safe.
    pub(super) acknowledged: u64,
}

/// News cannot be made durable.
pub(super) struct Trouble {
    pub(super) since: Instant,
    pub(super) again_at: Instant,
    pause: Duration,
}

impl Trouble {
    pub(super) fn begin(now: Instant) -> Self {
        Self { since: now, again_at: now + FIRST_PAUSE, pause: FIRST_PAUSE }
    }

    /// It was tried again, in vain.
    pub(super) fn goes_on(&mut self, now: Instant) {
        self.pause = (self.pause * 2).min(LAST_PAUSE);
        self.again_at = now + self.pause;
    }
}

impl Term {
    /// Begins with what the store knows.
    pub(super) async fn begin(epoch: Epoch, store: &Store, names: &mut Names) -> Result<Self, StoreError> {
        let now = clock::now();
        let mut term = Self {
            epoch,
            renewed_at: now.mono,
            snapshot: Snapshot::new(now.mono),
            nodes: HashMap::new(),
            calls: HashMap::new(),
            stuck: VecDeque::new(),
            trouble: None,
            config_changed: false,
            passed_over: Vec::new(),
        };
        term.configure(store.planner_config().await?, names);
        for open in store.open_attempts().await? {
            names.look_up(store, open.attempt.tenant, open.attempt.campaign, open.attempt.script).await?;
            term.restore(open);
        }
        Ok(term)
    }

    /// Whether orders may leave and nodes be given leases.
    pub(super) fn is_sure_of_lease(&self) -> bool {
        self.renewed_at.elapsed() < RENEWED_WITHIN
    }

    pub(super) fn is_stuck(&self) -> bool {
        !self.stuck.is_empty()
    }

    fn restore(&mut self, open: OpenAttempt) {
        let OpenAttempt { attempt, tally } = open;
        let settled = attempt.end.is_some();
        let last_ended = attempt.tries.last().is_some_and(|tried| tried.outcome.is_some());
        if !settled && let Some(last) = attempt.tries.last() {
            self.calls.insert(
                attempt.id,
                Call {
                    tenant: attempt.tenant,
                    campaign: attempt.campaign,
                    contact: attempt.contact,
                    number: attempt.number,
                    line: last.line,
                    node: last.node.clone(),
                    route_try: last.route_try,
                    try_ended: last_ended,
                    answered: attempt.stage == Stage::Answered,
                    hung_up: false,
                },
            );
        }
        let tries = attempt
            .tries
            .iter()
            .map(|tried| RestoredTry {
                line: tried.line,
                node: tried.node.clone(),
                slot_until: tried.released_at.is_none().then_some(tried.slot_until),
            })
            .collect();
        self.snapshot.restore(
            clock::now(),
            Restored {
                attempt: attempt.id,
                tenant: attempt.tenant,
                campaign: attempt.campaign,
                list: attempt.list,
                contact: attempt.contact,
                number: attempt.number,
                tally,
                attempt_no: attempt.attempt_no,
                script: attempt.script,
                planned_at: attempt.planned_at,
                settled,
                waits_for_route: !settled && last_ended,
                tries,
            },
        );
    }
}

/// What the store drew, in the planner's words.
pub(super) fn drawn(draw: Draw) -> planner::Drawn {
    planner::Drawn {
        contacts: draw
            .contacts
            .into_iter()
            .map(|ready| Ready {
                contact: ready.contact,
                list: ready.list,
                number: ready.number,
                tally: ready.tally,
                script: ready.script,
            })
            .collect(),
        lists_drawn: draw.lists_drawn,
        next_due_at: draw.next_due_at,
    }
}
