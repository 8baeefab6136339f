//! CPU time of this process and of its threads.

use std::time::Duration;

/// User and system time so far.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Time in our own code.
    pub user: Duration,
    /// Time in the kernel on our behalf, delivery into the far end's sockets included.
    pub system: Duration,
    /// Times that a thread went to sleep.
    pub sleeps: i64,
}

impl Usage {
    /// Of all threads of the process, as of now.
    pub fn now() -> Self {
        Self::of(libc::RUSAGE_SELF)
    }

    /// Of the calling thread, as of now.
    pub fn of_thread() -> Self {
        Self::of(libc::RUSAGE_THREAD)
    }

    fn of(whom: libc::c_int) -> Self {
        // SAFETY: all zeroes is a valid `rusage`, and the kernel writes it during the call only.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(whom, &mut usage);
            usage
        };
        let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1_000);
        Self { user: time(usage.ru_utime), system: time(usage.ru_stime), sleeps: usage.ru_nvcsw }
    }

    /// What was used since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
            sleeps: self.sleeps - earlier.sleeps,
        }
    }
}

/// Pins the calling thread to `core`.
pub fn pin_to(core: usize) -> std::io::Result<()> {
    // SAFETY: `set` is a plain bit set; the core is bounded; the kernel reads it during the call only.
    let outcome = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core.min(libc::CPU_SETSIZE as usize - 1), &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set)
    };
    if outcome == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}
