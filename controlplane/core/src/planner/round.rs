//! One plan: rooms are counted once, then handed out turn by turn.

use std::collections::{BTreeMap, HashSet};

use common::{AttemptId, CampaignId, E164, LineId, NodeId, TenantId, UnixMicros};

use super::{
    Deferral, NoRoute, Now, PassedOver, Plan, PlannedOrder, Pressure, Ready, Reason, Snapshot,
    campaign::{CampaignView, Needs},
    line::{LineState, NodeState},
    open::{MAX_LIFE_BEYOND, Open},
};
use crate::{
    dial,
    model::{CampaignState, Move},
    reroute,
};

/// Orders in one plan: one transaction's worth, so that a commit stays within milliseconds. Twenty plans a second make
/// 40,000 orders.
const MAX_ORDERS: usize = 2_000;

/// Contacts of one campaign that one plan looks at and puts back. More than a few means that two campaigns call the same
/// list; the next plan goes on.
const MAX_DEFERRED: usize = 64;

/// How long a contact waits whose number is being called already.
const NUMBER_IN_FLIGHT_DELAY_US: i64 = 5_000_000;

impl Snapshot {
    /// What to do now. Changes nothing.
    pub fn plan(&self, now: Now) -> Plan {
        let mut plan = Plan {
            moves: self.moves(now),
            line_turns: self.line_turns.clone(),
            campaign_turns: self.campaign_turns.clone(),
            ..Plan::default()
        };
        let mut round = Round::new(self, now);
        round.order_reroutes(&mut plan);
        round.order_campaigns(&mut plan);
        plan
    }

    fn moves(&self, now: Now) -> Vec<(CampaignId, Move)> {
        self.campaigns
            .iter()
            .filter_map(|(&id, view)| match view.campaign.state {
                CampaignState::Pending if view.times.is_open(now.wall) => Some((id, Move::ScheduleReached)),
                CampaignState::Running if view.is_settled() => Some((id, Move::AllSettled)),
                _ => None,
            })
            .collect()
    }

    /// Sessions of a node's recognisers that new calls may need. A call may need one until it ends, whether it listens now or
    /// has not been answered yet; so those that are up are taken from the most that the node ever had free.
    fn recogniser_rooms<'s>(&'s self, id: &NodeId, state: &'s NodeState) -> BTreeMap<&'s str, u32> {
        let mut rooms: BTreeMap<&str, (u32, u32)> = state
            .recognisers
            .iter()
            .map(|(name, sessions)| (name.as_str(), (sessions.free, sessions.most)))
            .collect();
        if rooms.is_empty() {
            return BTreeMap::new();
        }
        let listening = self.open.values().filter(|open| !open.settled && open.is_at(id));
        for open in listening {
            for name in self.recognisers.get(&open.script).into_iter().flatten() {
                if let Some((_, left)) = rooms.get_mut(name.as_str()) {
                    *left = left.saturating_sub(1);
                }
            }
        }
        rooms.into_iter().map(|(name, (free, left))| (name, free.min(left))).collect()
    }

    /// Why nothing at all may be ordered.
    fn shut(&self, now: Now) -> Option<Reason> {
        if now.mono < self.not_before {
            return Some(Reason::TakingOver);
        }
        if self.pressure == Pressure::Stop {
            return Some(Reason::SpoolFull);
        }
        if !self.nodes.values().any(|node| node.is_willing(now.mono)) {
            return Some(Reason::NoNode);
        }
        None
    }
}

/// The rooms that are left while a plan is made.
struct Round<'a> {
    snapshot: &'a Snapshot,
    now: Now,
    shut: Option<Reason>,
    nodes: Vec<NodeRoom<'a>>,
    lines: Vec<LineRoom<'a>>,
    campaigns: Vec<CampaignRoom<'a>>,
    /// Numbers ordered by this plan.
    numbers: HashSet<(TenantId, E164)>,
}

struct NodeRoom<'a> {
    id: &'a NodeId,
    state: &'a NodeState,
    room: u32,
    /// Sessions that calls may still need, by recogniser.
    recognisers: BTreeMap<&'a str, u32>,
}

impl NodeRoom<'_> {
    /// Calls that find a session of each of these; as many as there may be when there are none.
    fn sessions(&self, recognisers: &[String]) -> u32 {
        let free = |name: &String| self.recognisers.get(name.as_str()).copied().unwrap_or(0);
        recognisers.iter().map(free).min().unwrap_or(u32::MAX)
    }
}

struct LineRoom<'a> {
    id: LineId,
    state: &'a LineState,
    room: u32,
    budget: u32,
    /// By index of the node: calls and starts left of its share.
    at_nodes: Vec<(u32, u32)>,
    /// Orders of this plan.
    taken: usize,
    /// Indices of the campaigns that may use it.
    campaigns: Vec<usize>,
}

struct CampaignRoom<'a> {
    id: CampaignId,
    view: &'a CampaignView,
    room: u32,
    /// How far its queue is used up by this plan.
    next: usize,
    deferred: usize,
}

impl CampaignRoom<'_> {
    fn is_ready(&self) -> bool {
        self.room > 0 && self.next < self.view.queue.len() && self.deferred < MAX_DEFERRED
    }

    /// The weight of its turns: four times the next lower priority would drown it, twice is felt and bearable.
    fn weight(&self) -> u32 {
        let spec = &self.view.campaign.spec;
        (16 >> (spec.priority.clamp(1, 5) - 1)) * spec.weight
    }
}

impl<'a> Round<'a> {
    fn new(snapshot: &'a Snapshot, now: Now) -> Self {
        let slowed = snapshot.pressure == Pressure::Slow;
        let nodes: Vec<_> = snapshot
            .nodes
            .iter()
            .filter(|(_, state)| state.is_willing(now.mono))
            .map(|(id, state)| NodeRoom {
                id,
                state,
                room: state.room(),
                recognisers: snapshot.recogniser_rooms(id, state),
            })
            .collect();
        let lines = snapshot
            .lines
            .iter()
            .map(|(&id, state)| LineRoom {
                id,
                state,
                room: state.line.spec.max_calls.saturating_sub(state.taken()),
                budget: state.pace.budget(now.mono, slowed),
                at_nodes: nodes
                    .iter()
                    .map(|node| (state.room_at(node.id), state.budget_at(node.id, now.mono, slowed)))
                    .collect(),
                taken: 0,
                campaigns: Vec::new(),
            })
            .collect();
        let shut = snapshot.shut(now);
        Self { snapshot, now, shut, nodes, lines, campaigns: Vec::new(), numbers: HashSet::new() }
    }

    // Attempts that failed over.

    fn order_reroutes(&mut self, plan: &mut Plan) {
        for &attempt in &self.snapshot.waiting {
            let Some(open) = self.snapshot.open.get(&attempt) else { continue };
            match self.reroute(open, plan) {
                Ok((view, line, node)) => {
                    let order = self.order(view, line, node, OrderOf::Open(attempt, open));
                    plan.orders.push(order);
                }
                Err(NotNow::For(reason)) => {
                    plan.passed_over.push((PassedOver::Attempt(attempt), reason));
                }
                Err(NotNow::Ever(reason)) => plan.no_route.push(NoRoute { attempt, reason }),
            }
        }
    }

    /// Everything that holds for a new call holds for another try too: it is judged here again.
    fn reroute(&self, open: &Open, plan: &mut Plan) -> Result<(&'a CampaignView, usize, usize), NotNow> {
        let view = self.snapshot.campaigns.get(&open.campaign).ok_or(NotNow::Ever(Reason::NotRunning))?;
        if let Some(reason) = self.campaign_shut(view) {
            return Err(NotNow::Ever(reason));
        }
        let untried: Vec<usize> = self
            .lines_of(view)
            .into_iter()
            .filter(|&line| !open.lines.contains(&self.lines[line].id))
            .collect();
        if untried.is_empty() {
            return Err(NotNow::Ever(Reason::NoLine));
        }
        let reason = |reason| {
            // An attempt that has waited too long is over, for the reason that made it wait.
            let age = self.now.mono.saturating_duration_since(open.planned_at);
            if age >= reroute::MAX_AGE { NotNow::Ever(reason) } else { NotNow::For(reason) }
        };
        if let Some(shut) = self.shut {
            return Err(reason(shut));
        }
        if plan.orders.len() >= MAX_ORDERS {
            return Err(reason(Reason::PlanFull));
        }
        let needs = view.needs();
        let usable = untried.iter().copied().filter(|&line| self.why_not(line, needs).is_none());
        let weights = usable.map(|line| (self.lines[line].id, self.lines[line].state.line.spec.weight));
        let Some(id) = plan.line_turns.take(weights) else {
            return Err(reason(self.most_hopeful(&untried, needs)));
        };
        let line = self.line_index(id);
        let node = self.node_for(line, needs).expect("the line is usable, so a node is");
        Ok((view, line, node))
    }

    // New attempts.

    fn order_campaigns(&mut self, plan: &mut Plan) {
        self.enter_campaigns(plan);
        while plan.orders.len() < MAX_ORDERS {
            let open = self.lines.iter().enumerate().filter(|(index, line)| {
                line.campaigns.iter().any(|&campaign| self.may_use(*index, campaign))
            });
            let weights: Vec<_> = open.map(|(_, line)| (line.id, line.state.line.spec.weight)).collect();
            let Some(id) = plan.line_turns.take(weights.into_iter()) else { break };
            let line = self.line_index(id);
            let candidates: Vec<_> = self.lines[line]
                .campaigns
                .iter()
                .filter(|&&campaign| self.may_use(line, campaign))
                .map(|&campaign| (self.campaigns[campaign].id, self.campaigns[campaign].weight()))
                .collect();
            let turns = plan.campaign_turns.entry(id).or_default();
            let campaign = turns.take(candidates.into_iter()).expect("the line has a candidate");
            self.take_turn(line, campaign, plan);
        }
        self.explain_the_rest(plan);
    }

    /// Lets in the campaigns that have somebody ready, and says why the others are not.
    fn enter_campaigns(&mut self, plan: &mut Plan) {
        for (&id, view) in &self.snapshot.campaigns {
            let shut = self.campaign_shut(view).or_else(|| nobody_ready(view)).or(self.shut);
            let lines = if shut.is_none() { self.lines_of(view) } else { Vec::new() };
            let reason = match shut {
                Some(reason) => Some(reason),
                None if lines.is_empty() => Some(Reason::NoLine),
                None if view.room() == 0 => Some(Reason::CampaignCap),
                None => None,
            };
            if let Some(reason) = reason {
                if view.campaign.state != CampaignState::Draft {
                    plan.passed_over.push((PassedOver::Campaign(id), reason));
                }
                continue;
            }
            for line in lines {
                self.lines[line].campaigns.push(self.campaigns.len());
            }
            self.campaigns.push(CampaignRoom { id, view, room: view.room(), next: 0, deferred: 0 });
        }
    }

    /// The campaign uses its turn: its first contact whose number is not being called.
    fn take_turn(&mut self, line: usize, id: CampaignId, plan: &mut Plan) {
        let index = self.campaigns.iter().position(|room| room.id == id).expect("a candidate of the line");
        let view = self.campaigns[index].view;
        while self.campaigns[index].is_ready() {
            let ready = &view.queue[self.campaigns[index].next];
            self.campaigns[index].next += 1;
            let number = (view.campaign.tenant, ready.number);
            if self.snapshot.numbers.contains_key(&number) || !self.numbers.insert(number) {
                self.campaigns[index].deferred += 1;
                let until = UnixMicros(self.now.wall.0.saturating_add(NUMBER_IN_FLIGHT_DELAY_US));
                plan.deferred.push(Deferral { campaign: id, contact: ready.contact, until });
                plan.passed_over.push((PassedOver::Contact(id, ready.contact), Reason::NumberInFlight));
                continue;
            }
            let node = self.node_for(line, view.needs()).expect("the line is usable, so a node is");
            self.campaigns[index].room -= 1;
            let order = self.order(view, line, node, OrderOf::New(ready));
            plan.orders.push(order);
            return;
        }
    }

    fn explain_the_rest(&self, plan: &mut Plan) {
        for room in &self.campaigns {
            let reason = if room.next >= room.view.queue.len() {
                // All that was ready is ordered.
                continue;
            } else if room.room == 0 {
                Reason::CampaignCap
            } else if room.deferred >= MAX_DEFERRED || plan.orders.len() >= MAX_ORDERS {
                Reason::PlanFull
            } else {
                self.most_hopeful(&self.lines_of(room.view), room.view.needs())
            };
            plan.passed_over.push((PassedOver::Campaign(room.id), reason));
        }
    }

    // Rooms.

    fn campaign_shut(&self, view: &CampaignView) -> Option<Reason> {
        match view.campaign.state {
            CampaignState::Running => {}
            CampaignState::Paused => return Some(Reason::Paused),
            CampaignState::Draft
            | CampaignState::Pending
            | CampaignState::Completed
            | CampaignState::Cancelled => return Some(Reason::NotRunning),
        }
        if !view.times.is_open(self.now.wall) {
            return Some(Reason::OutsideSchedule);
        }
        if view.resting_until.is_some_and(|until| self.now.mono < until) {
            return Some(Reason::CampaignResting);
        }
        None
    }

    /// Indices of the enabled lines of the campaign's group.
    fn lines_of(&self, view: &CampaignView) -> Vec<usize> {
        let Some(group) = self.snapshot.groups.get(&view.campaign.spec.line_group) else { return Vec::new() };
        let is_usable =
            |line: &LineRoom<'_>| line.state.line.spec.enabled && group.spec.lines.contains(&line.id);
        self.lines.iter().enumerate().filter(|(_, line)| is_usable(line)).map(|(index, _)| index).collect()
    }

    fn line_index(&self, id: LineId) -> usize {
        self.lines.binary_search_by_key(&id, |line| line.id).expect("lines are in the order of their ids")
    }

    fn may_use(&self, line: usize, campaign: usize) -> bool {
        let room = &self.campaigns[campaign];
        room.is_ready() && self.why_not(line, room.view.needs()).is_none()
    }

    /// Why no call can be added to the line.
    fn why_not(&self, line: usize, needs: Needs<'_>) -> Option<Reason> {
        let room = &self.lines[line];
        if room.state.is_resting(self.now.mono) {
            Some(Reason::LineResting)
        } else if room.room == 0 {
            Some(Reason::LineFull)
        } else if room.budget == 0 {
            Some(Reason::LineRate)
        } else if self.node_for(line, needs).is_some() {
            None
        } else if needs.record && self.nodes.iter().all(|node| node.state.recording_failed) {
            Some(Reason::CannotRecord)
        } else if self.nodes.iter().all(|node| node.sessions(needs.recognisers) == 0) {
            Some(Reason::NoRecogniser)
        } else {
            Some(Reason::NodeFull)
        }
    }

    /// Of the reasons why the lines cannot be used the one that will pass first.
    fn most_hopeful(&self, lines: &[usize], needs: Needs<'_>) -> Reason {
        let hope = |reason: &Reason| match reason {
            Reason::LineRate => 0,
            Reason::LineFull => 1,
            Reason::NodeFull => 2,
            Reason::NoRecogniser => 3,
            Reason::LineResting => 4,
            _ => 5,
        };
        lines.iter().filter_map(|&line| self.why_not(line, needs)).min_by_key(hope).unwrap_or(Reason::NoLine)
    }

    /// The node with most room for the line; the first by name of equals.
    fn node_for(&self, line: usize, needs: Needs<'_>) -> Option<usize> {
        let room = |index: usize| {
            let (calls, starts) = self.lines[line].at_nodes[index];
            let node = &self.nodes[index];
            let can = starts > 0 && !(needs.record && node.state.recording_failed);
            if can { calls.min(node.room).min(node.sessions(needs.recognisers)) } else { 0 }
        };
        (0..self.nodes.len()).rev().max_by_key(|&index| room(index)).filter(|&index| room(index) > 0)
    }

    /// Writes the order and takes the rooms that it uses.
    fn order(
        &mut self,
        view: &CampaignView,
        line_index: usize,
        node_index: usize,
        of: OrderOf<'_>,
    ) -> PlannedOrder {
        let node = &mut self.nodes[node_index];
        node.room -= 1;
        for recogniser in view.needs().recognisers {
            if let Some(room) = node.recognisers.get_mut(recogniser.as_str()) {
                *room = room.saturating_sub(1);
            }
        }
        let line = &mut self.lines[line_index];
        line.room -= 1;
        line.budget -= 1;
        let (calls, starts) = &mut line.at_nodes[node_index];
        *calls -= 1;
        *starts -= 1;
        let spec = &line.state.line.spec;
        let caller_turn = line.state.caller_turn.wrapping_add(line.taken);
        line.taken += 1;
        let caller_id = match spec.caller_ids.len() {
            0 => String::new(),
            count => spec.caller_ids[caller_turn % count].clone(),
        };
        let campaign = &view.campaign;
        let life_ms = u64::from(campaign.spec.max_ring_ms) + u64::from(campaign.spec.max_call_ms);
        let (attempt, route_try, list, contact, number, tally, attempt_no, script) = match of {
            OrderOf::New(ready) => {
                let attempt_no = ready.tally.attempts.saturating_add(1);
                let script = view.script_for(ready.contact, ready.script);
                (None, 1, ready.list, ready.contact, ready.number, ready.tally.clone(), attempt_no, script)
            }
            OrderOf::Open(attempt, open) => (
                Some(attempt),
                open.next_try(),
                open.list,
                open.contact,
                open.number,
                open.tally.clone(),
                open.attempt_no,
                open.script,
            ),
        };
        PlannedOrder {
            attempt,
            route_try,
            tenant: campaign.tenant,
            campaign: campaign.id,
            priority: campaign.spec.priority,
            list,
            contact,
            number,
            tally,
            attempt_no,
            line: line.id,
            node: node.id.clone(),
            dial: dial::dial_string(spec, number),
            caller_id,
            script,
            record: campaign.spec.record,
            time_zone: campaign.spec.schedule.time_zone.clone(),
            max_ring_ms: campaign.spec.max_ring_ms,
            max_call_ms: campaign.spec.max_call_ms,
            max_life: MAX_LIFE_BEYOND + std::time::Duration::from_millis(life_ms),
        }
    }
}

/// Whom an order calls.
enum OrderOf<'a> {
    New(&'a Ready),
    Open(AttemptId, &'a Open),
}

/// Why an attempt is not tried on another line.
enum NotNow {
    /// It may be, a little later.
    For(Reason),
    /// It will not be.
    Ever(Reason),
}

fn nobody_ready(view: &CampaignView) -> Option<Reason> {
    if !view.queue.is_empty() {
        None
    } else if view.lists_drawn == Some(true) {
        Some(Reason::RetryNotDue)
    } else {
        Some(Reason::Drawing)
    }
}
