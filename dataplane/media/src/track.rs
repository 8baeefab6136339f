//! What was received, laid on a timeline by its RTP timestamps.
//!
//! Owned by whoever keeps the samples ([`crate::recorder`], [`crate::tap`]) and lends them with each packet. Packets that
//! come late or out of order still find their place while it is in the buffer; what never comes is silence.

use std::ops::Range;

use crate::rtp::Header;
use crate::{Codec, SAMPLE_RATE};

/// How far ahead of the present received audio may lie: a 60 ms packet that came 60 ms early.
pub(crate) const AHEAD_SAMPLES: usize = 960;

/// After so many packets in a row that fit nowhere, the sender's clock has moved and is taken anew.
const STRAYS_MAX: u8 = 3;

/// Samples from `origin` to `now`.
pub(crate) fn samples_between(origin: std::time::Instant, now: std::time::Instant) -> u64 {
    let micros = now.saturating_duration_since(origin).as_micros() as u64;
    micros * u64::from(SAMPLE_RATE) / 1_000_000
}

/// Where the received stream lies on the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    ssrc: u32,
    timestamp: u32,
    position: i64,
}

/// The received side of a timeline, without its samples.
#[derive(Debug)]
pub(crate) struct Track {
    codec: Codec,
    anchor: Option<Anchor>,
    strays: u8,
    /// Samples of the buffer that are written; what lies behind them is left over from its last use. Silence is only
    /// written where it is wanted, so that a buffer's memory is touched once.
    written: usize,
}

/// The part of the timeline that the buffer holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Position of the buffer's first sample.
    pub base: u64,
    /// The present, in samples from `base`. Audio may end at most [`AHEAD_SAMPLES`] behind it.
    pub present: usize,
}

impl Track {
    /// Nothing received. Samples are stored in `codec`; what comes in the other law is translated.
    pub(crate) fn new(codec: Codec) -> Track {
        Track { codec, anchor: None, strays: 0, written: 0 }
    }

    /// Law of the samples.
    pub(crate) fn codec(&self) -> Codec {
        self.codec
    }

    /// Samples of the buffer that are written.
    pub(crate) fn written(&self) -> usize {
        self.written
    }

    /// Puts audio that arrived at position `arrived` into `buffer`, and says where.
    pub(crate) fn put(
        &mut self,
        buffer: &mut [u8],
        window: Window,
        arrived: u64,
        header: &Header,
        codec: Codec,
        payload: &[u8],
    ) -> Range<usize> {
        let Some(position) = self.place(window, arrived, header, payload.len()) else { return 0..0 };
        // Before the base lies what has already left; behind the end what an owner that is long overdue has no room for.
        let offset = position - window.base as i64;
        let (cut, start) = ((-offset).max(0) as usize, offset.max(0) as usize);
        let room = buffer.len().saturating_sub(start);
        let payload = payload.get(cut..).unwrap_or_default();
        let payload = &payload[..payload.len().min(room)];
        if payload.is_empty() {
            return 0..0;
        }
        self.hush_to(buffer, start);
        let place = start..start + payload.len();
        copy(codec, payload, self.codec, &mut buffer[place.clone()]);
        self.written = self.written.max(place.end);
        place
    }

    /// Silence where nothing was received, up to sample `end` of the buffer.
    pub(crate) fn hush_to(&mut self, buffer: &mut [u8], end: usize) {
        if self.written < end {
            buffer[self.written..end].fill(self.codec.silence());
            self.written = end;
        }
    }

    /// The first `len` samples of the buffer were taken away; all of them must have been written.
    pub(crate) fn advance(&mut self, len: usize) {
        self.written -= len;
    }

    /// What lies behind sample `end` of the buffer was said on a clock that is not followed any more.
    pub(crate) fn cut(&mut self, end: usize) {
        self.written = self.written.min(end);
    }

    /// By what the place of packets is found; another one when a clock is taken anew.
    pub(crate) fn anchor(&self) -> Option<Anchor> {
        self.anchor
    }

    /// All samples of the buffer were given up.
    pub(crate) fn forget(&mut self) {
        self.written = 0;
    }

    /// Where the packet belongs; `None` for a stray.
    fn place(&mut self, window: Window, arrived: u64, header: &Header, len: usize) -> Option<i64> {
        let by_timestamp = match &self.anchor {
            Some(anchor) if anchor.ssrc == header.ssrc => {
                let step = header.timestamp.wrapping_sub(anchor.timestamp) as i32;
                Some(anchor.position + i64::from(step))
            }
            Some(_) | None => None,
        };
        let position = match by_timestamp {
            Some(position) if window.has_room(position, len) => position,
            Some(_) if self.strays + 1 < STRAYS_MAX => {
                self.strays += 1;
                return None;
            }
            Some(_) | None => {
                let position = arrived as i64;
                self.anchor = Some(Anchor { ssrc: header.ssrc, timestamp: header.timestamp, position });
                position
            }
        };
        self.strays = 0;
        Some(position)
    }
}

impl Window {
    /// Whether audio at `position` lies in the buffer, at least its end, and not too far ahead.
    fn has_room(self, position: i64, len: usize) -> bool {
        let end = position + len as i64 - self.base as i64;
        (1..=(self.present + AHEAD_SAMPLES) as i64).contains(&end)
    }
}

/// Copies `bytes` into `out`, which has their length.
pub(crate) fn copy(from: Codec, bytes: &[u8], to: Codec, out: &mut [u8]) {
    if from == to {
        out.copy_from_slice(bytes);
    } else {
        let table = from.transcode_table(to);
        for (out, &byte) in out.iter_mut().zip(bytes) {
            *out = table[usize::from(byte)];
        }
    }
}
