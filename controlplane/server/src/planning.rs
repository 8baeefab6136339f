//! The one task that plans.
//!
//! Owns the [`Snapshot`](peal_core::planner::Snapshot), the streams of the nodes, and the order in which things become
//! durable. Between two turns of its loop nothing is half done. Everything reaches it through bounded queues: news of
//! nodes, commands of the API, contacts that were drawn.
//!
//! While this process does not hold the planner lease there is no [`Term`]: nodes are turned away and nothing is planned.
//! A term begins with all that the store knows and ends with the lease; nothing of it is carried over.

mod calls;
mod changes;
mod intake;
mod lease;
mod news;
mod nodes;
mod status;
mod term;
mod turn;

use std::{sync::Arc, time::Duration};

use analytics::{Shipper, Spool};
use common::CampaignId;
use peal_core::{command::Command, planner::Wanted};
use store::{Draw, Store, StoreError};
use tokio::{
    sync::{mpsc, watch},
    time::{Interval, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{Metrics, link::FromLink, names::Names};

pub(crate) use term::Term;

/// News taken in at once: one transaction's worth.
const NEWS: usize = 512;

/// What planning stands on.
pub(crate) struct Planning {
    pub(crate) holder: String,
    pub(crate) tick: Duration,
    pub(crate) store: Store,
    pub(crate) spool: Arc<Spool>,
    pub(crate) shipper: Arc<Shipper>,
    pub(crate) feed: Arc<api::Feed>,
    pub(crate) metrics: Metrics,
    pub(crate) status: watch::Sender<api::Status>,
    pub(crate) names: Names,
    pub(crate) from_link: mpsc::Receiver<FromLink>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) draws: Draws,
    /// While this process holds the lease.
    pub(crate) term: Option<Term>,
    pub(crate) shipped: status::Shipped,
    /// Of the rows that were written last. Outlives terms.
    pub(crate) version: u64,
}

/// Draws under way: tasks of their own, because a draw may take as long as many ticks.
pub(crate) struct Draws {
    sender: mpsc::Sender<Drawn>,
    receiver: mpsc::Receiver<Drawn>,
}

/// What a draw found, or why not.
pub(crate) struct Drawn {
    /// Of which term it was asked.
    epoch: common::Epoch,
    wanted: Wanted,
    found: Result<Draw, StoreError>,
}

impl Default for Draws {
    fn default() -> Self {
        // As many may wait as campaigns are ever drawn for between two turns; beyond that the tasks wait.
        let (sender, receiver) = mpsc::channel(64);
        Self { sender, receiver }
    }
}

impl Planning {
    /// Plans until `stop`, then gives up the lease.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut tick = steady(self.tick);
        let mut second = steady(Duration::from_secs(1));
        let mut news = Vec::with_capacity(NEWS);
        loop {
            let may_read = self.term.as_ref().is_none_or(|term| !term.is_stuck());
            tokio::select! {
                () = stop.cancelled() => break,
                _ = second.tick() => self.on_second().await,
                _ = tick.tick() => self.on_tick().await,
                Some(drawn) = self.draws.receiver.recv() => self.on_drawn(drawn).await,
                Some(command) = self.commands.recv() => self.on_command(command),
                count = self.from_link.recv_many(&mut news, NEWS), if may_read => {
                    if count == 0 {
                        // The link service has ended, so the process is ending.
                        break;
                    }
                    self.on_news(&mut news).await;
                }
            }
        }
        self.resign().await;
    }

    /// Asks the store for contacts, apart from the turn.
    fn draw(&self, epoch: common::Epoch, wanted: Wanted) {
        let (store, sender) = (self.store.clone(), self.draws.sender.clone());
        tokio::spawn(async move {
            let found = store.draw(wanted.campaign, crate::clock::wall(), wanted.limit).await;
            // Planning has ended: the next planner finds them again.
            let _ = sender.send(Drawn { epoch, wanted, found }).await;
        });
    }

    async fn on_drawn(&mut self, drawn: Drawn) {
        let Drawn { epoch, wanted, found } = drawn;
        let Some(term) = self.term.as_mut().filter(|term| term.epoch == epoch) else {
            // The term that asked has ended, and the draw may have been written after the next one began: nobody would
            // ever call these. Should the next term hold some of them by now, its commit finds them waiting again.
            if let Ok(draw) = found {
                let contacts: Vec<_> =
                    draw.contacts.iter().map(|ready| (ready.contact, ready.due_at)).collect();
                self.put_back(wanted.campaign, &contacts).await;
            }
            return;
        };
        let draw = match found {
            Ok(draw) => draw,
            Err(error) => {
                tracing::warn!(campaign = %wanted.campaign, %error, "contacts could not be drawn");
                return term.snapshot.draw_failed(&wanted);
            }
        };
        let contacts: Vec<_> = draw.contacts.iter().map(|ready| (ready.contact, ready.due_at)).collect();
        if !term.snapshot.drawn(&wanted, term::drawn(draw)) {
            self.put_back(wanted.campaign, &contacts).await;
        }
    }

    /// Contacts that were drawn and will not be called now. Should the store fail, they stay drawn until the campaign is
    /// paused or the next planner takes over.
    async fn put_back(
        &self,
        campaign: CampaignId,
        contacts: &[(common::ContactId, common::UnixMicros)],
    ) -> bool {
        if contacts.is_empty() {
            return true;
        }
        match self.store.put_back(campaign, contacts).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%campaign, %error, "contacts could not be put back");
                false
            }
        }
    }
}

/// A timer that does not make up for what it missed.
fn steady(period: Duration) -> Interval {
    let mut timer = interval(period);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    timer
}
