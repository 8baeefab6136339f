//! Servers that send too much.

use std::time::Duration;

use media::FRAME_SAMPLES;
use tokio::time::Instant;

/// Frames without audio that a server may send in a second, and what they may hold.
pub(super) const FRAMES_A_SECOND_MAX: u32 = 500;
pub(super) const BYTES_A_SECOND_MAX: usize = 2 << 20;
/// Audio that a server may send at once, and how much faster than it is played for ever. What may wait to be played is less, and is for
/// whoever plays it to judge; this bounds what one that is told to forget what it sent, again and again, costs us.
const AUDIO_AT_ONCE_MAX: f64 = 600.0;
const AUDIO_PACE_MAX: f64 = 4.0;
/// Counts frames without audio of a second, and audio that came before its time.
pub(super) struct Flood {
    second: Instant,
    frames: u32,
    bytes: usize,
    /// When `early` was counted.
    at: Instant,
    /// Seconds of audio that came before their time.
    early: f64,
}

impl Flood {
    pub(super) fn new() -> Self {
        Self { second: Instant::now(), frames: 0, bytes: 0, at: Instant::now(), early: 0.0 }
    }

    /// Whether a frame of so many bytes with so many samples of audio is not too much.
    pub(super) fn allows(&mut self, now: Instant, bytes: usize, samples: usize) -> bool {
        if samples >= FRAME_SAMPLES / 2 {
            let passed = now.duration_since(self.at).as_secs_f64();
            self.at = now;
            self.early = (self.early - passed * AUDIO_PACE_MAX).max(0.0) + samples as f64 / 8_000.0;
            return self.early <= AUDIO_AT_ONCE_MAX;
        }
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            (self.second, self.frames, self.bytes) = (now, 0, 0);
        }
        self.frames += 1;
        self.bytes += bytes;
        self.frames <= FRAMES_A_SECOND_MAX && self.bytes <= BYTES_A_SECOND_MAX
    }
}
