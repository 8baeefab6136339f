//! One stream of a node.

use std::time::Duration;

use common::NodeId;
use proto::v1::{FromNode, Hello, ToNode, from_node, to_node};
use store::Store;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use crate::config::Secret;

use super::{FromLink, Peer, SessionId, assets};

/// How long a new stream may take to say Hello.
const HELLO: Duration = Duration::from_secs(10);

pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) queue: mpsc::Sender<Result<ToNode, Status>>,
    pub(super) end: CancellationToken,
    pub(super) token: Secret,
    pub(super) store: Store,
    pub(super) news: mpsc::Sender<FromLink>,
}

impl Session {
    pub(super) async fn run(self, mut inbound: Streaming<FromNode>) {
        let end = self.end.clone();
        tokio::select! {
            () = end.cancelled() => {}
            () = self.queue.closed() => {}
            () = self.talk(&mut inbound) => {}
        }
    }

    async fn talk(&self, inbound: &mut Streaming<FromNode>) {
        let hello = match tokio::time::timeout(HELLO, inbound.message()).await {
            Ok(Ok(Some(FromNode { message: Some(from_node::Message::Hello(hello)) }))) => hello,
            Ok(Ok(_)) => return self.refuse("the first message must be Hello").await,
            Ok(Err(_)) => return,
            Err(_) => return self.refuse("no Hello within 10 s").await,
        };
        if let Err(reason) = self.check(&hello) {
            tracing::warn!(node = %hello.node.escape_debug(), reason, "a node was refused");
            return self.refuse(reason).await;
        }
        let node = NodeId(hello.node.clone());
        let peer = Peer { queue: self.queue.clone(), end: self.end.clone() };
        if self.news.send(FromLink::Hello(self.id, node.clone(), Box::new(hello), peer)).await.is_err() {
            return;
        }
        let gone = Gone { id: self.id, node: node.clone(), news: self.news.clone() };
        self.carry(inbound, &node).await;
        drop(gone);
    }

    fn check(&self, hello: &Hello) -> Result<(), &'static str> {
        if hello.protocol != proto::PROTOCOL {
            return Err(
                "this node speaks another version of the link protocol; run the same version of Peal on both sides",
            );
        }
        if !same(hello.token.as_bytes(), self.token.expose().as_bytes()) {
            return Err("the node's token is not the control plane's; set the same `token` on both sides");
        }
        let name = &hello.node;
        if name.is_empty() || name.len() > 100 || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("a node needs a name of 1 to 100 bytes without white space");
        }
        Ok(())
    }

    async fn refuse(&self, reason: &str) {
        let message = Some(to_node::Message::Refused(reason.to_owned()));
        // A peer that is gone needs no reason.
        let _ = self.queue.send(Ok(ToNode { message })).await;
    }

    async fn carry(&self, inbound: &mut Streaming<FromNode>, node: &NodeId) {
        loop {
            let message = match inbound.message().await {
                Ok(Some(FromNode { message: Some(message) })) => message,
                // A message of a newer node that this side does not know.
                Ok(Some(FromNode { message: None })) => continue,
                Ok(None) => return,
                Err(status) => {
                    tracing::debug!(%node, %status, "the link broke");
                    return;
                }
            };
            let news = match message {
                from_node::Message::Event(event) => FromLink::Event(self.id, node.clone(), Box::new(event)),
                from_node::Message::Heartbeat(beat) => FromLink::Heartbeat(self.id, node.clone(), beat),
                from_node::Message::AssetRequest(request) => {
                    // Apart, so that a large prompt does not hold up events.
                    tokio::spawn(assets::answer(self.store.clone(), self.queue.clone(), request));
                    continue;
                }
                from_node::Message::Hello(_) => return self.refuse("a second Hello").await,
            };
            if self.news.send(news).await.is_err() {
                return;
            }
        }
    }
}

/// Tells planning that the stream has ended, also when the task is dropped half-way.
struct Gone {
    id: SessionId,
    node: NodeId,
    news: mpsc::Sender<FromLink>,
}

impl Drop for Gone {
    fn drop(&mut self) {
        let (id, node, news) = (self.id, self.node.clone(), self.news.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // Planning has ended: then nobody needs to know.
                let _ = news.send(FromLink::Gone(id, node)).await;
            });
        }
    }
}

/// Compares in a time that tells nothing of where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}
