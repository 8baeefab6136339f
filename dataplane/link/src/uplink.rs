//! The way up of one attachment.

use tokio::sync::mpsc;

use proto::v1::{AssetRequest, Event, FromNode, Heartbeat, from_node};

/// Messages that may wait for the stream. The journal holds the rest.
pub(crate) const CAPACITY: usize = 1_024;

/// Sends to the control plane over one attachment. It dies with it; the next `Attached` brings another.
#[derive(Clone, Debug)]
pub struct Uplink {
    queue: mpsc::Sender<FromNode>,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UplinkRefused {
    /// The stream is slower than we are; try again later.
    Full,
    /// The stream is gone; `Detached` is on its way.
    Gone,
}

impl Uplink {
    /// An uplink without a stream, and what comes out of it: for a control plane in the same process, and for tests.
    pub fn loopback(capacity: usize) -> (Self, mpsc::Receiver<FromNode>) {
        let (queue, receiver) = mpsc::channel(capacity);
        (Self::of(queue), receiver)
    }

    pub(crate) fn of(queue: mpsc::Sender<FromNode>) -> Self {
        Self { queue }
    }

    /// Hands a message to the stream; never waits.
    pub fn try_send(&self, message: from_node::Message) -> Result<(), UplinkRefused> {
        self.queue.try_send(FromNode { message: Some(message) }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => UplinkRefused::Full,
            mpsc::error::TrySendError::Closed(_) => UplinkRefused::Gone,
        })
    }

    /// [`try_send`](Self::try_send) for an event.
    pub fn try_send_event(&self, event: Event) -> Result<(), UplinkRefused> {
        self.try_send(from_node::Message::Event(event))
    }

    /// [`try_send`](Self::try_send) for a heartbeat.
    pub fn try_send_heartbeat(&self, heartbeat: Heartbeat) -> Result<(), UplinkRefused> {
        self.try_send(from_node::Message::Heartbeat(heartbeat))
    }

    /// [`try_send`](Self::try_send) for a request of a script or prompt.
    pub fn try_request(&self, request: AssetRequest) -> Result<(), UplinkRefused> {
        self.try_send(from_node::Message::AssetRequest(request))
    }
}
