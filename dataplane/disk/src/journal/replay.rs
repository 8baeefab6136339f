//! Reading records back, a segment at a time.

use std::collections::VecDeque;
use std::io;

use super::segment::{Records, Segment};

/// Durable records, oldest first, as numbers and contents.
#[derive(Debug)]
pub struct Replay {
    segments: VecDeque<Segment>,
    from: u64,
    to: u64,
    ready: std::vec::IntoIter<(u64, Vec<u8>)>,
}

impl Replay {
    pub(super) fn new(segments: VecDeque<Segment>, from: u64, to: u64) -> Replay {
        let mut replay = Replay { segments, from, to, ready: Vec::new().into_iter() };
        while replay.segments.get(1).is_some_and(|after| after.first <= from) {
            replay.segments.pop_front();
        }
        replay
    }

    fn load(&mut self, segment: &Segment) -> io::Result<()> {
        let bytes = match std::fs::read(&segment.path) {
            Ok(bytes) => bytes,
            // Acknowledged and removed since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let damaged =
            || io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged", segment.path.display()));
        let mut records = Records::of(&bytes, segment.first).ok_or_else(damaged)?;
        let last = self.segments.front().map_or(self.to, |after| self.to.min(after.first - 1));
        let ready: Vec<_> = records
            .by_ref()
            .take_while(|(number, _)| *number <= last)
            .filter(|(number, _)| *number >= self.from)
            .map(|(number, place)| (number, bytes[place].to_vec()))
            .collect();
        if records.next_number() <= last {
            return Err(damaged());
        }
        self.ready = ready.into_iter();
        Ok(())
    }
}

impl Iterator for Replay {
    type Item = io::Result<(u64, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.ready.next() {
                return Some(Ok(record));
            }
            let segment = self.segments.pop_front()?;
            if segment.first > self.to {
                return None;
            }
            if let Err(error) = self.load(&segment) {
                self.segments.clear();
                return Some(Err(error));
            }
        }
    }
}
