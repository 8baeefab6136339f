//! What the carrier tells and notes of its calls while they are up: RTCP, and the measuring window.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Engine;
use crate::call::State;
use crate::carrier::Gauges;
use crate::measure::{Counts, Step};
use crate::net;

impl Engine {
    /// Reports of a call begin with its answer.
    pub(super) fn begin_reports(&mut self, slot: u32, now: Instant) {
        if let Some(control) = self.call(slot).control() {
            control.begin(now);
        }
    }

    /// Sends the report of a call if it is due.
    pub(super) fn report(&mut self, slot: u32, now: Instant) {
        let call = self.calls[slot as usize].as_mut().expect("the slot was looked up in this turn");
        let is_up = matches!(call.state, State::Answered { .. });
        let Some(media) = &mut call.media else { return };
        let Some(control) = media.control.as_deref_mut().filter(|c| c.next_at.is_some_and(|at| at <= now))
        else {
            return;
        };
        if !is_up {
            control.next_at = None;
            return;
        }
        let had_answered = control.has_answered;
        let report = control.report(now, net::unix_us(), &media.sender, &media.reception);
        self.places.send_one(media.place, !control.is_muxed, &report, control.to);
        Gauges::add(&self.gauges.reported, u64::from(control.has_answered && !had_answered));
    }

    /// Lets the measuring window begin and end.
    pub(super) fn step_window(&mut self, now: Instant) -> io::Result<()> {
        let Some(window) = &self.window else { return Ok(()) };
        // Most turns it does not matter how many calls are up, and counting them is not free.
        if window.waits() && now < self.window_looked + super::FLUSH_EVERY {
            return Ok(());
        }
        self.window_looked = now;
        let up = if window.waits() { self.up().count() as u32 } else { 0 };
        let Some(window) = &mut self.window else { return Ok(()) };
        match window.step(now, up) {
            Step::Nothing => Ok(()),
            Step::Begin => {
                let mut calls = 0;
                let up = self
                    .calls
                    .iter_mut()
                    .flatten()
                    .filter(|call| call.state == State::Answered { acked: true });
                for media in up.filter_map(|call| call.media.as_mut()) {
                    media.watched = Some(calls);
                    calls += 1;
                }
                let counts = self.counts();
                self.window.as_mut().map_or(Ok(()), |window| window.begin(calls, counts))
            }
            Step::End => {
                let still_up = self.up().filter(|media| media.watched.is_some()).count() as u32;
                let counts = self.counts();
                self.window.as_mut().map_or(Ok(()), |window| window.end(now, still_up, counts))
            }
        }
    }

    /// Audio of the calls that are answered and confirmed.
    fn up(&self) -> impl Iterator<Item = &super::media::Media> {
        let calls = self.calls.iter().flatten().filter(|call| call.state == State::Answered { acked: true });
        calls.filter_map(|call| call.media.as_ref())
    }

    fn counts(&self) -> Counts {
        Counts {
            sent: self.gauges.packets_sent.load(Ordering::Relaxed),
            drops: self.places.drops(),
            stray: self.gauges.stray_packets.load(Ordering::Relaxed),
            cpu: net::thread_cpu(),
        }
    }
}
