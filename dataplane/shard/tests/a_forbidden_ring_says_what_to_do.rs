//! A seccomp profile that forbids io_uring, as the default one of Docker does: the refusal names it. The filter binds
//! the thread that installs it and the threads it starts, so it needs a test program of its own.

mod common;

use common::{Bench, one_media_socket};
use shard::{RingRefused, Shard, ShardConfig, StartError};

#[test]
fn a_forbidden_ring_says_what_to_do() {
    let error = std::thread::spawn(|| {
        forbid_io_uring();
        Shard::start(ShardConfig::new(0, one_media_socket()), |_| Bench::default()).err()
    })
    .join()
    .expect("no panic")
    .expect("it cannot start");
    assert!(matches!(error, StartError::Ring(RingRefused::Forbidden)), "{error:?}");
    assert!(error.to_string().contains("seccomp"), "{error}");
}

/// Installs a filter on this thread: `io_uring_setup` fails with EPERM, all else is allowed.
fn forbid_io_uring() {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let mut program = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        libc::sock_filter {
            code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
            jt: 0,
            jf: 1,
            k: libc::SYS_io_uring_setup as u32,
        },
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the program and its description live until the calls return; the kernel copies them.
    let outcome = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter)
    };
    assert_eq!(outcome, 0, "the filter is installed");
}
