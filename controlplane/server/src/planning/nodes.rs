//! Nodes coming, telling of themselves, and going.

use std::time::{Duration, Instant};

use common::{LineId, NodeId};
use peal_core::planner::NodeStatus;
use proto::v1::{Heartbeat, Hello, Welcome, to_node};
use store::StoreError;

use super::{Planning, Term, lease::lease, term::Node};
use crate::{
    clock,
    link::{Peer, SessionId, wire},
};

/// Route tries in one inquiry: 30 bytes each, well below gRPC's limit of 4 MiB.
const INQUIRY: usize = 10_000;

const NAME_TAKEN: &str = "another process runs under this name; give each node its own node.name";

/// A node of which nothing was heard for so long is gone, though its stream may not have broken yet: five heartbeats.
const SILENCE: Duration = Duration::from_secs(5);

impl Planning {
    /// A node has said who it is. One that was here already is replaced: its old stream is dead, or soon will be. Another
    /// process of the same name is not: both would count their events from the same number, and records would be lost.
    pub(super) async fn on_hello(&mut self, session: SessionId, node: NodeId, hello: Hello, peer: Peer) {
        let acknowledged = match self.store.node_seq(&node).await {
            Ok(seq) => seq,
            Err(error) => return refuse(&peer, &node, &error),
        };
        let Some(term) = &mut self.term else {
            peer.send(to_node::Message::Refused("this control plane does not plan at the moment".to_owned()));
            return;
        };
        let now = clock::now().mono;
        if let Some(known) = term.nodes.get(&node)
            && !known.gives_way_to(&hello.boot, now)
        {
            tracing::error!(%node, "another process runs under this name; the one that came first is kept");
            peer.send(to_node::Message::Refused(NAME_TAKEN.to_owned()));
            return;
        }
        tracing::info!(%node, version = %hello.version.escape_debug(), calls = hello.active_calls, "a node came");
        let status = NodeStatus { max_calls: hello.max_calls, draining: false, recording_failed: false };
        let come = Node {
            session,
            boot: hello.boot,
            heard_at: now,
            peer,
            max_calls: hello.max_calls,
            heartbeat: Heartbeat { active_calls: hello.active_calls, ..Heartbeat::default() },
            acknowledged,
        };
        come.peer
            .send(to_node::Message::Welcome(Welcome { acknowledged_seq: acknowledged, epoch: term.epoch.0 }));
        if term.is_sure_of_lease() {
            come.peer.send(lease(term.epoch));
        }
        for tries in term.open_tries_at(&node).chunks(INQUIRY) {
            come.peer.send(to_node::Message::Inquiry(wire::inquiry(tries)));
        }
        term.nodes.insert(node.clone(), come);
        term.snapshot.node_changed(now, &node, status);
        // Its coming changes the shares of the others.
        term.send_lines();
    }

    pub(super) fn on_heartbeat(&mut self, session: SessionId, node: &NodeId, heartbeat: Heartbeat) {
        let Some(term) = &mut self.term else { return };
        let Some(known) = term.nodes.get_mut(node).filter(|known| known.session == session) else { return };
        if heartbeat.recording_failed && !known.heartbeat.recording_failed {
            tracing::error!(%node, "recordings cannot be written; campaigns that record are not dialled there");
        }
        known.heard_at = clock::now().mono;
        known.heartbeat = heartbeat;
        term.tell_planner(node);
    }

    pub(super) fn on_gone(&mut self, session: SessionId, node: &NodeId) {
        let Some(term) = &mut self.term else { return };
        if term.nodes.get(node).is_some_and(|known| known.session == session) {
            tracing::warn!(%node, "a node's link broke; its calls go on, new ones wait for it");
            term.nodes.remove(node);
            term.snapshot.node_lost(clock::now().mono, node);
            term.send_lines();
        }
    }
}

impl Node {
    /// Whether a new stream of this name, by the process `boot`, replaces this one.
    fn gives_way_to(&self, boot: &[u8], now: Instant) -> bool {
        self.boot == boot || now.duration_since(self.heard_at) >= SILENCE
    }
}

impl Term {
    /// The planner hears what the node says of itself.
    pub(super) fn tell_planner(&mut self, node: &NodeId) {
        let Some(known) = self.nodes.get(node) else { return };
        let status = NodeStatus {
            max_calls: known.max_calls,
            draining: known.heartbeat.draining,
            recording_failed: known.heartbeat.recording_failed,
        };
        self.snapshot.node_changed(clock::now().mono, node, status);
        let free = known.heartbeat.free_recognisers.iter().map(|(name, free)| (name.as_str(), *free));
        self.snapshot.node_recognisers(node, free);
        let on_lines = known.heartbeat.line_legs.iter().map(|(line, legs)| (LineId(*line), *legs)).collect();
        self.snapshot.node_legs(node, known.heartbeat.legs, &on_lines);
    }

    /// Every node gets all lines with its shares.
    pub(super) fn send_lines(&self) {
        for (id, node) in &self.nodes {
            let lines = wire::lines(self.epoch, self.snapshot.shares(id));
            node.peer.send(to_node::Message::Lines(lines));
        }
    }
}

fn refuse(peer: &Peer, node: &NodeId, error: &StoreError) {
    tracing::error!(%node, %error, "a node cannot be taken");
    peer.send(to_node::Message::Refused("the control plane's store cannot be read at the moment".to_owned()));
}
