//! What the kernel counts as locked memory is what `locked_bytes` says: a process that may lock so much gets its ring.
//!
//! The limit is lowered in a process of its own, since it cannot be raised again.

use std::process::Command;
use std::time::{Duration, Instant};

use shard::{RingRefused, Shard, Sizes};

/// Tells the child which limit it runs under.
const CHILD: &str = "PEAL_TEST_LOCKED_KIB";

#[test]
fn locked_memory_is_foretold() {
    if std::env::var_os(CHILD).is_some() {
        return in_the_child();
    }
    if !is_counted() {
        // A kernel that counts nothing gives the ring under any limit.
        assert!(child(0), "no ring though this kernel counts no locked memory");
        return;
    }
    let kib = Shard::locked_bytes(&Sizes::default(), 0) / 1_024;
    assert!(!child(kib - 4), "a ring though a page less may be locked");
    // The kernel counts for all processes of a user. Of root's, those that have the right are not counted, so the other
    // tests do not disturb; of another user's, all are, and this half of the test can say nothing.
    if !is_root() {
        return println!("not looked at, since this is not root: whether {kib} KiB are enough");
    }
    // What the child above had is given back some time after its end.
    let patience = Instant::now() + Duration::from_secs(20);
    while !child(kib) {
        assert!(Instant::now() < patience, "no ring though {kib} KiB may be locked");
    }
}

fn in_the_child() {
    match Shard::try_ring(&Sizes::default()) {
        Ok(()) => println!("a ring"),
        Err(refused @ RingRefused::NoMemory { .. }) => println!("{refused}"),
        Err(other) => panic!("{other}"),
    }
}

/// Whether a process under this limit, without the right to pass it, gets a ring.
fn child(kib: u64) -> bool {
    let this = std::env::current_exe().expect("the test's own file");
    // Root has CAP_IPC_LOCK, and with it no limit.
    let drop_right = "exec setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock";
    let script =
        format!("ulimit -l {kib}; [ $(id -u) = 0 ] && {drop_right} \"$0\" \"$@\"; exec \"$0\" \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(this)
        .args(["--exact", "locked_memory_is_foretold", "--nocapture"])
        .env(CHILD, kib.to_string())
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let got = said.contains("a ring\n");
    assert!(got || said.contains("ulimit -l"), "{said}");
    got
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

/// Linux 6.14 began to count.
fn is_counted() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("Linux");
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next()) >= (6, 14)
}
