//! The node's end of the link to the control plane: one gRPC stream, kept up for as long as the node lives.
//!
//! Owns the connection: it dials, says Hello, hands Welcome on, carries messages both ways, and dials again after any
//! break, for ever, with growing pauses. It never decides: what is sent again after a break, what an order means and
//! what happens without a link are the dispatcher's. Nothing is kept here either: a message that was given to an
//! [`Uplink`] and did not arrive is lost with it, and the node's journal has it still.
//!
//! The link runs on a thread of its own with a small tokio runtime. The dispatcher, which is not async, reads
//! [`Down`] from a bounded channel; while it does not, the stream is not read either, and the control plane sees
//! back-pressure. Upwards nothing ever waits: [`Uplink::try_send`] says when there is no room.
//!
//! ```no_run
//! # use peal_link as link;
//! # fn handle(_: link::to_node::Message) {}
//! let link = link::Link::start(link::LinkConfig {
//!     address: "http://127.0.0.1:7400".to_owned(),
//!     hello: link::Hello { node: "node-1".to_owned(), ..Default::default() },
//!     active_calls: Default::default(),
//!     seed: 1,
//! })?;
//! let mut uplink = None;
//! for down in link.down() {
//!     match down {
//!         link::Down::Attached { acknowledged_seq, uplink: fresh, .. } => {
//!             println!("send the journal from {}", acknowledged_seq + 1);
//!             uplink = Some(fresh);
//!         }
//!         link::Down::Message(message) => handle(message),
//!         link::Down::Detached => uplink = None,
//!     }
//! }
//! # drop(uplink);
//! # Ok::<(), link::StartError>(())
//! ```

mod attachment;
mod backoff;
mod uplink;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use tokio::sync::watch;
use tonic::transport::Endpoint;

use common::Epoch;
pub use proto::v1::{Event, FromNode, Heartbeat, Hello, from_node, to_node};
pub use uplink::{Uplink, UplinkRefused};

use attachment::{Attachment, DetachCause};
use backoff::Backoff;

/// Messages from the control plane that may wait for the dispatcher: about four seconds of orders at 1,000 a second.
const DOWN_CAPACITY: usize = 4_096;

/// What a link needs to know.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// `http://host:port` of the control plane's link service.
    pub address: String,
    /// Who we are. `active_calls` is filled in at each attachment.
    pub hello: Hello,
    /// Calls up, kept by the dispatcher, told in each Hello.
    pub active_calls: Arc<AtomicU32>,
    /// Seed of the jitter between attempts to connect, so that nodes do not come back in step.
    pub seed: u64,
}

/// What the link tells the dispatcher. `Attached`, then messages, then `Detached`, again and again.
#[derive(Debug)]
pub enum Down {
    /// The control plane has taken us. Everything unacknowledged is to be sent over `uplink`.
    Attached {
        /// Events up to this number are safe with the control plane.
        acknowledged_seq: u64,
        /// The planner's epoch.
        epoch: Epoch,
        /// The way up, for this attachment only.
        uplink: Uplink,
    },
    /// A message of the control plane; never `Welcome` or `Refused`.
    Message(to_node::Message),
    /// The stream is gone, and the uplink with it.
    Detached,
}

/// Why a link could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is not one.
    #[error("control plane address '{address}' is not http://host:port")]
    Address {
        /// As configured.
        address: String,
    },
    /// The thread or its runtime could not be made.
    #[error("cannot start the link's thread")]
    Thread(#[from] std::io::Error),
}

/// A running link. Dropping it ends the stream and the thread.
#[derive(Debug)]
pub struct Link {
    down: Receiver<Down>,
    connects: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Link {
    /// Starts dialling.
    pub fn start(config: LinkConfig) -> Result<Self, StartError> {
        let endpoint = endpoint(&config.address)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (down_tx, down) = crossbeam_channel::bounded(DOWN_CAPACITY);
        let (stop, stopped) = watch::channel(false);
        let connects = Arc::new(AtomicU64::new(0));
        let keeper =
            Keeper { endpoint, config, down: down_tx, stopped: stopped.clone(), connects: connects.clone() };
        let thread = std::thread::Builder::new()
            .name("peal-link".to_owned())
            .spawn(move || runtime.block_on(keeper.keep()))?;
        Ok(Self { down, connects, stop, thread: Some(thread) })
    }

    /// Where messages of the control plane arrive.
    pub fn down(&self) -> &Receiver<Down> {
        &self.down
    }

    /// Attachments so far.
    pub fn connects(&self) -> Arc<AtomicU64> {
        self.connects.clone()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn endpoint(address: &str) -> Result<Endpoint, StartError> {
    let refused = || StartError::Address { address: address.to_owned() };
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|_| refused())?;
    if endpoint.uri().scheme_str() != Some("http") || endpoint.uri().host().is_none() {
        return Err(refused());
    }
    // A dead peer is noticed within the ten seconds after which nobody could still hold a lease of it.
    Ok(endpoint
        .connect_timeout(Duration::from_secs(3))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(5))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true))
}

/// The thread's own half: makes attachments one after another.
struct Keeper {
    endpoint: Endpoint,
    config: LinkConfig,
    down: Sender<Down>,
    stopped: watch::Receiver<bool>,
    connects: Arc<AtomicU64>,
}

impl Keeper {
    async fn keep(mut self) {
        let mut backoff = Backoff::new(self.config.seed);
        let mut last_cause = None;
        loop {
            let mut hello = self.config.hello.clone();
            hello.active_calls = self.config.active_calls.load(Ordering::Relaxed);
            let attachment = Attachment { down: &self.down, connects: &self.connects };
            let cause = tokio::select! {
                cause = attachment.run(&self.endpoint, hello) => cause,
                _ = self.stopped.wait_for(|stopped| *stopped) => return,
            };
            match &cause {
                DetachCause::Unwanted => return,
                DetachCause::Refused(why) => tracing::error!(why, "the control plane refuses this node"),
                // One line for each change, not for each attempt to connect.
                other if last_cause.as_ref() != Some(other) => {
                    tracing::warn!(cause = %other, "no link to the control plane; trying again");
                }
                other => tracing::debug!(cause = %other, "no link to the control plane yet"),
            }
            if matches!(cause, DetachCause::Lost(_)) {
                backoff.reset();
            }
            last_cause = Some(cause);
            let pause = backoff.next_pause();
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = self.stopped.wait_for(|stopped| *stopped) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_checked_at_the_start() {
        for wrong in ["", "host", "127.0.0.1:7400", "https://host:1", "http://", "ftp://host:1"] {
            assert!(matches!(endpoint(wrong), Err(StartError::Address { .. })), "{wrong}");
        }
        assert!(endpoint("http://[::1]:7400").is_ok());
    }
}
