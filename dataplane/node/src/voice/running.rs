//! Sessions that run: each holds a place of its connector until its connection is over, which is later than its call is.

use ::voice::session::{self, Given, Target, Told};
use ::voice::{CallFacts, Permit};
use media::Codec;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::hub::News;

/// Of which connector a session is, by its place among those of its kind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Connector {
    Recogniser(usize),
    Bot(usize),
}

/// Whoever drops this hears no more of the session; a session that should end has to be told.
pub(super) struct Running {
    given: Option<mpsc::Sender<Given>>,
    /// Passes on what the session tells.
    messenger: AbortHandle,
}

/// The right to have a session; its end is told when nobody has it any more.
struct Place {
    connector: Connector,
    permit: Permit,
    news: mpsc::UnboundedSender<News>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.news.send(News::Ended { connector: self.connector, permit: self.permit });
    }
}

impl Running {
    /// Begins a session. What it tells becomes news as `name` has it; [`News::Ended`] comes after all of it.
    pub(super) fn begin(
        target: Target,
        facts: CallFacts,
        codec: Codec,
        (connector, permit): (Connector, Permit),
        given_max: usize,
        news: &mpsc::UnboundedSender<News>,
        name: impl Fn(Told) -> News + Send + 'static,
    ) -> Self {
        let (given, taken) = mpsc::channel(given_max);
        let (teller, mut told) = mpsc::unbounded_channel();
        let place = Arc::new(Place { connector, permit, news: news.clone() });
        let also = place.clone();
        tokio::spawn(async move {
            session::run(target, facts, codec, taken, teller).await;
            drop(place);
        });
        let messenger = tokio::spawn(async move {
            while let Some(told) = told.recv().await {
                // Nobody listens once the node ends.
                let _ = also.news.send(name(told));
            }
        });
        Self { given: Some(given), messenger: messenger.abort_handle() }
    }

    /// Hands something over. Says whether there was room; there is none after [`Running::finish`].
    pub(super) fn give(&self, given: Given) -> bool {
        self.given.as_ref().is_some_and(|session| session.try_send(given).is_ok())
    }

    /// Nothing more will be given: a recogniser says its last word, a bot is told that the call is over.
    pub(super) fn finish(&mut self) {
        self.given = None;
    }

    pub(super) fn is_finishing(&self) -> bool {
        self.given.is_none()
    }

    /// Nobody wants to hear anything of it any more.
    pub(super) fn leave(self) {
        self.messenger.abort();
    }
}
