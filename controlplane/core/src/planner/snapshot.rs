//! What the planner knows, and how it hears news.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::{Duration, Instant},
};

use common::{AttemptId, CampaignId, E164, LineGroupId, LineId, NodeId, ScriptId, TenantId, UnixMicros};

use super::{
    Deferral, Drawn, Now, Plan, PlannedOrder, Restored, Wanted,
    campaign::CampaignView,
    line::{LineState, NodeState},
    open::{Open, Slot},
    pace::WINDOW,
    turns::Turns,
};
use crate::{
    model::{Campaign, CampaignState, Line, LineGroup},
    retry::{Settlement, Tally},
    schedule::OpenTimes,
};

/// The longest rest of a line, whatever its carrier asks for: one that asks for a day because of a fault must not be
/// lost for a day.
const MAX_REST: Duration = Duration::from_secs(60);

/// How full the spool of records is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pressure {
    /// Dial as the lines allow.
    #[default]
    None,
    /// From 80 % on: half the rate.
    Slow,
    /// Full: no new calls.
    Stop,
}

impl Pressure {
    /// For a spool that is filled to `ratio`, 0 to 1.
    pub fn of_spool(ratio: f64) -> Self {
        match ratio {
            // A ratio that is no number cannot be trusted.
            _ if ratio.is_nan() || ratio >= 1.0 => Self::Stop,
            _ if ratio >= 0.8 => Self::Slow,
            _ => Self::None,
        }
    }
}

/// What a node says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// The most calls it carries.
    pub max_calls: u32,
    /// It takes no new calls.
    pub draining: bool,
    /// It cannot write recordings.
    pub recording_failed: bool,
}

/// A node's part of a line's limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Calls at once.
    pub max_calls: u32,
    /// New calls in any rolling second.
    pub max_cps: u32,
}

/// How a line is used.
#[derive(Clone, Copy, Debug)]
pub struct LineUse<'a> {
    /// The line.
    pub line: &'a Line,
    /// Places taken, over all nodes: by attempts, and by second calls of transfers.
    pub held: u32,
    /// How long it is left alone; `None` when it is not.
    pub rests_for: Option<Duration>,
}

/// What the planner knows. See the [module](super) for how it is driven.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) lines: BTreeMap<LineId, LineState>,
    pub(super) groups: BTreeMap<LineGroupId, LineGroup>,
    pub(super) campaigns: BTreeMap<CampaignId, CampaignView>,
    pub(super) nodes: BTreeMap<NodeId, NodeState>,
    pub(super) open: HashMap<AttemptId, Open>,
    /// Attempts that wait for another line, in the order in which they came to wait.
    pub(super) waiting: VecDeque<AttemptId>,
    /// The recognisers that scripts listen with.
    pub(super) recognisers: BTreeMap<ScriptId, BTreeSet<String>>,
    /// How many attempts under way call the number.
    pub(super) numbers: HashMap<(TenantId, E164), u32>,
    pub(super) pressure: Pressure,
    /// Orders of an earlier planner may have left until a moment ago.
    pub(super) not_before: Instant,
    pub(super) line_turns: Turns<LineId>,
    pub(super) campaign_turns: BTreeMap<LineId, Turns<CampaignId>>,
}

impl Snapshot {
    /// Knows nothing yet, and plans nothing for the rolling second in which orders of an earlier planner may have left.
    pub fn new(now: Instant) -> Self {
        Self {
            lines: BTreeMap::new(),
            groups: BTreeMap::new(),
            campaigns: BTreeMap::new(),
            nodes: BTreeMap::new(),
            open: HashMap::new(),
            waiting: VecDeque::new(),
            recognisers: BTreeMap::new(),
            numbers: HashMap::new(),
            pressure: Pressure::None,
            not_before: now + WINDOW,
            line_turns: Turns::default(),
            campaign_turns: BTreeMap::new(),
        }
    }

    // Configuration.

    /// A line is new or changed.
    pub fn line_changed(&mut self, now: Instant, line: Line) {
        let nodes = self.connected();
        let state = match self.lines.entry(line.id) {
            std::collections::btree_map::Entry::Occupied(mut known) => {
                known.get_mut().configure(line);
                known.into_mut()
            }
            std::collections::btree_map::Entry::Vacant(new) => new.insert(LineState::new(line)),
        };
        state.divide(now, &nodes);
    }

    /// A line was deleted. Calls on it go on.
    pub fn line_deleted(&mut self, line: LineId) {
        self.lines.remove(&line);
        self.line_turns.remove(&line);
        self.campaign_turns.remove(&line);
    }

    /// A line group is new or changed.
    pub fn group_changed(&mut self, group: LineGroup) {
        self.groups.insert(group.id, group);
    }

    /// A line group was deleted.
    pub fn group_deleted(&mut self, group: LineGroupId) {
        self.groups.remove(&group);
    }

    /// A campaign is new, changed, or in another state. The error says what about its schedule cannot be resolved; it
    /// is then not dialled.
    pub fn campaign_changed(&mut self, campaign: Campaign) -> Result<(), String> {
        let id = campaign.id;
        if matches!(campaign.state, CampaignState::Completed | CampaignState::Cancelled) {
            self.campaign_deleted(id);
            return Ok(());
        }
        let times = match OpenTimes::new(&campaign.spec.schedule) {
            Ok(times) => times,
            Err(problem) => {
                self.campaign_deleted(id);
                return Err(problem);
            }
        };
        match self.campaigns.entry(id) {
            std::collections::btree_map::Entry::Occupied(mut known) => {
                known.get_mut().configure(campaign, times);
            }
            std::collections::btree_map::Entry::Vacant(new) => {
                let view = new.insert(CampaignView::new(campaign, times));
                // Its calls may be under way already, when it was taken out and comes back.
                for open in self.open.values().filter(|open| open.campaign == id) {
                    view.active += 1;
                    view.unsettled += u32::from(!open.settled);
                }
            }
        }
        Ok(())
    }

    /// The recognisers that scripts listen with, by the names in their steps; a script that is not there listens to nobody.
    pub fn scripts_listen(&mut self, recognisers: BTreeMap<ScriptId, BTreeSet<String>>) {
        self.recognisers = recognisers;
        for view in self.campaigns.values_mut() {
            let listens = view.campaign.spec.script.ids();
            let all = listens.iter().filter_map(|script| self.recognisers.get(script)).flatten();
            view.recognisers = all.cloned().collect::<BTreeSet<_>>().into_iter().collect();
        }
    }

    /// What came of the variants of a campaign so far: answered calls, and those that reached the goal.
    pub fn variant_results(
        &mut self,
        campaign: CampaignId,
        results: impl IntoIterator<Item = (ScriptId, (u64, u64))>,
    ) {
        if let Some(view) = self.campaigns.get_mut(&campaign) {
            view.results = results.into_iter().collect();
        }
    }

    /// An answered call of a campaign is over.
    pub fn variant_tried(&mut self, campaign: CampaignId, script: ScriptId, reached: bool) {
        if let Some(view) = self.campaigns.get_mut(&campaign) {
            let (tries, successes) = view.results.entry(script).or_default();
            *tries += 1;
            *successes += u64::from(reached);
        }
    }

    /// A campaign was deleted, or has ended. Its calls go on.
    pub fn campaign_deleted(&mut self, campaign: CampaignId) {
        self.campaigns.remove(&campaign);
        for turns in self.campaign_turns.values_mut() {
            turns.remove(&campaign);
        }
    }

    /// There may be contacts that the last draw did not see.
    pub fn contacts_added(&mut self, campaign: CampaignId) {
        if let Some(view) = self.campaigns.get_mut(&campaign) {
            view.look_again();
        }
    }

    /// The campaigns that it knows: pending, running and paused ones, and drafts that it was told of.
    pub fn campaigns(&self) -> impl Iterator<Item = &Campaign> {
        self.campaigns.values().map(|view| &view.campaign)
    }

    /// The line groups that it knows.
    pub fn groups(&self) -> impl Iterator<Item = &LineGroup> {
        self.groups.values()
    }

    // Nodes.

    /// A node connected, or says something else of itself.
    pub fn node_changed(&mut self, now: Instant, node: &NodeId, status: NodeStatus) {
        let held = self.held_at(node);
        let state = self.nodes.entry(node.clone()).or_insert(NodeState {
            max_calls: 0,
            draining: false,
            recording_failed: false,
            recognisers: BTreeMap::new(),
            resting_until: None,
            connected: false,
            held,
            legs: 0,
        });
        let came = !state.connected;
        state.max_calls = status.max_calls;
        state.draining = status.draining;
        state.recording_failed = status.recording_failed;
        state.connected = true;
        if came {
            self.divide(now);
        }
    }

    /// A connected node tells how many sessions each of its recognisers could still open, by the recogniser's name.
    pub fn node_recognisers<'f>(&mut self, node: &NodeId, free: impl IntoIterator<Item = (&'f str, u32)>) {
        let Some(state) = self.nodes.get_mut(node) else { return };
        for sessions in state.recognisers.values_mut() {
            sessions.free = 0;
        }
        for (name, free) in free {
            let sessions = state.recognisers.entry(name.to_owned()).or_default();
            sessions.free = free;
            sessions.most = sessions.most.max(free);
        }
    }

    /// A connected node tells how many second calls its transfers have made, and how many of those take a place of which line.
    pub fn node_legs(&mut self, node: &NodeId, legs: u32, on_lines: &BTreeMap<LineId, u32>) {
        let Some(state) = self.nodes.get_mut(node) else { return };
        state.legs = legs;
        for (id, line) in &mut self.lines {
            line.set_legs(node, on_lines.get(id).copied().unwrap_or(0));
        }
    }

    /// A node's link broke. Its calls may go on; their slots stay held until it says otherwise or their longest life is
    /// over.
    pub fn node_lost(&mut self, now: Instant, node: &NodeId) {
        self.nodes.remove(node);
        self.divide(now);
    }

    /// Divides the lines' limits over the connected nodes; whether a share changed. Call it once a second or so too:
    /// shares grow only after others have shrunk for a while.
    pub fn divide(&mut self, now: Instant) -> bool {
        let nodes = self.connected();
        let mut changed = false;
        for line in self.lines.values_mut() {
            changed |= line.divide(now, &nodes);
        }
        changed
    }

    /// The lines as a node should have them, with its share: all, also those in which it has none.
    pub fn shares(&self, node: &NodeId) -> Vec<(&Line, Share)> {
        self.lines.values().map(|line| (&line.line, line.share(node))).collect()
    }

    // Rests.

    /// The line's carrier asked to be left alone for a while, or the line cannot be used: it rests, at most a minute.
    pub fn rest_line(&mut self, now: Instant, line: LineId, rest: Duration) {
        if let Some(state) = self.lines.get_mut(&line) {
            let until = now + rest.min(MAX_REST);
            state.resting_until = Some(state.resting_until.map_or(until, |known| known.max(until)));
        }
    }

    /// The node refused for want of room or lease.
    pub fn rest_node(&mut self, now: Instant, node: &NodeId, rest: Duration) {
        if let Some(state) = self.nodes.get_mut(node) {
            state.resting_until = Some(now + rest.min(MAX_REST));
        }
    }

    /// The campaign's script cannot be used.
    pub fn rest_campaign(&mut self, now: Instant, campaign: CampaignId, rest: Duration) {
        if let Some(view) = self.campaigns.get_mut(&campaign) {
            view.resting_until = Some(now + rest.min(MAX_REST));
        }
    }

    /// The spool is so full.
    pub fn set_pressure(&mut self, pressure: Pressure) {
        self.pressure = pressure;
    }

    // Contacts.

    /// What should be drawn from the store; each is then owed a [`Snapshot::drawn`] or [`Snapshot::draw_failed`].
    pub fn wanted(&mut self, now: UnixMicros) -> Vec<Wanted> {
        self.campaigns.values_mut().filter_map(|view| view.want(now)).collect()
    }

    /// Contacts were drawn. `false` when the campaign has stopped since: they must be put back.
    pub fn drawn(&mut self, wanted: &Wanted, drawn: Drawn) -> bool {
        match self.campaigns.get_mut(&wanted.campaign) {
            Some(view) => view.drawn(wanted.generation, drawn),
            None => false,
        }
    }

    /// A draw failed.
    pub fn draw_failed(&mut self, wanted: &Wanted) {
        if let Some(view) = self.campaigns.get_mut(&wanted.campaign) {
            view.draw_failed(wanted.generation);
        }
    }

    /// A contact of the queue was put back in the store.
    pub fn deferred(&mut self, deferral: &Deferral) {
        if let Some(view) = self.campaigns.get_mut(&deferral.campaign) {
            view.unqueue(deferral.contact);
            view.waits(deferral.until);
        }
    }

    // Attempts.

    /// Takes over the turns of a plan, and those of its orders that were made durable, with the id of the attempt. The
    /// others are as if never planned; their contacts stay in the queue unless [`Snapshot::deferred`] or
    /// [`Snapshot::dropped`] says otherwise.
    pub fn issue<'a>(
        &mut self,
        now: Instant,
        plan: &'a Plan,
        kept: impl IntoIterator<Item = (AttemptId, &'a PlannedOrder)>,
    ) {
        self.line_turns = plan.line_turns.clone();
        self.campaign_turns = plan.campaign_turns.clone();
        for (attempt, order) in kept {
            self.start(now, attempt, order);
        }
    }

    /// A contact of the queue cannot be called for this campaign any more (it is settled, or in flight elsewhere).
    pub fn dropped(&mut self, order: &PlannedOrder) {
        if let Some(view) = self.campaigns.get_mut(&order.campaign) {
            view.unqueue(order.contact);
        }
    }

    fn start(&mut self, now: Instant, attempt: AttemptId, order: &PlannedOrder) {
        let slowed = self.pressure == Pressure::Slow;
        if let Some(line) = self.lines.get_mut(&order.line) {
            line.start(&order.node, now, slowed);
        }
        if let Some(node) = self.nodes.get_mut(&order.node) {
            node.held += 1;
        }
        let slot = Slot {
            route_try: order.route_try,
            line: order.line,
            node: order.node.clone(),
            until: now + order.max_life,
        };
        if order.attempt.is_some() {
            self.waiting.retain(|waiting| *waiting != attempt);
            if let Some(open) = self.open.get_mut(&attempt) {
                open.waits_for_route = false;
                open.lines.push(order.line);
                open.slots.push(slot);
            }
            return;
        }
        let open = Open {
            tenant: order.tenant,
            campaign: order.campaign,
            list: order.list,
            contact: order.contact,
            number: order.number,
            tally: order.tally.clone(),
            attempt_no: order.attempt_no,
            script: order.script,
            planned_at: now,
            lines: vec![order.line],
            slots: vec![slot],
            settled: false,
            waits_for_route: false,
        };
        *self.numbers.entry((open.tenant, open.number)).or_default() += 1;
        if let Some(view) = self.campaigns.get_mut(&order.campaign) {
            view.unqueue(order.contact);
            view.active += 1;
            view.unsettled += 1;
        }
        self.open.insert(attempt, open);
    }

    /// At the start: an attempt of the planner before. Call it after all configuration.
    pub fn restore(&mut self, now: Now, restored: Restored) {
        let mut slots = Vec::new();
        for (index, held) in restored.tries.iter().enumerate() {
            let Some(until) = held.slot_until else { continue };
            if let Some(line) = self.lines.get_mut(&held.line) {
                line.hold(&held.node);
            }
            if let Some(node) = self.nodes.get_mut(&held.node) {
                node.held += 1;
            }
            slots.push(Slot {
                route_try: u32::try_from(index + 1).unwrap_or(u32::MAX),
                line: held.line,
                node: held.node.clone(),
                until: now.mono + until.since(now.wall),
            });
        }
        let age = now.wall.since(restored.planned_at);
        let open = Open {
            tenant: restored.tenant,
            campaign: restored.campaign,
            list: restored.list,
            contact: restored.contact,
            number: restored.number,
            tally: restored.tally,
            attempt_no: restored.attempt_no,
            script: restored.script,
            planned_at: now.mono.checked_sub(age).unwrap_or(now.mono),
            lines: restored.tries.iter().map(|held| held.line).collect(),
            slots,
            settled: restored.settled,
            waits_for_route: restored.waits_for_route && !restored.settled,
        };
        *self.numbers.entry((open.tenant, open.number)).or_default() += 1;
        if let Some(view) = self.campaigns.get_mut(&open.campaign) {
            view.active += 1;
            view.unsettled += u32::from(!open.settled);
        }
        if open.waits_for_route {
            self.waiting.push_back(restored.attempt);
        }
        self.open.insert(restored.attempt, open);
        self.close_if_over(restored.attempt);
    }

    /// A route try failed in a way that allows another line ([`crate::reroute::may_reroute`]). The next plans either
    /// order it or say [`Plan::no_route`].
    pub fn reroute(&mut self, attempt: AttemptId) {
        if let Some(open) = self.open.get_mut(&attempt)
            && !open.settled
            && !open.waits_for_route
        {
            open.waits_for_route = true;
            self.waiting.push_back(attempt);
        }
    }

    /// The outcome of an attempt is durable, and this is what becomes of its contact.
    pub fn settled(&mut self, attempt: AttemptId, settlement: Settlement) {
        let Some(open) = self.open.get_mut(&attempt) else { return };
        if std::mem::replace(&mut open.settled, true) {
            return;
        }
        if std::mem::take(&mut open.waits_for_route) {
            self.waiting.retain(|waiting| *waiting != attempt);
        }
        if let Some(view) = self.campaigns.get_mut(&open.campaign) {
            view.unsettled = view.unsettled.saturating_sub(1);
            if let Settlement::RetryDue { at } = settlement {
                view.waits(at);
            }
        }
        self.close_if_over(attempt);
    }

    /// No message of a route try is outstanding any more: its slot is free. A repetition changes nothing.
    pub fn released(&mut self, attempt: AttemptId, route_try: u32) {
        let Some(open) = self.open.get_mut(&attempt) else { return };
        let Some(index) = open.slots.iter().position(|slot| slot.route_try == route_try) else { return };
        let slot = open.slots.swap_remove(index);
        if let Some(line) = self.lines.get_mut(&slot.line) {
            line.release(&slot.node);
        }
        if let Some(node) = self.nodes.get_mut(&slot.node) {
            node.held = node.held.saturating_sub(1);
        }
        self.close_if_over(attempt);
    }

    /// Attempts of which nothing more can be heard: the longest life of their calls is over. Unsettled ones are
    /// *unknown* then; the slots of all of them are free and should be released.
    pub fn overdue(&self, now: Instant) -> Vec<AttemptId> {
        self.open
            .iter()
            .filter(|(_, open)| !open.waits_for_route && open.over_at().is_none_or(|over| over <= now))
            .map(|(&attempt, _)| attempt)
            .collect()
    }

    /// Route tries of an attempt that still hold a slot.
    pub fn held_tries(&self, attempt: AttemptId) -> Vec<u32> {
        self.open
            .get(&attempt)
            .map(|open| open.slots.iter().map(|slot| slot.route_try).collect())
            .unwrap_or_default()
    }

    /// Attempts under way, or with a slot that is not free yet.
    pub fn open_attempts(&self) -> usize {
        self.open.len()
    }

    /// Attempts at the contact before this one; `None` for an attempt that is not under way.
    pub fn tally(&self, attempt: AttemptId) -> Option<&Tally> {
        self.open.get(&attempt).map(|open| &open.tally)
    }

    /// How long ago an attempt under way was decided.
    pub fn age(&self, now: Instant, attempt: AttemptId) -> Option<Duration> {
        self.open.get(&attempt).map(|open| now.saturating_duration_since(open.planned_at))
    }

    /// Whether an attempt waits for another line.
    pub fn waits_for_route(&self, attempt: AttemptId) -> bool {
        self.open.get(&attempt).is_some_and(|open| open.waits_for_route)
    }

    /// How the lines are used, by id.
    pub fn line_use(&self, now: Instant) -> impl Iterator<Item = LineUse<'_>> {
        self.lines.values().map(move |state| LineUse {
            line: &state.line,
            held: state.taken(),
            rests_for: state.resting_until.and_then(|until| until.checked_duration_since(now)),
        })
    }

    fn close_if_over(&mut self, attempt: AttemptId) {
        let Some(open) = self.open.get(&attempt) else { return };
        if !open.settled || !open.slots.is_empty() {
            return;
        }
        let open = self.open.remove(&attempt).expect("looked at above");
        if let Some(count) = self.numbers.get_mut(&(open.tenant, open.number)) {
            *count -= 1;
            if *count == 0 {
                self.numbers.remove(&(open.tenant, open.number));
            }
        }
        if let Some(view) = self.campaigns.get_mut(&open.campaign) {
            view.active = view.active.saturating_sub(1);
        }
    }

    fn connected(&self) -> BTreeSet<NodeId> {
        self.nodes.iter().filter(|(_, node)| node.connected).map(|(id, _)| id.clone()).collect()
    }

    fn held_at(&self, node: &NodeId) -> u32 {
        let slots = self.open.values().flat_map(|open| &open.slots);
        u32::try_from(slots.filter(|slot| slot.node == *node).count()).unwrap_or(u32::MAX)
    }
}
