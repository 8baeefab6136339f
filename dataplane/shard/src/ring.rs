//! The shard's io_uring: the only place that speaks to it.
//!
//! Owns the instance, the receive buffers and the memory of datagrams on their way out; knows which operations are in
//! flight, and ends them all before that memory goes. It never decides what to send and never looks into a datagram.

mod buffers;
mod memory;
mod outbox;
mod source;
mod user_data;

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::time::Duration;

use io_uring::types::{CancelBuilder, Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, Probe, cqueue, opcode, squeue};

use self::buffers::BufferRing;
pub(crate) use self::buffers::{Arrival, Filled};
use self::outbox::Outbox;
pub use self::outbox::SLOT_BYTES;
pub(crate) use self::source::address;
use self::user_data::{Kind, UserData};
use crate::config::{BufferSizes, Sizes, SocketRole};
use crate::counters::Tally;
use crate::error::RingRefused;

/// Longest wait for the kernel to end what was cancelled. Cancelling takes microseconds; a second means a broken kernel.
const CANCEL_WAIT: Timespec = Timespec::new().sec(1);

/// For [`locked_bytes`]: the smallest page there is, the kernel's `struct io_rings` without its entries (rounded up to
/// cache lines), an entry of a table of buffers.
const PAGE_BYTES: u64 = 4_096;
const RING_HEADER_BYTES: u64 = 128;
const BUFFER_ENTRY_BYTES: u64 = size_of::<io_uring::types::BufRingEntry>() as u64;

/// What a completion means.
pub(crate) enum Completion {
    /// A datagram has arrived.
    Datagram(Arrival),
    /// The receive of a socket has ended and must be armed again. `errno` is 0 if it ended without an error.
    ReceiveEnded { socket: u16, errno: i32 },
    /// A send was refused.
    SendRefused { errno: i32 },
    /// The mailbox's bell rang.
    Bell,
}

pub(crate) struct Ring {
    /// Dropped first: nothing of the below may go before the instance.
    uring: IoUring,
    outbox: Outbox,
    /// One group for each [`SocketRole`], in its order.
    groups: [BufferRing; SocketRole::ALL.len()],
    receives: Vec<Receive>,
    bell: Armed,
    /// A completion that carried two meanings: the second one.
    pending: Option<Completion>,
}

/// The multishot receive of one socket.
struct Receive {
    role: SocketRole,
    arm: Armed,
}

/// Whether an operation is in flight, and which arming of it.
#[derive(Clone, Copy, Default)]
struct Armed {
    in_flight: bool,
    generation: u32,
}

impl Ring {
    /// Sets up the ring for sockets of `roles`, whose descriptors are `files`, and the mailbox's bell. To be called on
    /// the thread that will use it.
    pub(crate) fn open(
        sizes: &Sizes,
        roles: &[SocketRole],
        files: &[RawFd],
        bell: RawFd,
    ) -> Result<Self, RingRefused> {
        let uring = build(sizes, files.len()).map_err(refused("an io_uring instance"))?;
        require_operations(&uring)?;
        let all_files: Vec<RawFd> = files.iter().copied().chain([bell]).collect();
        uring.submitter().register_files(&all_files).map_err(refused("the table of sockets"))?;
        let group = |role: SocketRole| {
            let BufferSizes { count, bytes } = sizes.buffers(role);
            BufferRing::register(&uring, role as u16, count, bytes).map_err(refused("the receive buffers"))
        };
        let [signalling, media, rtcp] = SocketRole::ALL.map(group);
        let groups = [signalling?, media?, rtcp?];
        let outbox =
            Outbox::new(sizes.submissions as usize).map_err(refused("the memory of outgoing packets"))?;
        let receives = roles.iter().map(|role| Receive { role: *role, arm: Armed::default() }).collect();
        Ok(Self { uring, outbox, groups, receives, bell: Armed::default(), pending: None })
    }

    /// Sockets that this ring serves.
    pub(crate) fn sockets(&self) -> usize {
        self.receives.len()
    }

    /// Arms the receive of `socket`, if it is not in flight.
    pub(crate) fn arm_receive(&mut self, socket: u16, tally: &mut Tally) {
        let receive = &mut self.receives[usize::from(socket)];
        if receive.arm.in_flight {
            return;
        }
        receive.arm = Armed { in_flight: true, generation: receive.arm.generation.wrapping_add(1) };
        let data = UserData::new(Kind::Receive, receive.arm.generation, socket.into());
        let entry = self.group(socket).receive(socket.into()).user_data(data.pack());
        tally.receive_armed += 1;
        self.push_surely(&entry, tally);
    }

    /// Arms the poll on the bell, if it is not in flight. The bell is never read: each ring of it posts a completion,
    /// since a multishot poll reports every wake-up of an eventfd.
    pub(crate) fn arm_bell(&mut self, tally: &mut Tally) {
        if self.bell.in_flight {
            return;
        }
        self.bell = Armed { in_flight: true, generation: self.bell.generation.wrapping_add(1) };
        let file = Fixed(self.receives.len() as u32);
        let entry = opcode::PollAdd::new(file, libc::POLLIN as u32)
            .multi(true)
            .build()
            .user_data(UserData::new(Kind::Bell, self.bell.generation, 0).pack());
        self.push_surely(&entry, tally);
    }

    /// Lends a slot of [`SLOT_BYTES`] for the next datagram; `None` while memory or submission queue are full, in
    /// which case [`submit`](Self::submit) makes room.
    pub(crate) fn lend(&mut self) -> Option<&mut [u8]> {
        if !self.outbox.has_room() || self.uring.submission().is_full() {
            return None;
        }
        Some(self.outbox.lend())
    }

    /// Queues the first `len` bytes of the slot just lent.
    pub(crate) fn send(&mut self, socket: u16, to: SocketAddr, len: usize) {
        let data = UserData::new(Kind::Send, 0, socket.into());
        let entry = self.outbox.post(socket.into(), to, len).user_data(data.pack());
        let pushed = self.push(&entry);
        assert!(pushed, "lend has seen room for one entry, and nothing was pushed since");
    }

    /// Hands everything queued to the kernel without waiting, and runs what the kernel has deferred. True if the
    /// kernel took all.
    pub(crate) fn submit(&mut self, tally: &mut Tally) -> bool {
        let outcome = self.uring.submitter().submit_and_wait(0);
        self.after_enter(outcome, tally)
    }

    /// Hands everything queued to the kernel and waits for `want` completions or until `timeout` is over.
    pub(crate) fn submit_and_wait(
        &mut self,
        want: usize,
        timeout: Option<Duration>,
        tally: &mut Tally,
    ) -> bool {
        let outcome = match timeout {
            None => self.uring.submitter().submit_and_wait(want),
            Some(timeout) => {
                let timeout = Timespec::from(timeout);
                self.uring.submitter().submit_with_args(want, &SubmitArgs::new().timespec(&timeout))
            }
        };
        self.after_enter(outcome, tally)
    }

    /// Hands everything queued to the kernel, and only then takes in what has arrived. No system call when there is
    /// neither.
    pub(crate) fn submit_and_collect(&mut self, tally: &mut Tally) {
        let submission = self.uring.submission();
        if !submission.is_empty() || submission.taskrun() {
            drop(submission);
            self.submit(tally);
        }
    }

    /// True if something has arrived, whether or not the kernel has made completions of it yet.
    pub(crate) fn has_arrivals(&mut self) -> bool {
        self.has_completion() || self.uring.submission().taskrun()
    }

    fn has_completion(&mut self) -> bool {
        self.pending.is_some() || !self.uring.completion().is_empty()
    }

    /// Reads the next completion.
    pub(crate) fn next_completion(&mut self) -> Option<Completion> {
        if let Some(pending) = self.pending.take() {
            return Some(pending);
        }
        loop {
            let entry = self.uring.completion().next()?;
            if let Some(completion) = self.interpret(&entry) {
                return Some(completion);
            }
        }
    }

    /// The buffer of a datagram.
    pub(crate) fn filled(&mut self, arrival: Arrival) -> Option<Filled<'_>> {
        self.group_mut(arrival.socket()).filled(arrival)
    }

    /// Where a datagram came from.
    pub(crate) fn source(&self, arrival: &Arrival) -> Option<SocketAddr> {
        address(self.group(arrival.socket()).message(arrival)?.name_data())
    }

    /// A receive of `socket` has ended because the kernel had no buffer for it.
    pub(crate) fn run_short(&mut self, socket: u16) {
        self.group_mut(socket).run_short();
    }

    /// Gives the kernel more buffers of each group that has run short since the last call, if there are any.
    pub(crate) fn end_shortages(&mut self) {
        self.groups.iter_mut().for_each(BufferRing::end_shortage);
    }

    fn group(&self, socket: u16) -> &BufferRing {
        &self.groups[self.receives[usize::from(socket)].role as usize]
    }

    fn group_mut(&mut self, socket: u16) -> &mut BufferRing {
        &mut self.groups[self.receives[usize::from(socket)].role as usize]
    }

    /// Returns all buffers read since the last call to the kernel.
    pub(crate) fn publish_buffers(&mut self) {
        self.groups.iter_mut().for_each(BufferRing::publish);
    }

    fn interpret(&mut self, entry: &cqueue::Entry) -> Option<Completion> {
        let data = UserData::unpack(entry.user_data())?;
        let (result, flags) = (entry.result(), entry.flags());
        let ended = !cqueue::more(flags);
        match data.kind {
            Kind::Receive => {
                let socket = data.slot as u16;
                let arm = &mut self.receives[usize::from(socket)].arm;
                let over = ended && data.is_of(arm.generation);
                if over {
                    arm.in_flight = false;
                }
                let over = over.then_some(Completion::ReceiveEnded { socket, errno: (-result).max(0) });
                match cqueue::buffer_select(flags) {
                    Some(buffer) => {
                        self.pending = over;
                        let bytes = result.max(0) as usize;
                        // SAFETY: `entry` was just taken out of the completion queue, and is interpreted once.
                        Some(Completion::Datagram(unsafe { Arrival::of_completion(socket, buffer, bytes) }))
                    }
                    None => over,
                }
            }
            Kind::Send => Some(Completion::SendRefused { errno: -result }),
            Kind::Bell => {
                if ended && data.is_of(self.bell.generation) {
                    self.bell.in_flight = false;
                }
                Some(Completion::Bell)
            }
            Kind::Cancel => None,
        }
    }

    /// Pushes an entry that must not be lost, making room if need be.
    fn push_surely(&mut self, entry: &squeue::Entry, tally: &mut Tally) {
        while !self.push(entry) {
            tally.submission_full += 1;
            self.submit(tally);
        }
    }

    fn push(&mut self, entry: &squeue::Entry) -> bool {
        // SAFETY: what the entry points to stays until the operation has ended: a send's memory until `after_enter` sees
        // the queue empty (see `outbox`), a receive's template and buffers and the bell until `end_all`.
        unsafe { self.uring.submission().push(entry).is_ok() }
    }

    /// Draws the conclusions of one `io_uring_enter`. True if the kernel took everything.
    fn after_enter(&mut self, outcome: io::Result<usize>, tally: &mut Tally) -> bool {
        tally.enters += 1;
        if let Err(error) = outcome {
            match error.raw_os_error() {
                // The time is over; a signal; completions must be reaped first; memory is short for the moment.
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN | libc::ENOMEM) => {}
                _ => panic!("io_uring_enter on a ring of this thread with valid arguments: {error}"),
            }
        }
        let submission = self.uring.submission();
        if submission.cq_overflow() {
            tally.completion_overflow += 1;
        }
        let all_taken = submission.is_empty();
        drop(submission);
        if all_taken {
            self.outbox.release();
        } else {
            tally.submission_short += 1;
        }
        all_taken
    }

    fn in_flight(&self) -> bool {
        self.bell.in_flight || self.receives.iter().any(|receive| receive.arm.in_flight)
    }

    /// Cancels everything in flight and waits for its end. True if all has ended. Datagrams that arrive meanwhile are
    /// dropped, and sends that were not submitted never happen.
    fn end_all(&mut self) -> bool {
        if !self.in_flight() {
            return true;
        }
        let mut tally = Tally::default();
        let cancel = opcode::AsyncCancel2::new(CancelBuilder::any())
            .build()
            .user_data(UserData::new(Kind::Cancel, 0, 0).pack());
        while !self.push(&cancel) {
            if !self.submit(&mut tally) {
                return false;
            }
        }
        while self.in_flight() {
            let timeout = SubmitArgs::new().timespec(&CANCEL_WAIT);
            let outcome = self.uring.submitter().submit_with_args(1, &timeout);
            let out_of_time = matches!(outcome, Err(error) if error.raw_os_error() == Some(libc::ETIME));
            if out_of_time && !self.has_completion() {
                return false;
            }
            while self.next_completion().is_some() {}
        }
        true
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if !self.end_all() {
            tracing::error!("the kernel did not end the shard's operations; their memory is kept");
            self.outbox.abandon();
            self.groups.iter_mut().for_each(BufferRing::abandon);
        }
        // Closing the instance would release the sockets too, but some time later on a kernel thread; this way their
        // ports are free when the shard has ended.
        if let Err(error) = self.uring.submitter().unregister_files() {
            tracing::warn!(%error, "the shard's sockets are released late");
        }
    }
}

fn build(sizes: &Sizes, sockets: usize) -> io::Result<IoUring> {
    IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_taskrun_flag()
        .setup_submit_all()
        .setup_clamp()
        .setup_cqsize(completion_entries(sizes, sockets))
        .dontfork()
        .build(sizes.submissions)
}

/// Room for every completion that can be outstanding: each buffer filled, each send of two batches refused, each
/// receive ended. So the queue does not overflow.
fn completion_entries(sizes: &Sizes, sockets: usize) -> u32 {
    let entries = SocketRole::ALL.iter().map(|role| usize::from(sizes.buffers(*role).count)).sum::<usize>()
        + 2 * sizes.submissions as usize
        + 2 * sockets
        + 16;
    entries.next_power_of_two() as u32
}

/// Memory of the ring that the kernel counts as locked: both queues and the tables of the groups of buffers, in whole
/// pages. The buffers themselves are ours and not locked.
pub(crate) fn locked_bytes(sizes: &Sizes, sockets: usize) -> u64 {
    let pages = |bytes: u64| bytes.next_multiple_of(PAGE_BYTES);
    let submissions = u64::from(sizes.submissions);
    let completions = u64::from(completion_entries(sizes, sockets));
    // The heads and tails of both queues are in front of the completions, the order of the submissions behind them.
    pages(RING_HEADER_BYTES + completions * size_of::<cqueue::Entry>() as u64 + submissions * 4)
        + pages(submissions * size_of::<squeue::Entry>() as u64)
        + SocketRole::ALL
            .iter()
            .map(|role| pages(u64::from(sizes.buffers(*role).count) * BUFFER_ENTRY_BYTES))
            .sum::<u64>()
}

fn require_operations(uring: &IoUring) -> Result<(), RingRefused> {
    let mut probe = Probe::new();
    uring.submitter().register_probe(&mut probe).map_err(refused("the list of operations"))?;
    let operations = [
        ("RECVMSG", opcode::RecvMsgMulti::CODE),
        ("SEND", opcode::Send::CODE),
        ("POLL_ADD", opcode::PollAdd::CODE),
        ("ASYNC_CANCEL", opcode::AsyncCancel2::CODE),
    ];
    for (operation, code) in operations {
        if !probe.is_supported(code) {
            return Err(RingRefused::MissingOperation { operation });
        }
    }
    let params = uring.params();
    let features = [
        ("IOSQE_CQE_SKIP_SUCCESS", params.is_feature_skip_cqe_on_success()),
        ("IORING_ENTER_EXT_ARG", params.is_feature_ext_arg()),
        ("IORING_FEAT_NODROP", params.is_feature_nodrop()),
    ];
    match features.into_iter().find(|(_, there)| !there) {
        Some((operation, _)) => Err(RingRefused::MissingOperation { operation }),
        None => Ok(()),
    }
}

fn refused(what: &'static str) -> impl FnOnce(io::Error) -> RingRefused {
    move |error| RingRefused::explain(what, error, disabled_sysctl())
}

/// The value of `kernel.io_uring_disabled`; `None` on kernels before 6.6, which have no such switch.
fn disabled_sysctl() -> Option<u8> {
    std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled").ok()?.trim().parse().ok()
}
