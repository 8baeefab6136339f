//! The thread's core and CPU time, the process's signals.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use super::check;

/// Keeps the calling thread on one core.
pub(crate) fn pin_to(core: usize) -> io::Result<()> {
    if core >= libc::CPU_SETSIZE as usize {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // SAFETY: all-zero is an empty set, `core` is inside it, and 0 means the calling thread.
    check(unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set)
    })?;
    Ok(())
}

/// CPU time of the calling thread so far.
pub(crate) fn thread_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` lives through the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A signal that asks the process to stop is delivered to the bell instead: SIGTERM and SIGINT, for every thread that is
/// started afterwards.
#[derive(Debug)]
pub struct StopSignal {
    fd: OwnedFd,
}

impl StopSignal {
    /// Blocks the signals; call it before threads are started.
    pub fn install() -> io::Result<Self> {
        // SAFETY: the set is initialised by sigemptyset before it is used, and lives through the calls.
        unsafe {
            let mut set: libc::sigset_t = mem::zeroed();
            libc::sigemptyset(&mut set);
            libc::sigaddset(&mut set, libc::SIGTERM);
            libc::sigaddset(&mut set, libc::SIGINT);
            let error = libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut());
            if error != 0 {
                return Err(io::Error::from_raw_os_error(error));
            }
            Ok(Self { fd: OwnedFd::from_raw_fd(check(libc::signalfd(-1, &set, libc::SFD_CLOEXEC))?) })
        }
    }

    /// Returns when one of the signals came.
    pub fn wait(&self) -> io::Result<()> {
        // SAFETY: all-zero is a valid value, and the buffer has the size that is told.
        let got = unsafe {
            let mut info: libc::signalfd_siginfo = mem::zeroed();
            libc::read(self.fd.as_raw_fd(), ptr::from_mut(&mut info).cast(), size_of_val(&info))
        };
        check(got as libc::c_int).map(drop)
    }
}
