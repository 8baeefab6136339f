//! Audio of a call: RTP and RTCP, G.711, prompts, DTMF events, quality both ways, recording, and the table of RTP ports.
//!
//! The crate is pure. It has no clock, socket, file, thread or randomness: time comes in as [`std::time::Instant`],
//! seeds come in at construction, packets leave through memory that the caller lends. It knows nothing of SIP or SDP;
//! the `call` crate turns an answer into a [`MediaPlan`].
//!
//! # The loop
//!
//! One change ([`MediaSession::tick`] every 20 ms, or [`MediaSession::receive`] for a packet), then
//! [`MediaSession::poll_event`] until it is empty, and after a tick [`MediaSession::poll_rtcp`] when
//! [`MediaSession::is_report_due`], then the next change. Nothing on these paths allocates.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use peal_media::*;
//!
//! let start = Instant::now();
//! let far = "192.0.2.7:30000".parse().unwrap();
//! let prompt = Prompt::from_pcm(&[0i16; 800], 8000).unwrap(); // 100 ms: five packets
//!
//! let mut session = MediaSession::new(SessionConfig { ssrc: 7, sequence: 1, timestamp: 1, rtcp: 1, send_silence: false });
//! session.set_remote(MediaPlan {
//!     remote: far,
//!     remote_rtcp: far,
//!     rtcp_mux: true,
//!     wants_rtcp: true,
//!     codec: Codec::Pcma,
//!     payload_type: 8,
//!     telephone_event: Some(101),
//!     direction: Direction::SendReceive,
//!     latching: Latching::SameHost,
//! });
//! session.answer();
//! session.play(prompt);
//!
//! let mut out = [0u8; MAX_PACKET_LEN];
//! let (mut sent, mut ended) = (0, false);
//! for n in 0..10 {
//!     let now = start + Duration::from_millis(20) * n;
//!     if let Some(transmit) = session.tick(now, &mut out) {
//!         assert_eq!((transmit.to, transmit.len), (far, 172));
//!         sent += 1;
//!     }
//!     while let Some(event) = session.poll_event() {
//!         ended |= event == MediaEvent::PromptEnded;
//!     }
//! }
//! assert_eq!((sent, ended), (5, true));
//! ```

pub mod beep;
mod codec;
pub mod dtmf;
pub mod g711;
mod keys;
pub mod latch;
pub mod music;
pub mod pool;
pub mod ports;
pub mod prompt;
pub mod quality;
pub mod reception;
pub mod recorder;
mod relay;
pub mod resample;
pub mod rtcp;
pub mod rtp;
pub mod session;
pub mod tap;
pub mod tone;
mod track;
pub mod vad;
pub mod wav;

pub use codec::Codec;
pub use dtmf::Digit;
pub use latch::Latching;
pub use pool::PoolExhausted;
pub use ports::{Collision, Lookup, PortIndex, PortLease, PortMode, Ports, PortsConfig, PortsExhausted};
pub use prompt::{Prompt, PromptError};
pub use quality::Quality;
pub use recorder::{Block, BlockPool};
pub use relay::Relay;
pub use rtcp::{FarReport, MAX_RTCP_LEN, RtcpDrop};
pub use rtp::{DropReason, MAX_PACKET_LEN};
pub use session::{Direction, MediaEvent, MediaPlan, MediaSession, Received, SessionConfig, Transmit};
pub use tap::{Chunk, ChunkPool};

/// Samples a second of everything in this crate: G.711 and telephone-event both run at 8 kHz (RFC 3551 section 4.5.14).
pub const SAMPLE_RATE: u32 = 8000;

/// Samples, and for G.711 bytes, in the packets that we send: 20 ms.
pub const FRAME_SAMPLES: usize = 160;
