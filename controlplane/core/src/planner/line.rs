//! A line and a node, as the planner sees them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use common::NodeId;

use super::{Share, pace::Pace, shares::Shares};
use crate::model::Line;

#[derive(Debug)]
pub(super) struct LineState {
    pub(super) line: Line,
    pub(super) pace: Pace,
    /// Slots held, over all nodes; those of nodes that are gone too.
    pub(super) held: u32,
    pub(super) resting_until: Option<Instant>,
    /// Which of the caller ids is next.
    pub(super) caller_turn: usize,
    calls: Shares,
    rates: Shares,
    at_nodes: BTreeMap<NodeId, AtNode>,
}

/// What a node has of a line.
#[derive(Debug)]
struct AtNode {
    held: u32,
    /// Second calls of the calls that hold slots, by the node's last word: they take places too.
    legs: u32,
    pace: Pace,
}

impl AtNode {
    fn new(rate: u32) -> Self {
        Self { held: 0, legs: 0, pace: Pace::new(rate) }
    }

    /// Places taken. A second call ends with the first, also when the node can tell nothing any more.
    fn taken(&self) -> u32 {
        self.held + self.legs.min(self.held)
    }
}

impl LineState {
    pub(super) fn new(line: Line) -> Self {
        Self {
            pace: Pace::new(line.spec.max_cps.get()),
            line,
            held: 0,
            resting_until: None,
            caller_turn: 0,
            calls: Shares::default(),
            rates: Shares::default(),
            at_nodes: BTreeMap::new(),
        }
    }

    pub(super) fn configure(&mut self, line: Line) {
        self.pace.set_rate(line.spec.max_cps.get());
        self.line = line;
    }

    /// Divides the limits over the connected nodes; whether a share changed.
    pub(super) fn divide(&mut self, now: Instant, nodes: &BTreeSet<NodeId>) -> bool {
        let calls = self.calls.divide(now, self.line.spec.max_calls, nodes);
        let rates = self.rates.divide(now, self.line.spec.max_cps.get(), nodes);
        for node in nodes {
            let rate = self.rates.of(node);
            self.at_nodes.entry(node.clone()).or_insert_with(|| AtNode::new(0)).pace.set_rate(rate);
        }
        self.at_nodes.retain(|node, at| nodes.contains(node) || at.held > 0);
        calls || rates
    }

    pub(super) fn share(&self, node: &NodeId) -> Share {
        Share { max_calls: self.calls.of(node), max_cps: self.rates.of(node) }
    }

    pub(super) fn is_resting(&self, now: Instant) -> bool {
        self.resting_until.is_some_and(|until| now < until)
    }

    /// Calls that may be added at this node.
    pub(super) fn room_at(&self, node: &NodeId) -> u32 {
        let taken = self.at_nodes.get(node).map_or(0, AtNode::taken);
        self.calls.of(node).saturating_sub(taken)
    }

    /// Places taken, over all nodes: by calls, and by the second calls of their transfers.
    pub(super) fn taken(&self) -> u32 {
        self.held + self.at_nodes.values().map(|at| at.taken() - at.held).sum::<u32>()
    }

    /// The node tells how many second calls it has on the line.
    pub(super) fn set_legs(&mut self, node: &NodeId, legs: u32) {
        if let Some(at) = self.at_nodes.get_mut(node) {
            at.legs = legs;
        }
    }

    /// Calls that may start now at this node.
    pub(super) fn budget_at(&self, node: &NodeId, now: Instant, slowed: bool) -> u32 {
        self.at_nodes.get(node).map_or(0, |at| at.pace.budget(now, slowed))
    }

    /// A call starts.
    pub(super) fn start(&mut self, node: &NodeId, now: Instant, slowed: bool) {
        self.pace.start(now, slowed);
        self.caller_turn = self.caller_turn.wrapping_add(1);
        self.hold(node);
        self.at_nodes.get_mut(node).expect("held above").pace.start(now, slowed);
    }

    /// A slot is held, of a call that started at some other time.
    pub(super) fn hold(&mut self, node: &NodeId) {
        self.held += 1;
        self.at_nodes.entry(node.clone()).or_insert_with(|| AtNode::new(self.rates.of(node))).held += 1;
    }

    pub(super) fn release(&mut self, node: &NodeId) {
        debug_assert!(self.held > 0, "a slot is released once");
        self.held = self.held.saturating_sub(1);
        if let Some(at) = self.at_nodes.get_mut(node) {
            at.held = at.held.saturating_sub(1);
        }
    }
}

#[derive(Debug)]
pub(super) struct NodeState {
    pub(super) max_calls: u32,
    pub(super) draining: bool,
    pub(super) recording_failed: bool,
    /// By name; of the default under the empty name too.
    pub(super) recognisers: BTreeMap<String, Sessions>,
    pub(super) resting_until: Option<Instant>,
    pub(super) connected: bool,
    /// Slots held at it, over all lines.
    pub(super) held: u32,
    /// Second calls of transfers, by its last word.
    pub(super) legs: u32,
}

/// Sessions of a recogniser at a node.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sessions {
    /// Free by its last word.
    pub(super) free: u32,
    /// The most that it has had free.
    pub(super) most: u32,
}

impl NodeState {
    /// Whether it takes orders.
    pub(super) fn is_willing(&self, now: Instant) -> bool {
        self.connected && !self.draining && self.resting_until.is_none_or(|until| now >= until)
    }

    pub(super) fn room(&self) -> u32 {
        self.max_calls.saturating_sub(self.held).saturating_sub(self.legs)
    }
}
