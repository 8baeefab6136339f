//! Datagrams on their way out, and the memory they are written in.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::DATAGRAM_BYTES_MAX;
use crate::message::{WriteError, Writer};

/// Buffers kept for reuse. Between two drains one change makes at most a handful; a burst of timers makes
/// [`TIMERS_PER_TURN`](super::TIMERS_PER_TURN).
const SPARE_BUFFERS: usize = 1_024;

#[derive(Debug)]
pub(super) struct Queue {
    waiting: VecDeque<(SocketAddr, Vec<u8>)>,
    spare: Vec<Vec<u8>>,
    scratch: Box<[u8]>,
}

impl Queue {
    pub fn new() -> Self {
        Queue {
            waiting: VecDeque::new(),
            spare: Vec::new(),
            scratch: vec![0; DATAGRAM_BYTES_MAX].into_boxed_slice(),
        }
    }

    /// A message in a buffer of its own.
    pub fn compose(&mut self, write: impl FnOnce(&mut Writer<'_>)) -> Result<Vec<u8>, WriteError> {
        let mut writer = Writer::new(&mut self.scratch);
        write(&mut writer);
        let len = writer.finish()?;
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.extend_from_slice(&self.scratch[..len]);
        Ok(buffer)
    }

    /// Sends a copy.
    pub fn send(&mut self, to: SocketAddr, datagram: &[u8]) {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.extend_from_slice(datagram);
        self.waiting.push_back((to, buffer));
    }

    /// Sends a buffer that nobody needs afterwards.
    pub fn send_owned(&mut self, to: SocketAddr, datagram: Vec<u8>) {
        self.waiting.push_back((to, datagram));
    }

    /// Takes a buffer back.
    pub fn recycle(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() > 0 && self.spare.len() < SPARE_BUFFERS {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    pub fn pop(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.waiting.pop_front()
    }
}
