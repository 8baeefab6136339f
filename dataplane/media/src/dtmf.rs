//! Digits pressed at the far end, as telephone-events (RFC 4733).
//!
//! An event is known by its timestamp: all its packets carry the same one, whatever else is lost, and the marker bit is
//! not relied on. The digit is reported once, at its end; when all end packets are lost it is reported when the next
//! event begins, or after [`END_TIMEOUT`] without a packet.

use std::time::{Duration, Instant};

use crate::SAMPLE_RATE;

/// How long an event may be silent before it counts as ended. Senders repeat every 50 ms at most (RFC 4733 section
/// 2.5.1.2); four of them lost in a row is an end.
pub const END_TIMEOUT: Duration = Duration::from_millis(200);

/// A timestamp this far behind the last event (5 s) is a restarted clock rather than a packet that was held up.
const STALE: u32 = 5 * SAMPLE_RATE;

/// Digits that may wait to be polled; a fifth pushes nothing out and is counted.
const WAITING_MAX: usize = 4;

/// A key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digit {
    /// `0`–`9`, `*`, `#`, `A`–`D`.
    pub symbol: char,
    /// How long the key was held, in milliseconds, as the sender says.
    pub duration_ms: u32,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    code: u8,
    /// Timestamp of the event's start; of the current segment where a long event has several.
    timestamp: u32,
    /// Samples of the segments before this one.
    before: u32,
    /// Longest duration seen in this segment, in samples.
    duration: u16,
    heard: Instant,
    ended: bool,
}

/// Receiver of telephone-events of one call.
#[derive(Debug, Default)]
pub struct Receiver {
    last: Option<Event>,
    waiting: [Option<Digit>; WAITING_MAX],
    overflows: u32,
}

impl Receiver {
    /// A receiver that has heard nothing.
    pub fn new() -> Receiver {
        Receiver::default()
    }

    /// Takes in the payload of a telephone-event packet: one or more events of 4 bytes, of which the last is the
    /// current one (RFC 4733 section 2.5.1.5 lets a sender prepend older ones). Codes above 15 are ignored.
    pub fn on_payload(&mut self, now: Instant, timestamp: u32, payload: &[u8]) {
        let Some(&[code, flags, high, low]) = payload.last_chunk::<4>() else { return };
        if code > 15 {
            return;
        }
        let duration = u16::from_be_bytes([high, low]);
        let end = flags & 0x80 != 0;
        let started = match self.last {
            Some(last) if last.timestamp == timestamp => last.code == code,
            Some(last) if last.continued_by(code, timestamp) => {
                let before = last.before + timestamp.wrapping_sub(last.timestamp);
                self.last = Some(Event { timestamp, before, duration: 0, ..last });
                true
            }
            // Behind the current event: a packet of an event that is already reported.
            Some(last) if last.timestamp.wrapping_sub(timestamp) < STALE => return,
            Some(_) | None => false,
        };
        if !started {
            self.finish();
            self.last = Some(Event { code, timestamp, before: 0, duration: 0, heard: now, ended: false });
        }
        let event = self.last.as_mut().expect("the event was found or begun above");
        if event.ended {
            return;
        }
        event.duration = event.duration.max(duration);
        event.heard = now;
        if end {
            self.finish();
        }
    }

    /// Ends an event whose end packets never came.
    pub fn on_tick(&mut self, now: Instant) {
        if let Some(event) = &self.last
            && !event.ended
            && now.saturating_duration_since(event.heard) >= END_TIMEOUT
        {
            self.finish();
        }
    }

    /// Ends what is under way: the stream's timestamps start anew.
    pub fn on_new_stream(&mut self) {
        self.finish();
        self.last = None;
    }

    /// Whether time or [`Receiver::poll`] may bring a digit: one is under way or waits to be taken.
    pub fn is_busy(&self) -> bool {
        self.waiting[0].is_some() || self.last.is_some_and(|event| !event.ended)
    }

    /// The oldest digit not yet taken.
    pub fn poll(&mut self) -> Option<Digit> {
        let digit = self.waiting[0].take()?;
        self.waiting.rotate_left(1);
        Some(digit)
    }

    /// Digits that were lost because nobody polled.
    pub fn overflows(&self) -> u32 {
        self.overflows
    }

    fn finish(&mut self) {
        let Some(event) = self.last.as_mut().filter(|event| !event.ended) else { return };
        event.ended = true;
        let samples = event.before + u32::from(event.duration);
        let digit = Digit { symbol: symbol(event.code), duration_ms: samples / (SAMPLE_RATE / 1000) };
        match self.waiting.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some(digit),
            None => self.overflows = self.overflows.saturating_add(1),
        }
    }
}

impl Event {
    /// A key held beyond the 16-bit duration goes on in a new segment that starts where the last one stopped
    /// (RFC 4733 section 2.5.1.3).
    fn continued_by(&self, code: u8, timestamp: u32) -> bool {
        let step = timestamp.wrapping_sub(self.timestamp);
        !self.ended
            && self.code == code
            && self.duration > 0
            && (step == u32::from(self.duration) || step == u32::from(u16::MAX))
    }
}

fn symbol(code: u8) -> char {
    const SYMBOLS: &[u8; 16] = b"0123456789*#ABCD";
    char::from(SYMBOLS[usize::from(code & 0x0F)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(code: u8, end: bool, duration: u16) -> [u8; 4] {
        let [high, low] = duration.to_be_bytes();
        [code, if end { 0x8A } else { 0x0A }, high, low]
    }

    fn digits(receiver: &mut Receiver) -> String {
        std::iter::from_fn(|| receiver.poll()).map(|digit| digit.symbol).collect()
    }

    #[test]
    fn every_symbol_has_its_code() {
        let (mut receiver, now) = (Receiver::new(), Instant::now());
        let mut seen = String::new();
        for code in 0..=255u8 {
            receiver.on_payload(now, u32::from(code) * 1000, &event(code, true, 800));
            seen += &digits(&mut receiver);
        }
        assert_eq!(seen, "0123456789*#ABCD");
    }

    #[test]
    fn digits_that_nobody_polls_are_counted() {
        let (mut receiver, now) = (Receiver::new(), Instant::now());
        for n in 0..6 {
            receiver.on_payload(now, n * 1000, &event(n as u8, true, 800));
        }
        assert_eq!((digits(&mut receiver).as_str(), receiver.overflows()), ("0123", 2));
    }
}
