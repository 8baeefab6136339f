//! A small world for planner tests: lines, nodes, campaigns with ready contacts, and a clock that is moved by hand.

#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    time::{Duration, Instant},
};

use common::{
    AttemptId, CampaignId, ContactId, E164, LineGroupId, LineId, ListId, NodeId, TenantId, UnixMicros,
};
use peal_core::{
    model::{Campaign, CampaignState, Line, LineGroup, LineGroupSpec},
    planner::{Drawn, NodeStatus, Now, Plan, PlannedOrder, Ready, Snapshot},
    retry::{Settlement, Tally},
};

/// 2026-11-23 09:00 UTC, a Monday.
pub const MONDAY: UnixMicros = UnixMicros(1_795_424_400_000_000);

pub struct World {
    pub snapshot: Snapshot,
    pub zero: Instant,
    pub elapsed: Duration,
    next_attempt: u64,
}

impl World {
    /// A world in which the first rolling second has passed.
    pub fn new() -> Self {
        let zero = Instant::now();
        Self { snapshot: Snapshot::new(zero), zero, elapsed: Duration::from_secs(2), next_attempt: 1 }
    }

    pub fn now(&self) -> Now {
        Now { mono: self.zero + self.elapsed, wall: MONDAY.saturating_add(self.elapsed) }
    }

    pub fn wait_ms(&mut self, ms: u64) {
        self.elapsed += Duration::from_millis(ms);
    }

    /// A line, and changes to its JSON.
    pub fn line(&mut self, id: i64, max_calls: u32, max_cps: u32, more: &str) {
        let text = format!(
            r#"{{"name":"line-{id}","address":"127.0.0.1","max_calls":{max_calls},"max_cps":{max_cps}{more}}}"#
        );
        let spec = serde_json::from_str(&text).expect("a line");
        let now = self.now().mono;
        self.snapshot.line_changed(now, Line { id: LineId(id), tenant: TenantId(1), spec });
    }

    pub fn group(&mut self, id: i64, lines: &[i64]) {
        let spec = LineGroupSpec {
            name: format!("group-{id}"),
            lines: lines.iter().map(|&line| LineId(line)).collect(),
        };
        self.snapshot.group_changed(LineGroup { id: LineGroupId(id), tenant: TenantId(1), spec });
    }

    pub fn node(&mut self, name: &str, status: NodeStatus) {
        let now = self.now().mono;
        self.snapshot.node_changed(now, &NodeId(name.into()), status);
    }

    /// A running campaign over group `group`, and changes to its JSON.
    pub fn campaign(&mut self, id: i64, group: i64, priority: u8, more: &str) {
        self.campaign_in(CampaignState::Running, id, group, priority, more);
    }

    pub fn campaign_in(&mut self, state: CampaignState, id: i64, group: i64, priority: u8, more: &str) {
        let script = if more.contains(r#""script""#) { "" } else { r#","script":1"# };
        let text = format!(
            r#"{{"name":"campaign-{id}","lists":[{id}],"line_group":{group},"priority":{priority}{script}{more}}}"#
        );
        let campaign = Campaign {
            id: CampaignId(id),
            tenant: TenantId(1),
            state,
            created_at: MONDAY,
            spec: serde_json::from_str(&text).expect("a campaign"),
        };
        self.snapshot.campaign_changed(campaign).expect("a schedule");
    }

    /// Answers every request for contacts; contact n of campaign c has the number +86 1c 0000000n.
    pub fn supply(&mut self, stock: &mut BTreeMap<i64, std::ops::Range<i64>>) {
        for wanted in self.snapshot.wanted(self.now().wall) {
            let left = stock.entry(wanted.campaign.0).or_default();
            let contacts: Vec<Ready> = left
                .by_ref()
                .take(wanted.limit as usize)
                .map(|n| ready(n, 8_610_000_000_000 + wanted.campaign.0 as u64 * 100_000_000 + n as u64))
                .collect();
            let drawn = Drawn { contacts, lists_drawn: left.is_empty(), next_due_at: None };
            self.snapshot.drawn(&wanted, drawn);
        }
    }

    /// Plans, makes everything durable, and gives the attempts.
    pub fn tick(&mut self) -> (Plan, Vec<AttemptId>) {
        let now = self.now();
        let plan = self.snapshot.plan(now);
        let ids: Vec<AttemptId> =
            plan.orders.iter().map(|order| order.attempt.unwrap_or_else(|| self.new_attempt())).collect();
        self.snapshot.issue(now.mono, &plan, ids.iter().copied().zip(&plan.orders));
        for deferral in &plan.deferred {
            self.snapshot.deferred(deferral);
        }
        (plan, ids)
    }

    pub fn end(&mut self, attempt: AttemptId, route_try: u32) {
        self.snapshot.settled(attempt, Settlement::Exhausted);
        self.snapshot.released(attempt, route_try);
    }

    fn new_attempt(&mut self) -> AttemptId {
        self.next_attempt += 1;
        AttemptId::new(self.next_attempt, &[0; 10])
    }
}

pub const NODE: NodeStatus = NodeStatus { max_calls: 10_000, draining: false, recording_failed: false };

pub fn ready(contact: i64, number: u64) -> Ready {
    Ready {
        contact: ContactId(contact),
        list: ListId(1),
        number: E164::from_u64(number).expect("13 digits"),
        tally: Tally::default(),
        script: None,
    }
}

/// The plan as a person would tell it.
pub fn told(plan: &Plan) -> String {
    let mut text = String::new();
    for order in &plan.orders {
        let PlannedOrder { campaign, contact, number, line, node, caller_id, attempt_no, route_try, .. } =
            order;
        let caller = if caller_id.is_empty() { "nobody" } else { caller_id };
        writeln!(
            text,
            "campaign {campaign} calls contact {contact} ({number}) over line {line} at node {node} as {caller}, attempt {attempt_no}, try {route_try}"
        )
        .expect("into a string");
    }
    for (campaign, action) in &plan.moves {
        writeln!(text, "campaign {campaign}: {action:?}").expect("into a string");
    }
    for no_route in &plan.no_route {
        writeln!(text, "an attempt gets no other line: {}", no_route.reason).expect("into a string");
    }
    for (what, reason) in &plan.passed_over {
        writeln!(text, "passed over {what:?}: {reason}").expect("into a string");
    }
    text
}
