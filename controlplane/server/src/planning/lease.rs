//! Taking, keeping and losing the planner lease.

use proto::v1::{Lease, to_node};
use store::{Acquired, StoreError};

use super::{
    Planning, Term,
    term::{LEASE, NODE_LEASE},
};
use crate::clock;

impl Planning {
    /// Once a second: the lease, what grows or dies with time, what is shown.
    pub(super) async fn on_second(&mut self) {
        match self.term {
            Some(_) => self.renew().await,
            None => self.stand().await,
        }
        if let Some(term) = &mut self.term {
            if term.is_sure_of_lease() {
                for node in term.nodes.values() {
                    node.peer.send(lease(term.epoch));
                }
            }
            if term.snapshot.divide(clock::now().mono) {
                term.send_lines();
            }
            self.on_overdue().await;
        }
        self.publish();
    }

    /// Takes the lease, if nobody has it.
    async fn stand(&mut self) {
        let acquired = self.store.acquire_planner_lease(&self.holder, clock::wall(), LEASE).await;
        let epoch = match acquired {
            Ok(Acquired::Ours(epoch)) => epoch,
            Ok(Acquired::Theirs(lease)) => {
                tracing::debug!(holder = %lease.holder, "another control plane plans");
                return;
            }
            Err(error) => {
                tracing::error!(%error, "the planner lease cannot be taken");
                return;
            }
        };
        match Term::begin(epoch, &self.store, &mut self.names).await {
            Ok(term) => {
                tracing::info!(%epoch, attempts = term.calls.len(), "planning begins");
                self.term = Some(term);
            }
            Err(error) => tracing::error!(%error, "the store cannot be read; planning does not begin"),
        }
    }

    async fn renew(&mut self) {
        let Some(term) = &mut self.term else { return };
        match self.store.renew_planner_lease(term.epoch, clock::wall(), LEASE).await {
            Ok(()) => term.renewed_at = clock::now().mono,
            Err(error @ StoreError::StaleEpoch { .. }) => self.lose(&error),
            Err(error) => {
                tracing::error!(%error, "the planner lease could not be renewed");
                // Somebody else may have it by now.
                if term.renewed_at.elapsed() >= LEASE {
                    self.lose(&error);
                }
            }
        }
    }

    /// The lease is somebody else's: all streams end, and nothing more is decided here.
    pub(super) fn lose(&mut self, error: &StoreError) {
        if let Some(term) = self.term.take() {
            tracing::error!(epoch = %term.epoch, %error, "the planner lease is lost; planning stops");
        }
    }

    /// A commit failed, and may have reached the disk all the same. The store alone knows, so what is known here is
    /// forgotten: within a second another term begins with what the store knows and asks the nodes for the rest.
    pub(super) fn begin_anew(&mut self, error: &StoreError) {
        if let Some(term) = self.term.take() {
            tracing::error!(epoch = %term.epoch, %error, "it is not known what the store took; planning begins anew");
        }
    }

    /// Gives up the lease at the end, so that the next planner need not wait for it.
    pub(super) async fn resign(&mut self) {
        let Some(term) = self.term.take() else { return };
        if let Err(error) = self.store.release_planner_lease(term.epoch).await {
            tracing::warn!(%error, "the planner lease could not be given up; it runs out by itself");
        }
    }
}

pub(super) fn lease(epoch: common::Epoch) -> to_node::Message {
    let valid_ms = u32::try_from(NODE_LEASE.as_millis()).expect("five seconds");
    to_node::Message::Lease(Lease { epoch: epoch.0, valid_ms })
}
