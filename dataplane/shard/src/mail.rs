//! Mail from the node to a shard: a bounded queue, and a wake-up through the ring.
//!
//! Any number of threads may send; the shard alone reads. A sender wakes the shard only when it sleeps without a near
//! deadline, so that under load mail costs no system call.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering, fence};

use crossbeam_queue::ArrayQueue;

/// Why a mail was not taken, with the mail.
#[derive(Debug, PartialEq, Eq)]
pub enum MailRefused<T> {
    /// The queue is full: the shard is behind. Shed or place elsewhere.
    Full(T),
    /// The shard has stopped.
    Stopped(T),
}

impl<T> MailRefused<T> {
    /// The mail itself.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(mail) | Self::Stopped(mail) => mail,
        }
    }
}

/// When a shard that was told to stop does so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Once the machine says that it is idle, its events are taken and the mail is read.
    WhenIdle,
    /// At the end of this turn, whatever the machine is doing.
    Now,
}

/// The sending end of a shard's mail. Cheap to clone.
#[derive(Debug)]
pub struct MailSender<T> {
    mailbox: Arc<Mailbox<T>>,
}

impl<T> Clone for MailSender<T> {
    fn clone(&self) -> Self {
        Self { mailbox: self.mailbox.clone() }
    }
}

impl<T> MailSender<T> {
    /// Puts `mail` into the shard's queue; never waits.
    ///
    /// A mail taken while the shard is stopping may stay unread; it is then counted as abandoned.
    pub fn try_send(&self, mail: T) -> Result<(), MailRefused<T>> {
        if self.mailbox.closed.load(Ordering::Acquire) {
            return Err(MailRefused::Stopped(mail));
        }
        match self.mailbox.queue.push(mail) {
            Ok(()) => {
                self.mailbox.wake_if_asleep();
                Ok(())
            }
            Err(mail) => {
                self.mailbox.full.fetch_add(1, Ordering::Relaxed);
                Err(MailRefused::Full(mail))
            }
        }
    }

    /// Mails refused so far because the queue was full.
    pub fn refused_full(&self) -> u64 {
        self.mailbox.full.load(Ordering::Relaxed)
    }

    /// Mails waiting to be read.
    pub fn waiting(&self) -> usize {
        self.mailbox.queue.len()
    }
}

/// The shared middle: queue, wake-up and stop request.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    queue: ArrayQueue<T>,
    full: AtomicU64,
    /// True while the shard sleeps, or is about to, and a writer must ring the bell.
    asleep: AtomicBool,
    stop: AtomicU8,
    closed: AtomicBool,
    /// An eventfd; the shard polls it through its ring.
    bell: File,
}

impl<T> Mailbox<T> {
    pub(crate) fn new(capacity: usize, bell: File) -> Arc<Self> {
        Arc::new(Self {
            queue: ArrayQueue::new(capacity),
            full: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            stop: AtomicU8::new(0),
            closed: AtomicBool::new(false),
            bell,
        })
    }

    pub(crate) fn sender(self: &Arc<Self>) -> MailSender<T> {
        MailSender { mailbox: self.clone() }
    }

    pub(crate) fn bell_fd(&self) -> RawFd {
        self.bell.as_raw_fd()
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.queue.pop()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Asks the shard to stop. `Now` overrides `WhenIdle`, never the other way.
    pub(crate) fn request_stop(&self, stop: Stop) {
        let level = match stop {
            Stop::WhenIdle => 1,
            Stop::Now => 2,
        };
        self.stop.fetch_max(level, Ordering::Release);
        self.wake_if_asleep();
    }

    pub(crate) fn stop_requested(&self) -> Option<Stop> {
        match self.stop.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Stop::WhenIdle),
            _ => Some(Stop::Now),
        }
    }

    /// Refuses further mail. Called by the shard as it ends.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Says that the shard is about to sleep, and whether it may: the caller has seen `stop` as the latest request.
    ///
    /// The fence here and the one in [`wake_if_asleep`](Self::wake_if_asleep) order "flag, then queue" against "queue,
    /// then flag": one of the two sides always sees the other.
    pub(crate) fn fall_asleep(&self, stop: Option<Stop>) -> bool {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let quiet = self.queue.is_empty() && self.stop_requested() == stop;
        if !quiet {
            self.wake_up();
        }
        quiet
    }

    pub(crate) fn wake_up(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    fn wake_if_asleep(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed) {
            // The counter of an eventfd takes 2^64 - 2 rings before a write would wait, and cannot fail otherwise.
            let _ = (&self.bell).write(&1_u64.to_ne_bytes());
        }
    }
}
