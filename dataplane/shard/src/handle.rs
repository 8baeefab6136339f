//! Starting a shard, and holding it from outside.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

use crossbeam_channel::Receiver;
use socket2::Socket;

use crate::config::{ShardConfig, Sizes, SocketRole};
use crate::counters::{ShardCounters, Tally};
use crate::error::{RingRefused, StartError};
use crate::machine::Machine;
use crate::mail::{MailSender, Mailbox, Stop};
use crate::ring::{self, Ring};
use crate::socket::{self, Bound};
use crate::thread as os_thread;
use crate::turn::Engine;

/// The entry point: see [`Shard::start`].
#[derive(Debug)]
pub struct Shard;

impl Shard {
    /// Binds the sockets, starts the thread with its ring, builds the machine on it and begins to take turns.
    ///
    /// Returns once the shard runs, or with the reason why it does not; nothing is left behind then. The machine is
    /// built on the shard's own thread and never leaves it, so it need not be `Send`.
    pub fn start<M, F>(config: ShardConfig, build: F) -> Result<ShardHandle<M::Mail, M::Event>, StartError>
    where
        M: Machine,
        F: FnOnce(&Bound) -> M + Send + 'static,
    {
        config.check()?;
        let (sockets, bound) = socket::open_all(&config)?;
        let bell = open_bell().map_err(|error| RingRefused::explain("the mailbox's bell", error, Some(0)))?;
        let mailbox = Mailbox::new(config.sizes.mail, bell);
        let (event_sender, events) = crossbeam_channel::bounded(config.sizes.events);
        let counters = Arc::new(ShardCounters::default());
        let (report, reported) = mpsc::sync_channel(1);

        let body = {
            let (mailbox, counters, bound) = (mailbox.clone(), counters.clone(), bound.clone());
            move || {
                let ring = match prepare(&config, &sockets, mailbox.bell_fd()) {
                    Ok(ring) => ring,
                    Err(error) => return tell(&report, Err(error)),
                };
                let machine = build(&bound);
                let engine = Engine::new(machine, ring, mailbox, event_sender, config.turn.clone(), counters);
                tell(&report, Ok(os_thread::id()));
                engine.run();
                // Here and not earlier: the ring has ended every operation on them.
                drop(sockets);
            }
        };
        let thread = thread::Builder::new()
            .name(format!("shard-{}", bound.shard))
            .spawn(body)
            .map_err(StartError::Thread)?;
        let thread_id = reported.recv().unwrap_or(Err(StartError::Panicked))?;
        let mail = mailbox.sender();
        Ok(ShardHandle { mailbox, mail, events, counters, bound, thread: Some(thread), thread_id })
    }
}

impl Shard {
    /// Opens a ring as a shard of these sizes would and closes it again, to learn before anything else is opened whether
    /// the kernel lets this process have one.
    pub fn try_ring(sizes: &Sizes) -> Result<(), RingRefused> {
        let bell = open_bell().map_err(|error| RingRefused::explain("the bell", error, None))?;
        Ring::open(sizes, &[], &[], bell.as_raw_fd()).map(drop)
    }

    /// Memory of a shard of so many sockets that counts against the limit of locked memory (`ulimit -l`), bytes.
    ///
    /// Linux 6.14 and newer count the queues of a ring and its tables of buffers there, for all processes of a user
    /// together, unless the process has CAP_IPC_LOCK. Older ones from 5.12 on count nothing of what a shard registers.
    pub fn locked_bytes(sizes: &Sizes, sockets: usize) -> u64 {
        ring::locked_bytes(sizes, sockets)
    }
}

/// A running shard. Dropping the handle stops the shard at once and waits for its end.
#[derive(Debug)]
pub struct ShardHandle<Mail, Event> {
    mailbox: Arc<Mailbox<Mail>>,
    mail: MailSender<Mail>,
    events: Receiver<Event>,
    counters: Arc<ShardCounters>,
    bound: Bound,
    thread: Option<JoinHandle<()>>,
    thread_id: i32,
}

/// The shard's thread panicked; its calls are lost. The log has the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the shard's thread panicked")]
pub struct ShardPanicked;

impl<Mail, Event> ShardHandle<Mail, Event> {
    /// Where mail for the machine goes.
    pub fn mail(&self) -> &MailSender<Mail> {
        &self.mail
    }

    /// Where the machine's events come out. While nobody takes them and the queue is full, the shard reads no mail.
    pub fn events(&self) -> &Receiver<Event> {
        &self.events
    }

    /// What the shard counts.
    pub fn counters(&self) -> &Arc<ShardCounters> {
        &self.counters
    }

    /// The sockets as they were bound.
    pub fn bound(&self) -> &Bound {
        &self.bound
    }

    /// CPU time of the shard's thread, user and system; `None` once it has ended.
    pub fn cpu_time(&self) -> Option<Duration> {
        os_thread::cpu_time(self.thread_id)
    }

    /// The kernel's id of the shard's thread, as in `/proc/self/task`.
    pub fn thread_id(&self) -> i32 {
        self.thread_id
    }

    /// False once the shard has ended, by request or by a panic.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Asks the shard to stop; does not wait. To let calls end, first mail the machine to take no new ones.
    pub fn stop(&self, stop: Stop) {
        self.mailbox.request_stop(stop);
    }

    /// Waits for the shard's end, after a [`stop`](Self::stop), and returns its last counts.
    ///
    /// A shard that is to end when idle needs its events taken meanwhile.
    pub fn join(mut self) -> Result<Tally, ShardPanicked> {
        let thread = self.thread.take().expect("only join and drop take it");
        thread.join().map_err(|_| ShardPanicked)?;
        Ok(self.counters.read())
    }
}

impl<Mail, Event> Drop for ShardHandle<Mail, Event> {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.mailbox.request_stop(Stop::Now);
            // A panic of the shard was reported by the panic hook; there is nobody to tell here.
            let _ = thread.join();
        }
    }
}

fn prepare(config: &ShardConfig, sockets: &[Socket], bell: i32) -> Result<Ring, StartError> {
    if let Some(core) = config.core {
        os_thread::pin_to(core).map_err(|source| StartError::Pin { core, source })?;
    }
    os_thread::sleep_exactly();
    let roles: Vec<SocketRole> = config.sockets.iter().map(|spec| spec.role).collect();
    let files: Vec<i32> = sockets.iter().map(|socket| socket.as_raw_fd()).collect();
    Ok(Ring::open(&config.sizes, &roles, &files, bell)?)
}

fn tell(report: &mpsc::SyncSender<Result<i32, StartError>>, outcome: Result<i32, StartError>) {
    // The starter waits for exactly this; it cannot be gone.
    let _ = report.send(outcome);
}

/// An eventfd: non-blocking, so that ringing never waits.
fn open_bell() -> io::Result<File> {
    // SAFETY: takes no pointer; a non-negative result is a descriptor that nobody else owns.
    unsafe {
        let fd = libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK);
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(fd).into()) }
    }
}
