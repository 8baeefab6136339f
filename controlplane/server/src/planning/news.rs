//! News that change what is remembered, in the groups in which they are taken in.

use std::collections::HashSet;

use common::{AttemptId, NodeId};
use peal_core::planner::Reason;
use proto::v1::Event;

use super::Planning;
use crate::{
    clock,
    link::{FromLink, SessionId},
};

/// Something that happened.
pub(super) enum News {
    /// A node tells.
    Told(Box<Event>),
    /// The longest life of a call is over and nothing was heard of its end, or of its slot's release.
    Overdue { attempt: AttemptId },
    /// No other line will be tried.
    NoRoute { attempt: AttemptId, reason: Reason },
}

/// News that become durable together.
pub(super) struct Group {
    /// The node that told them; `None` for what was found out here.
    pub(super) node: Option<(SessionId, NodeId)>,
    pub(super) news: Vec<News>,
    /// Attempts whose rows are in the spool already, when the store failed after it.
    pub(super) spooled: HashSet<AttemptId>,
}

impl Group {
    fn new(node: Option<(SessionId, NodeId)>, news: Vec<News>) -> Self {
        Self { node, news, spooled: HashSet::new() }
    }
}

impl Planning {
    /// Takes what streams told, in its order; `told` is empty afterwards.
    pub(super) async fn on_news(&mut self, told: &mut Vec<FromLink>) {
        let mut events: Vec<Group> = Vec::new();
        for news in told.drain(..) {
            match news {
                FromLink::Event(session, node, event) => {
                    self.metrics.events.inc();
                    let from = Some((session, node));
                    match events.last_mut().filter(|group| group.node == from) {
                        Some(group) => group.news.push(News::Told(event)),
                        None => events.push(Group::new(from, vec![News::Told(event)])),
                    }
                }
                FromLink::Heartbeat(session, node, heartbeat) => self.on_heartbeat(session, &node, heartbeat),
                FromLink::Hello(session, node, hello, peer) => {
                    self.take_in(std::mem::take(&mut events)).await;
                    self.on_hello(session, node, *hello, peer).await;
                }
                FromLink::Gone(session, node) => {
                    self.take_in(std::mem::take(&mut events)).await;
                    self.on_gone(session, &node);
                }
            }
        }
        self.take_in(events).await;
    }

    /// What was found out here and not told by a node.
    pub(super) async fn take_in_own(&mut self, news: Vec<News>) {
        if !news.is_empty() {
            self.take_in(vec![Group::new(None, news)]).await;
        }
    }

    /// Looks for calls of which nothing more can be heard.
    pub(super) async fn on_overdue(&mut self) {
        let Some(term) = self.term.as_mut().filter(|term| !term.is_stuck()) else { return };
        let overdue = term.snapshot.overdue(clock::now().mono);
        self.take_in_own(overdue.into_iter().map(|attempt| News::Overdue { attempt }).collect()).await;
    }

    async fn take_in(&mut self, groups: Vec<Group>) {
        let Some(term) = &mut self.term else { return };
        // An old stream's events come again over the new one.
        let is_current = |group: &Group| match &group.node {
            Some((session, node)) => term.nodes.get(node).is_some_and(|known| known.session == *session),
            None => true,
        };
        let current: Vec<Group> = groups.into_iter().filter(is_current).collect();
        if !current.is_empty() {
            term.stuck.extend(current);
            self.take_in_stuck().await;
        }
    }
}
