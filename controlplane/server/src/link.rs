//! The link service: the control plane's end of the nodes' streams.
//!
//! One task a stream. It says who a node is, hands its news to planning in their order, and answers its requests for
//! scripts and prompts from the store. It never decides what news mean. Planning holds the other end of the queue of
//! each stream and ends streams by cancelling them.

mod assets;
mod session;
pub(crate) mod wire;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use common::NodeId;
use proto::v1::{Event, FromNode, Heartbeat, Hello, ToNode, link_server, to_node};
use store::Store;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming, transport};

use crate::config::Secret;

/// Messages that wait for one node: four seconds of orders at 1,000 a second. A node that reads slower is not well, and
/// is cut off.
const TO_NODE: usize = 4_096;

/// A dead peer is noticed after about as long as a lease is valid.
const KEEP_ALIVE: Duration = Duration::from_secs(3);

/// One stream of a node; a new stream has a new id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionId(u64);

/// What a stream tells planning.
pub(crate) enum FromLink {
    /// A node has said who it is and may be taken.
    Hello(SessionId, NodeId, Box<Hello>, Peer),
    /// News of a node that was taken.
    Event(SessionId, NodeId, Box<Event>),
    /// Its state.
    Heartbeat(SessionId, NodeId, Heartbeat),
    /// The stream has ended.
    Gone(SessionId, NodeId),
}

/// The way to a node, for as long as its stream lives.
pub(crate) struct Peer {
    queue: mpsc::Sender<Result<ToNode, Status>>,
    end: CancellationToken,
}

impl Peer {
    /// Sends without waiting. A node that does not read is cut off, and `false` tells that nothing was sent.
    pub(crate) fn send(&self, message: to_node::Message) -> bool {
        let sent = self.queue.try_send(Ok(ToNode { message: Some(message) })).is_ok();
        if !sent {
            self.end.cancel();
        }
        sent
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

/// The service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct LinkService {
    token: Secret,
    store: Store,
    news: mpsc::Sender<FromLink>,
    next_session: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl LinkService {
    pub(crate) fn new(
        token: Secret,
        store: Store,
        news: mpsc::Sender<FromLink>,
        stop: CancellationToken,
    ) -> Self {
        Self { token, store, news, next_session: Arc::default(), stop }
    }

    /// Serves until told to stop.
    pub(crate) async fn serve(self, listener: TcpListener) -> Result<(), transport::Error> {
        let stop = self.stop.clone();
        transport::Server::builder()
            .tcp_nodelay(true)
            .http2_keepalive_interval(Some(KEEP_ALIVE))
            .http2_keepalive_timeout(Some(KEEP_ALIVE))
            .add_service(link_server::LinkServer::new(self))
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop.cancelled_owned())
            .await
    }
}

#[tonic::async_trait]
impl link_server::Link for LinkService {
    type AttachStream = ReceiverStream<Result<ToNode, Status>>;

    async fn attach(
        &self,
        request: Request<Streaming<FromNode>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let (queue, messages) = mpsc::channel(TO_NODE);
        let session = session::Session {
            id: SessionId(self.next_session.fetch_add(1, Ordering::Relaxed)),
            queue,
            end: self.stop.child_token(),
            token: self.token.clone(),
            store: self.store.clone(),
            news: self.news.clone(),
        };
        tokio::spawn(session.run(request.into_inner()));
        Ok(Response::new(ReceiverStream::new(messages)))
    }
}
