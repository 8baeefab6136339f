//! Audio without calls: the far end of a bare exchange, which to the kernel looks as the carrier does.
//!
//! The same sockets, addresses, packets and batches as the carrier's, and no signalling: what a measurement of the bare exchange
//! needs at its other side. Runs on the thread that calls [`Streams::run`].

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use crate::audio::{Law, Tracks};
use crate::config::{MediaMode, RtcpMode};
use crate::engine::places::{Ear, Outgoings, Places};
use crate::net::{self, BATCH, Inbox};
use crate::rtp::{Reception, Sender};

/// Milliseconds of a frame: streams are spread over them.
const PHASES: u64 = 20;
/// How often sockets are read.
const HEAR_EVERY: u64 = 4;

/// A set of streams.
pub struct Streams {
    places: Places,
    place_of: Vec<u32>,
    frames: u32,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamsReport {
    /// Packets sent.
    pub sent: u64,
    /// Packets received.
    pub received: u64,
    /// Sequence numbers that never came.
    pub lost: u64,
    /// Streams of which nothing came.
    pub silent: u64,
    /// Datagrams to the address of no stream.
    pub stray: u64,
    /// Datagrams that the kernel dropped because we did not read in time.
    pub dropped: u64,
}

impl Streams {
    /// Opens the addresses of that many streams, of packets of `frames` times 20 ms, 1 to 3.
    pub fn open(streams: u32, frames: u32, media: MediaMode) -> io::Result<Self> {
        let mut places = Places::open(media, RtcpMode::Off, Ipv4Addr::LOCALHOST)?;
        let place_of = (0..streams)
            .map(|stream| places.take(stream).ok_or(io::Error::other("more streams than addresses")))
            .collect::<io::Result<_>>()?;
        Ok(Self { places, place_of, frames: frames.clamp(1, 3) })
    }

    /// The far address of each stream.
    pub fn addresses(&self) -> Vec<SocketAddrV4> {
        self.place_of.iter().map(|place| self.places.address(*place)).collect()
    }

    /// Streams to these addresses, one for each stream, from `core` for as long as `goes_on`.
    pub fn run(
        mut self,
        to: &[SocketAddrV4],
        core: usize,
        mut goes_on: impl FnMut(&StreamsReport) -> bool,
    ) -> io::Result<StreamsReport> {
        net::pin_to(core)?;
        let track = &Tracks::shared().person;
        let mut ends: Vec<(Sender, Reception)> = (0..self.place_of.len() as u64)
            .map(|n| Sender::new(Law::A, None, track, n << 32).in_packets_of(self.frames))
            .map(|sender| (sender, Reception::default()))
            .collect();
        let mut outgoings = Outgoings::new(self.places.sockets());
        let (mut inbox, mut ready) = (Inbox::new(512), Vec::new());
        let mut report = StreamsReport::default();
        let phases = PHASES * u64::from(self.frames);
        let begun = Instant::now();
        let mut played_ms = 0;
        while goes_on(&report) {
            let now_ms = begun.elapsed().as_millis() as u64;
            if now_ms == played_ms {
                std::thread::sleep(
                    (begun + Duration::from_millis(now_ms + 1)).duration_since(Instant::now()),
                );
                continue;
            }
            for ms in played_ms..now_ms {
                if ms % HEAR_EVERY == 0 {
                    self.hear(&mut inbox, &mut ready, &mut ends, &mut report)?;
                }
                for stream in ((ms % phases) as usize..ends.len()).step_by(phases as usize) {
                    if let Some(packet) = ends[stream].0.next() {
                        outgoings.push(&self.places, self.place_of[stream], packet, to[stream]);
                    }
                }
                let (sent, refused) = outgoings.flush(&self.places);
                report.sent += sent - refused;
            }
            played_ms = now_ms;
        }
        self.hear(&mut inbox, &mut ready, &mut ends, &mut report)?;
        for (sender, reception) in &ends {
            let record = reception.record(sender.sent);
            report.lost += u64::from(record.lost);
            report.silent += u64::from(record.received == 0);
        }
        report.dropped = self.places.drops();
        Ok(report)
    }

    fn hear(
        &mut self,
        inbox: &mut Inbox,
        ready: &mut Vec<u64>,
        ends: &mut [(Sender, Reception)],
        report: &mut StreamsReport,
    ) -> io::Result<()> {
        self.places.poll.wait(Duration::ZERO, ready)?;
        for name in ready.drain(..) {
            let ear: Ear = self.places.ear(name);
            loop {
                let count = inbox.receive(self.places.socket(ear).fd())?;
                for n in 0..count {
                    let datagram = inbox.datagram(n);
                    match self.places.call_for(ear, &datagram) {
                        Some(stream) => {
                            let reception = &mut ends[stream as usize].1;
                            reception.on_packet(datagram.bytes, datagram.at_us, None);
                            report.received += 1;
                        }
                        None => report.stray += 1,
                    }
                }
                if count < BATCH {
                    break;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn two_sets_of_streams_hear_each_other() {
        let sets =
            [MediaMode::Addresses, MediaMode::Ports(3)].map(|media| Streams::open(3, 1, media).unwrap());
        let to = [sets[1].addresses(), sets[0].addresses()];
        // Both go on until both have heard enough.
        let content = Arc::new(AtomicU32::new(0));
        let threads: Vec<_> = sets
            .into_iter()
            .zip(to)
            .map(|(set, to)| {
                let content = Arc::clone(&content);
                let mut is_content = false;
                let goes_on = move |report: &StreamsReport| {
                    if report.received >= 30 && !is_content {
                        is_content = true;
                        content.fetch_add(1, Ordering::Relaxed);
                    }
                    content.load(Ordering::Relaxed) < 2
                };
                std::thread::spawn(move || set.run(&to, 0, goes_on).unwrap())
            })
            .collect();
        for report in threads.into_iter().map(|thread| thread.join().unwrap()) {
            assert!(report.sent >= 30 && report.received >= 30, "{report:?}");
            assert_eq!((report.lost, report.silent, report.stray, report.dropped), (0, 0, 0, 0));
        }
    }
}
