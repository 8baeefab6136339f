//! Once warm, packets come and go without an allocation on the shard's thread.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use common::{far_end, one_media_socket};
use shard::{Machine, Shard, ShardConfig, SocketIndex, Stop, Transmit};

/// Echoes without allocating, and notes how much its thread has allocated so far.
struct LeanEcho {
    waiting: Option<(SocketIndex, SocketAddr, usize)>,
    bytes: [u8; 256],
    allocated: Arc<AtomicU64>,
}

impl Machine for LeanEcho {
    type Mail = ();
    type Event = ();

    fn handle_datagram(&mut self, _: Instant, socket: SocketIndex, from: SocketAddr, bytes: &[u8]) {
        self.bytes[..bytes.len()].copy_from_slice(bytes);
        self.waiting = Some((socket, from, bytes.len()));
        self.allocated.store(ALLOCATED.get(), Ordering::Relaxed);
    }

    fn handle_mail(&mut self, _: Instant, (): ()) {}

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_transmit(&mut self, _: Instant, slot: &mut [u8]) -> Option<Transmit> {
        let (socket, to, len) = self.waiting.take()?;
        slot[..len].copy_from_slice(&self.bytes[..len]);
        Some(Transmit { socket, to, len })
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_none()
    }
}

#[test]
fn a_warm_turn_does_not_allocate() {
    let allocated = Arc::new(AtomicU64::new(0));
    let count = allocated.clone();
    let shard = Shard::start(ShardConfig::new(0, one_media_socket()), move |_| LeanEcho {
        waiting: None,
        bytes: [0; 256],
        allocated: count,
    })
    .expect("starts");
    let far = far_end("127.0.0.1:0");
    far.connect(shard.bound().sockets[0].local).expect("loopback");
    let exchange = |packets: usize| {
        for _ in 0..packets / 50 {
            for _ in 0..50 {
                far.send(&[7; 172]).expect("loopback takes it");
            }
            for _ in 0..50 {
                far.recv(&mut [0; 256]).expect("an answer");
            }
        }
        allocated.load(Ordering::Relaxed)
    };
    let warm = exchange(100);
    assert!(warm > 0, "building the machine allocates, so the count works");
    assert_eq!(exchange(10_000), warm);
    shard.stop(Stop::WhenIdle);
    shard.join().expect("no panic");
}

thread_local! {
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
