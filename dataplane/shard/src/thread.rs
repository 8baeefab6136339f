//! The operating system's view of a shard's thread: its core and its CPU time.

use std::io;
use std::time::Duration;

/// Pins the calling thread to `core`.
pub(crate) fn pin_to(core: usize) -> io::Result<()> {
    if core >= libc::CPU_SETSIZE as usize {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // SAFETY: `set` is a plain bit set for which all zeroes is a value; the index is below CPU_SETSIZE; the kernel reads
    // `set` during the call only.
    let outcome = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set)
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lets the calling thread's sleeps end when they are over. The kernel else adds up to 50 µs, to end several at once.
pub(crate) fn sleep_exactly() {
    // SAFETY: takes numbers only. It cannot fail with this option; if it did, sleeps would be a little longer.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64);
    }
}

/// The kernel's id of the calling thread.
pub(crate) fn id() -> i32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::gettid() }
}

/// CPU time used so far by thread `id` of this process, user and system together, at the scheduler's precision; `None`
/// once the thread has ended.
pub(crate) fn cpu_time(id: i32) -> Option<Duration> {
    // The clock of a thread, as `pthread_getcpuclockid` makes it: the complement of the id, then "scheduler's clock" (2)
    // "of a thread" (4). Asking by id and not by handle is safe after the thread's end.
    let clock = (!id << 3) | 6;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes `time` during the call only.
    let outcome = unsafe { libc::clock_gettime(clock, &mut time) };
    (outcome == 0).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_clock_of_a_thread_runs_while_it_lives() {
        let before = cpu_time(id()).expect("this thread runs");
        while cpu_time(id()).expect("this thread runs") <= before {
            std::hint::spin_loop();
        }
        let ended = std::thread::spawn(id).join().expect("it only asks for its id");
        // A join returns when the thread has let go of its memory; the kernel takes it from its table a little later.
        let patience = Instant::now() + Duration::from_secs(20);
        while cpu_time(ended).is_some() {
            assert!(Instant::now() < patience, "the thread's clock outlives it");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_core_that_does_not_exist_is_refused() {
        assert!(pin_to(100_000).is_err());
        assert!(pin_to(1_000).is_err());
    }
}
