//! The bare exchange with io_uring, over shared sockets or a connected one a call.

mod buffers;

use std::net::UdpSocket;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Instant;

use io_uring::types::{Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};

use self::buffers::Buffers;
use super::{Clock, Counts, Options, Payload, Shared, TaskWork, Traffic};

/// Fewest receive buffers; 1 MiB of them.
const BUFFERS_MIN: usize = 2_048;
/// Most: the kernel's limit of a buffer ring.
const BUFFERS_MAX: usize = 32_768;
/// What completions of sends are called; receives are called by their socket.
const SEND: u64 = u64::MAX;
/// How long the kernel's submitting thread looks for work before it sleeps.
const SUBMITTER_IDLE_MS: u32 = 20;

pub(super) fn exchange(
    sockets: &[UdpSocket],
    traffic: &mut Traffic,
    options: &Options,
    shared: &Shared,
) -> std::io::Result<()> {
    let calls: usize = (0..options.wakes).map(|wake| traffic.wake(wake).len()).sum();
    let fitting = (2 * calls / options.wakes).next_power_of_two().clamp(BUFFERS_MIN, BUFFERS_MAX);
    let count = options.buffers.map_or(fitting, |buffers| usize::from(buffers).next_power_of_two()) as u16;
    let completions = (4 * u32::from(count)).max(2 * sockets.len() as u32).next_power_of_two();
    let mut ring = build(options, completions)?;
    let files: Vec<RawFd> = sockets.iter().map(AsRawFd::as_raw_fd).collect();
    ring.submitter().register_files(&files)?;
    // A wake-up before its time is for when half of the buffers are full.
    let want = usize::from(count) / 2;
    let mut buffers = Buffers::register(&ring, count, (traffic.length + 64).next_power_of_two())?;
    if options.zero_copy {
        let memory = traffic.memory();
        let vector = libc::iovec { iov_base: memory.as_ptr().cast_mut().cast(), iov_len: memory.len() };
        // SAFETY: the memory lives in the traffic, which outlives the ring, and is never moved.
        unsafe { ring.submitter().register_buffers(&[vector])? };
    }
    // SAFETY: all zeroes is a valid header: no name, no vectors.
    let mut template: Box<libc::msghdr> = Box::new(unsafe { std::mem::zeroed() });
    template.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
    let is_addressed = traffic.is_addressed;
    let receive = |socket: u64| {
        let fd = Fixed(socket as u32);
        let entry = if is_addressed {
            opcode::RecvMsgMulti::new(fd, &*template, 0).build()
        } else {
            opcode::RecvMulti::new(fd, 0).build()
        };
        entry.user_data(socket)
    };
    for socket in 0..sockets.len() as u64 {
        push(&mut ring, &receive(socket), options)?;
    }

    let mut clock = Clock::new(options);
    let mut disarmed = Vec::new();
    while !shared.stopped() {
        let now = Instant::now();
        let mut counts = Counts::default();
        while let Some(entry) = ring.completion().next() {
            if entry.user_data() == SEND {
                continue;
            }
            if let Some(id) = cqueue::buffer_select(entry.flags()) {
                buffers.give_back(id);
                counts.received += 1;
            }
            if !cqueue::more(entry.flags()) {
                disarmed.push(entry.user_data());
            }
        }
        buffers.publish();
        for socket in disarmed.drain(..) {
            push(&mut ring, &receive(socket), options)?;
        }
        let wake = clock.take(now);
        if let Some(wake) = wake {
            for n in traffic.wake(wake) {
                let call = traffic.call(wake, n);
                traffic.prepare(call);
                push(&mut ring, &send(traffic, call, options), options)?;
            }
            counts.sent += traffic.wake(wake).len() as u64;
        }
        counts.calls += wait(&mut ring, &clock, want, wake.is_some(), options)?;
        if wake.is_some() || counts.received > 0 {
            counts.work = now.elapsed();
        }
        shared.add(counts);
    }
    // The receives still in flight may write into the buffers until the kernel has dismantled the ring: they are kept
    // (`Buffers` never frees), and so is the template.
    Box::leak(template);
    Ok(())
}

fn build(options: &Options, completions: u32) -> std::io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder.setup_single_issuer().setup_submit_all().setup_cqsize(completions);
    match (options.submit_core, options.task_work) {
        // The kernel's thread does the task work.
        (Some(core), _) => builder.setup_sqpoll(SUBMITTER_IDLE_MS).setup_sqpoll_cpu(core as u32),
        (None, TaskWork::Deferred) => builder.setup_defer_taskrun().setup_taskrun_flag(),
        (None, TaskWork::Cooperative) => builder.setup_coop_taskrun().setup_taskrun_flag(),
        (None, TaskWork::AtOnce) => &mut builder,
    };
    builder.build(options.entries)
}

fn send(traffic: &Traffic, call: u32, options: &Options) -> squeue::Entry {
    let socket = Fixed(traffic.socket(call));
    let (packet, flags) = (traffic.packet(call), libc::MSG_DONTWAIT);
    let (name, length) = if traffic.is_addressed {
        (std::ptr::from_ref(traffic.name(call)).cast(), size_of::<libc::sockaddr_in>() as libc::socklen_t)
    } else {
        (std::ptr::null(), 0)
    };
    if options.zero_copy {
        // It always completes twice: when it is sent, and when the memory is free again.
        let entry = opcode::SendZc::new(socket, packet.as_ptr(), packet.len() as u32)
            .buf_index(Some(0))
            .dest_addr(name)
            .dest_addr_len(length)
            .flags(flags);
        return entry.build().user_data(SEND);
    }
    let entry = if options.payload == Payload::Slice {
        opcode::SendMsg::new(socket, traffic.header(call)).flags(flags as u32).build()
    } else {
        opcode::Send::new(socket, packet.as_ptr(), packet.len() as u32)
            .dest_addr(name)
            .dest_addr_len(length)
            .flags(flags)
            .build()
    };
    entry.flags(squeue::Flags::SKIP_SUCCESS).user_data(SEND)
}

/// Submits, and waits for the next wake-up. Returns the system calls that it took.
fn wait(
    ring: &mut IoUring,
    clock: &Clock,
    want: usize,
    has_sent: bool,
    options: &Options,
) -> std::io::Result<u64> {
    if options.spin {
        let has_work = ring.submission().taskrun();
        if !has_sent && !has_work {
            std::hint::spin_loop();
            return Ok(0);
        }
        const GETEVENTS: u32 = 1;
        let submit = ring.submission().len() as u32;
        // SAFETY: no argument is passed, and everything that was pushed keeps the promise of `push`.
        return match unsafe { ring.submitter().enter::<libc::sigset_t>(submit, 0, GETEVENTS, None) } {
            Err(error) if error.raw_os_error() != Some(libc::EINTR) => Err(error),
            _ => Ok(1),
        };
    }
    let timeout = Timespec::from(clock.left());
    let args = SubmitArgs::new().timespec(&timeout);
    match ring.submitter().submit_with_args(want, &args) {
        Err(error) if !matches!(error.raw_os_error(), Some(libc::ETIME | libc::EINTR)) => Err(error),
        _ => Ok(1),
    }
}

fn push(ring: &mut IoUring, entry: &squeue::Entry, options: &Options) -> std::io::Result<()> {
    // SAFETY: what a send points to lives in the traffic, which outlives the ring; it is read when the entry is submitted or, by
    // the kernel's own thread, soon after, and written again a tick later at the earliest. The receive's template and buffers
    // are never freed.
    while unsafe { ring.submission().push(entry) }.is_err() {
        ring.submit()?;
        if options.submit_core.is_some() {
            ring.submitter().squeue_wait()?;
        }
    }
    Ok(())
}
