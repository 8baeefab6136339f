//! What a session tells its owner.

use std::net::SocketAddr;
use std::time::Instant;

use crate::Codec;
use crate::dtmf::Digit;
use crate::rtcp::RtcpDrop;
use crate::rtp::{DropReason, Header};

#[cfg(doc)]
use super::MediaSession;

/// A packet that a tick wrote into the lent memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where it goes.
    pub to: SocketAddr,
    /// Its length in bytes.
    pub len: usize,
}

/// What became of a received packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// Audio that passed every check, one byte a sample.
    Audio {
        /// Its encoding.
        codec: Codec,
        /// Of its packet.
        header: Header,
        /// The samples.
        payload: &'a [u8],
    },
    /// Part of a telephone-event; the digit comes by [`MediaSession::poll_event`].
    TelephoneEvent,
    /// Comfort noise: the far end is there and silent.
    ComfortNoise,
    /// RTCP on the RTP port, taken or not.
    Rtcp(Result<(), RtcpDrop>),
    /// Counted and forgotten.
    Dropped(DropReason),
}

/// Something that the owner of the call has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaEvent {
    /// The source of the call's audio is known and locked; we send there from now on. The owner tells the port table.
    Latched(SocketAddr),
    /// A key was pressed at the far end.
    Digit(Digit),
    /// The last frame of the prompt went out 20 ms ago.
    PromptEnded,
    /// The far end began to speak: the first packet with its voice came then, and what it holds was said by so much earlier. What may be an echo of
    /// ours is no voice. Only after the answer.
    SpeechBegan(Instant),
    /// The far end stopped speaking: its last sound was [`crate::vad::HANGOVER`] ago, at the most one tick more.
    SpeechEnded,
    /// The tone that was watched for is over.
    Beep,
    /// The far end plays music, for three seconds at least. Only while it is watched for.
    MusicBegan,
    /// The music is over.
    MusicEnded,
    /// A block of the recording was lost, because no free buffer was left or nobody took the block before it.
    RecordingOverrun,
}
