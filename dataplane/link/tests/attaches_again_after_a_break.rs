//! The link over a real gRPC stream: Hello and Welcome, messages both ways, a break, another attachment, a refusal.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use peal_link::{Down, Hello, Link, LinkConfig, from_node, to_node};
use proto::v1::link_server::{Link as LinkService, LinkServer};
use proto::v1::{Ack, Event, FromNode, Lease, ToNode, Welcome};
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

/// Longer than anything here takes; only a failure waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// One attachment as the server sees it.
struct Accepted {
    up: Streaming<FromNode>,
    down: mpsc::Sender<Result<ToNode, Status>>,
}

struct Service(mpsc::Sender<Accepted>);

#[tonic::async_trait]
impl LinkService for Service {
    type AttachStream = Pin<Box<dyn Stream<Item = Result<ToNode, Status>> + Send>>;

    async fn attach(
        &self,
        request: Request<Streaming<FromNode>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let (down, stream) = mpsc::channel(16);
        let accepted = Accepted { up: request.into_inner(), down };
        self.0.send(accepted).await.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}

impl Accepted {
    async fn receive(&mut self) -> from_node::Message {
        let next = tokio::time::timeout(PATIENCE, self.up.next()).await.expect("in time");
        next.expect("the stream lives").expect("no error").message.expect("a message")
    }

    async fn send(&self, message: to_node::Message) {
        self.down.send(Ok(ToNode { message: Some(message) })).await.expect("the stream lives");
    }

    /// Takes the Hello and answers it.
    async fn welcome(&mut self, acknowledged_seq: u64) -> Hello {
        let from_node::Message::Hello(hello) = self.receive().await else { panic!("Hello comes first") };
        self.send(to_node::Message::Welcome(Welcome { acknowledged_seq, epoch: 3 })).await;
        hello
    }
}

async fn serve() -> (SocketAddr, mpsc::Receiver<Accepted>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (accepted, attachments) = mpsc::channel(4);
    let server = tonic::transport::Server::builder().add_service(LinkServer::new(Service(accepted)));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    (address, attachments)
}

fn start(address: SocketAddr) -> Link {
    Link::start(LinkConfig {
        address: format!("http://{address}"),
        hello: Hello { node: "n".to_owned(), boot: vec![1], ..Default::default() },
        active_calls: std::sync::Arc::new(7.into()),
        seed: 1,
    })
    .expect("a well-formed address")
}

async fn down(link: &Link) -> Down {
    let receiver = link.down().clone();
    let taken = tokio::task::spawn_blocking(move || receiver.recv_timeout(PATIENCE)).await;
    taken.expect("no panic").expect("in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_attachment_brings_its_own_uplink() {
    let (address, mut attachments) = serve().await;
    let link = start(address);

    let mut first = attachments.recv().await.expect("it attaches");
    let hello = first.welcome(41).await;
    assert_eq!((hello.node.as_str(), hello.active_calls), ("n", 7));
    let Down::Attached { acknowledged_seq: 41, epoch: common::Epoch(3), uplink } = down(&link).await else {
        panic!("attached first")
    };
    uplink.try_send_event(Event { seq: 42, ..Default::default() }).expect("there is room");
    let from_node::Message::Event(Event { seq: 42, .. }) = first.receive().await else { panic!("the event") };
    first.send(to_node::Message::Ack(Ack { seq: 42 })).await;
    first.send(to_node::Message::Lease(Lease { epoch: 3, valid_ms: 5_000 })).await;
    assert!(matches!(down(&link).await, Down::Message(to_node::Message::Ack(Ack { seq: 42 }))));
    assert!(matches!(down(&link).await, Down::Message(to_node::Message::Lease(_))));

    drop(first);
    assert!(matches!(down(&link).await, Down::Detached));
    let mut second = attachments.recv().await.expect("it attaches again");
    second.welcome(42).await;
    let Down::Attached { acknowledged_seq: 42, uplink: fresh, .. } = down(&link).await else {
        panic!("attached again")
    };
    // What is given to the old uplink reaches nobody, least of all the new stream.
    let _ = uplink.try_send_event(Event { seq: 1, ..Default::default() });
    fresh.try_send_event(Event { seq: 43, ..Default::default() }).expect("there is room");
    let from_node::Message::Event(Event { seq: 43, .. }) = second.receive().await else {
        panic!("the event")
    };
    assert_eq!(link.connects().load(Ordering::Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_node_tries_again() {
    let (address, mut attachments) = serve().await;
    let link = start(address);
    let mut first = attachments.recv().await.expect("it attaches");
    assert!(matches!(first.receive().await, from_node::Message::Hello(_)));
    first.send(to_node::Message::Refused("wrong token".to_owned())).await;
    drop(first);
    let mut second = attachments.recv().await.expect("it tries again");
    second.welcome(0).await;
    assert!(matches!(down(&link).await, Down::Attached { .. }), "the refused one was never attached");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_plane_that_comes_late_is_found() {
    let reserved = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = reserved.local_addr().expect("bound");
    drop(reserved);
    let link = start(address);
    assert_eq!(link.connects().load(Ordering::Relaxed), 0);
    let listener = tokio::net::TcpListener::bind(address).await.expect("the port is free again");
    let (accepted, mut attachments) = mpsc::channel(4);
    let server = tonic::transport::Server::builder().add_service(LinkServer::new(Service(accepted)));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let mut first = attachments.recv().await.expect("it attaches");
    first.welcome(0).await;
    assert!(matches!(down(&link).await, Down::Attached { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispatcher_that_does_not_read_loses_nothing() {
    let (address, mut attachments) = serve().await;
    let link = start(address);
    let mut first = attachments.recv().await.expect("it attaches");
    first.welcome(0).await;
    const MANY: u64 = 10_000;
    let sender = tokio::spawn(async move {
        for seq in 0..MANY {
            first.send(to_node::Message::Ack(Ack { seq })).await;
        }
        first
    });
    assert!(matches!(down(&link).await, Down::Attached { .. }));
    for expected in 0..MANY {
        let Down::Message(to_node::Message::Ack(Ack { seq })) = down(&link).await else { panic!("an ack") };
        assert_eq!(seq, expected);
    }
    drop(sender.await.expect("no panic"));
}
