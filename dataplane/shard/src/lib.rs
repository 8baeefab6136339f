//! The engine of the data plane: one pinned thread, one io_uring, its own sockets, no locks.
//!
//! A shard drives a pure [`Machine`]: it lends it what arrived, takes from it what is to leave, and tells it the time.
//! It owns the sockets, the ring and every byte of packet memory. It never looks into a packet and never decides
//! anything about a call. `node` starts one for each core that it is given.
//!
//! ```text
//!            mail (bounded queue, bell in the ring)          events (bounded queue)
//!   node ───────────────────────────────────┐   ┌──────────────────────────▶ node
//!                                           ▼   │
//!   turn:  tick ──▶ submit ──▶ reap ──▶ mail ──▶ timers ──▶ submit ──▶ sleep ──▶ next turn
//!            │                   │        │        │
//!            └───────────────────┴────────┴────────┴─▶ one change, then drain: datagrams and events
//! ```
//!
//! # A complete shard
//!
//! ```
//! use std::net::{SocketAddr, UdpSocket};
//! use std::time::Instant;
//!
//! use shard::{Machine, Shard, ShardConfig, SocketIndex, SocketSpec, Stop, Transmit};
//!
//! /// Sends every datagram back.
//! #[derive(Default)]
//! struct Echo(Option<(SocketIndex, SocketAddr, Vec<u8>)>);
//!
//! impl Machine for Echo {
//!     type Mail = ();
//!     type Event = ();
//!     fn handle_datagram(&mut self, _: Instant, socket: SocketIndex, from: SocketAddr, bytes: &[u8]) {
//!         self.0 = Some((socket, from, bytes.to_vec()));
//!     }
//!     fn handle_mail(&mut self, _: Instant, (): ()) {}
//!     fn handle_timeout(&mut self, _: Instant) {}
//!     fn poll_transmit(&mut self, _: Instant, slot: &mut [u8]) -> Option<Transmit> {
//!         let (socket, to, bytes) = self.0.take()?;
//!         slot[..bytes.len()].copy_from_slice(&bytes);
//!         Some(Transmit { socket, to, len: bytes.len() })
//!     }
//!     fn poll_event(&mut self) -> Option<()> {
//!         None
//!     }
//!     fn poll_timeout(&self) -> Option<Instant> {
//!         None
//!     }
//!     fn is_idle(&self) -> bool {
//!         self.0.is_none()
//!     }
//! }
//!
//! let local = "127.0.0.1:0".parse()?;
//! let shard = Shard::start(ShardConfig::new(0, vec![SocketSpec::media(local)]), |_| Echo::default())?;
//!
//! let far = UdpSocket::bind("127.0.0.1:0")?;
//! far.send_to(b"hello", shard.bound().sockets[0].local)?;
//! let mut answer = [0; 16];
//! let len = far.recv(&mut answer)?;
//! assert_eq!(&answer[..len], b"hello");
//!
//! shard.stop(Stop::WhenIdle);
//! assert_eq!(shard.join()?.packets_out, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod counters;
mod error;
mod handle;
mod machine;
mod mail;
mod ring;
mod socket;
mod thread;
mod turn;

pub use crossbeam_channel::Receiver as EventReceiver;

pub use crate::config::{BufferSizes, ShardConfig, Sizes, SocketRole, SocketSpec, TurnLimits};
pub use crate::counters::{ShardCounters, Tally};
pub use crate::error::{RingRefused, StartError};
pub use crate::handle::{Shard, ShardHandle, ShardPanicked};
pub use crate::machine::{Machine, SocketIndex, Transmit};
pub use crate::mail::{MailRefused, MailSender, Stop};
pub use crate::ring::SLOT_BYTES;
pub use crate::socket::{Bound, BoundSocket, Clamped};
