//! One stream from Hello to its end.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Sender, TrySendError};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Code, Status, Streaming};

use common::Epoch;
use proto::v1::link_client::LinkClient;
use proto::v1::{FromNode, Hello, ToNode, from_node, to_node};

use crate::{Down, Uplink, uplink};

/// How long the control plane may take from Hello to Welcome.
const WELCOME_WITHIN: Duration = Duration::from_secs(5);
/// How often a full queue to the dispatcher is tried again. Meanwhile the stream is not read.
const DOWN_RETRY: Duration = Duration::from_millis(1);

/// Why an attachment ended, or never came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DetachCause {
    /// Nobody listens there, or not yet.
    Unreachable(String),
    /// It listens and does not do as the protocol says.
    Unwelcome(String),
    /// The control plane told why it does not want us.
    Refused(String),
    /// A stream that worked has ended.
    Lost(String),
    /// The dispatcher is gone.
    Unwanted,
}

impl fmt::Display for DetachCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(what) => write!(f, "cannot connect: {what}"),
            Self::Unwelcome(what) => write!(f, "no welcome: {what}"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Lost(what) => write!(f, "stream ended: {what}"),
            Self::Unwanted => f.write_str("the node has stopped"),
        }
    }
}

/// What one attachment needs of the link.
pub(crate) struct Attachment<'a> {
    pub(crate) down: &'a Sender<Down>,
    pub(crate) connects: &'a AtomicU64,
}

impl Attachment<'_> {
    /// Connects and carries messages until the stream ends.
    pub(crate) async fn run(&self, endpoint: &Endpoint, hello: Hello) -> DetachCause {
        let channel = match endpoint.connect().await {
            Ok(channel) => channel,
            Err(error) => return DetachCause::Unreachable(with_sources(&error)),
        };
        let (queue, outgoing) = mpsc::channel(uplink::CAPACITY);
        let hello = FromNode { message: Some(from_node::Message::Hello(hello)) };
        queue.try_send(hello).expect("the queue is new and empty");
        let attach = async {
            let mut stream =
                LinkClient::new(channel).attach(ReceiverStream::new(outgoing)).await?.into_inner();
            let first = stream.message().await?;
            Ok::<_, Status>((stream, first))
        };
        let (stream, first) = match tokio::time::timeout(WELCOME_WITHIN, attach).await {
            Ok(Ok(attached)) => attached,
            Ok(Err(status)) => return refusal(&status),
            Err(_) => return DetachCause::Unwelcome("nothing came back in time".to_owned()),
        };
        let welcome = match first.and_then(|first| first.message) {
            Some(to_node::Message::Welcome(welcome)) => welcome,
            Some(to_node::Message::Refused(why)) => return DetachCause::Refused(why),
            Some(_) => return DetachCause::Unwelcome("the first message was another".to_owned()),
            None => return DetachCause::Unwelcome("the stream ended before it".to_owned()),
        };
        self.connects.fetch_add(1, Ordering::Relaxed);
        tracing::info!(acknowledged_seq = welcome.acknowledged_seq, "linked to the control plane");
        let attached = Down::Attached {
            acknowledged_seq: welcome.acknowledged_seq,
            epoch: Epoch(welcome.epoch),
            uplink: Uplink::of(queue),
        };
        if !self.hand_down(attached).await {
            return DetachCause::Unwanted;
        }
        let cause = self.carry(stream).await;
        if !self.hand_down(Down::Detached).await {
            return DetachCause::Unwanted;
        }
        cause
    }

    async fn carry(&self, mut stream: Streaming<ToNode>) -> DetachCause {
        loop {
            let message = match stream.message().await {
                Ok(Some(ToNode { message: Some(message) })) => message,
                // A message of a later protocol that we do not know.
                Ok(Some(ToNode { message: None })) => continue,
                Ok(None) => return DetachCause::Lost("closed by the control plane".to_owned()),
                Err(status) => return DetachCause::Lost(in_short(&status)),
            };
            match message {
                to_node::Message::Refused(why) => return DetachCause::Refused(why),
                to_node::Message::Welcome(_) => {
                    return DetachCause::Lost("a second Welcome on one stream".to_owned());
                }
                message => {
                    if !self.hand_down(Down::Message(message)).await {
                        return DetachCause::Unwanted;
                    }
                }
            }
        }
    }

    /// False when the dispatcher is gone.
    async fn hand_down(&self, mut down: Down) -> bool {
        loop {
            match self.down.try_send(down) {
                Ok(()) => return true,
                Err(TrySendError::Disconnected(_)) => return false,
                Err(TrySendError::Full(back)) => {
                    down = back;
                    tokio::time::sleep(DOWN_RETRY).await;
                }
            }
        }
    }
}

fn refusal(status: &Status) -> DetachCause {
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied | Code::FailedPrecondition => {
            DetachCause::Refused(in_short(status))
        }
        _ => DetachCause::Unwelcome(in_short(status)),
    }
}

fn in_short(status: &Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
