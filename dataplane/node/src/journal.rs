//! The events of a node in its journal on disk, or nowhere.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TrySendError};
use disk::{AppendError, Journal, JournalConfig, JournalError, JournalHandle};
use prost::Message as _;
use proto::v1::Event;

use crate::config::NodeConfig;
use crate::dispatch::Recovered;

/// How full the journal may be while new work is taken. The rest is for the ends of calls that are up.
const FILL_MAX: f64 = 0.9;
/// How often the watcher looks whether it is still wanted.
const WATCH_FOR: Duration = Duration::from_millis(500);

/// Where events are made durable.
#[derive(Debug)]
pub(crate) enum Store {
    /// In a journal.
    Disk(DiskStore),
    /// Nowhere: for a program that makes calls and ends with them.
    Nowhere {
        /// Number of the newest event.
        last: u64,
    },
}

/// A journal, and what it did not take yet.
#[derive(Debug)]
pub(crate) struct DiskStore {
    /// Taken when it is dropped, which stops it.
    journal: Option<Journal>,
    handle: JournalHandle,
    /// An event's number less its record's: not 0 only after a journal was lost or put back.
    offset: u64,
    /// Numbers and records that the disk refused, in order. Bounded by the calls that were up when it began to.
    refused: VecDeque<(u64, Vec<u8>)>,
    bell: Receiver<()>,
}

impl Store {
    /// Opens the node's journal and reads what it holds.
    pub(crate) fn open(config: &NodeConfig) -> Result<(Self, Recovered), JournalError> {
        let mut journal_config = JournalConfig::new(config.data.join("journal"));
        journal_config.max_bytes = config.journal_bytes_max;
        journal_config.segment_bytes = journal_config.segment_bytes.min(config.journal_bytes_max / 8);
        let journal = Journal::open(journal_config)?;
        let handle = journal.handle();
        if journal.recovered.cut_bytes > 0 {
            tracing::warn!(bytes = journal.recovered.cut_bytes, "cut an unfinished record off the journal");
        }
        let mut recovered = Recovered { last_seq: journal.recovered.next - 1, ..Recovered::default() };
        let mut offset = 0;
        for record in handle.replay(journal.recovered.first) {
            let (number, bytes) =
                record.map_err(|source| JournalError::Io { path: config.data.join("journal"), source })?;
            match Event::decode(bytes.as_slice()) {
                Ok(event) => {
                    offset = event.seq.saturating_sub(number);
                    recovered.last_seq = event.seq;
                    recovered.events.push_back(event);
                }
                Err(error) => {
                    recovered.has_gaps = true;
                    tracing::error!(number, %error, "a record of the journal is no event");
                }
            }
        }
        recovered.has_gaps |= offset != 0;
        let bell = watch(handle.clone());
        let store = DiskStore { journal: Some(journal), handle, offset, refused: VecDeque::new(), bell };
        Ok((Self::Disk(store), recovered))
    }

    /// Makes an event durable, sooner or later.
    pub(crate) fn append(&mut self, seq: u64, bytes: Vec<u8>) {
        match self {
            Self::Disk(store) => {
                store.refused.push_back((seq, bytes));
                store.retry();
            }
            Self::Nowhere { last } => *last = seq,
        }
    }

    /// Tries again what was refused.
    pub(crate) fn retry(&mut self) {
        if let Self::Disk(store) = self {
            store.retry();
        }
    }

    /// Everything up to this number may go.
    pub(crate) fn truncate(&self, seq: u64) {
        if let Self::Disk(store) = self {
            store.handle.acknowledge(seq.saturating_sub(store.offset));
        }
    }

    /// Everything up to this number is durable.
    pub(crate) fn durable(&self) -> u64 {
        match self {
            Self::Disk(store) => match store.handle.durable() {
                0 => 0,
                number => number + store.offset,
            },
            Self::Nowhere { last } => *last,
        }
    }

    /// Whether new work may be taken, and how full it is.
    pub(crate) fn usage(&self) -> (bool, f64) {
        match self {
            Self::Disk(store) => {
                let usage = store.handle.usage();
                let fill = usage.bytes as f64 / usage.max_bytes as f64;
                (store.refused.is_empty() && fill < FILL_MAX && store.handle.stalled().is_none(), fill)
            }
            Self::Nowhere { .. } => (true, 0.0),
        }
    }

    /// Rings when [`durable`](Self::durable) has moved.
    pub(crate) fn bell(&self) -> Receiver<()> {
        match self {
            Self::Disk(store) => store.bell.clone(),
            Self::Nowhere { .. } => crossbeam_channel::never(),
        }
    }

    /// The handle, for metrics.
    pub(crate) fn handle(&self) -> Option<JournalHandle> {
        match self {
            Self::Disk(store) => Some(store.handle.clone()),
            Self::Nowhere { .. } => None,
        }
    }
}

impl Drop for DiskStore {
    /// Makes durable what is there, and ends.
    fn drop(&mut self) {
        if !self.refused.is_empty() {
            tracing::error!(events = self.refused.len(), "the journal did not take the last events");
        }
        self.journal.take().expect("only drop takes it").stop();
    }
}

impl DiskStore {
    fn retry(&mut self) {
        while let Some((seq, bytes)) = self.refused.front() {
            match self.handle.append(bytes) {
                Ok(number) => {
                    self.offset = seq.saturating_sub(number);
                    self.refused.pop_front();
                }
                Err(AppendError::Full | AppendError::Stalled(_) | AppendError::Closed) => return,
                Err(error @ AppendError::TooLong(_)) => {
                    // Refusals and reports are bounded; an event this long cannot be made.
                    tracing::error!(%error, "an event was lost");
                    self.refused.pop_front();
                }
            }
        }
    }
}

/// A thread that waits for the durable mark, which the dispatcher, waiting for many things, cannot.
fn watch(handle: JournalHandle) -> Receiver<()> {
    let (ring, bell) = crossbeam_channel::bounded(1);
    let body = move || {
        let mut known = handle.durable();
        loop {
            let asked = Instant::now();
            if handle.wait_durable(known + 1, WATCH_FOR) {
                known = handle.durable();
            } else if asked.elapsed() < WATCH_FOR {
                // The journal is closed.
                return;
            }
            // A bell that rings already is as good; nobody to hear it is the end.
            if let Err(TrySendError::Disconnected(())) = ring.try_send(()) {
                return;
            }
        }
    };
    // Without it the mark is still seen, at the dispatcher's own pace.
    if let Err(error) = thread::Builder::new().name("peal-durable".to_owned()).spawn(body) {
        tracing::error!(%error, "cannot start the journal's watcher");
    }
    bell
}
