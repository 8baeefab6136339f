//! The listener's thread: gives what the taps of all shards hand out to one [`Listen`].
//!
//! It looks instead of being woken, since waking it would cost a shard a system call for each chunk. What it does not
//! take in time the shards drop and count; nothing here ever makes them wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use call::{TapQueue, Tapped};
use prometheus::Histogram;

/// Time between looks: a tenth of what a chunk lasts, so that it adds 5 ms to a chunk's delay on average.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Chunks taken of one shard before the others have their turn.
const BITE: usize = 1_024;

/// Chunks that a shard's queue holds for each call it may carry: what comes in 200 ms. A listener that is later than
/// that does not keep up.
const WAITING_A_CALL: usize = 2;
/// The least and the most that a queue holds, 64 to 65,536: 50 kB to 50 MB of audio.
const WAITING: std::ops::RangeInclusive<usize> = 64..=65_536;

/// Who hears the tapped calls.
pub trait Listen: Send {
    /// The next chunk, taken at `now`. Of each call they come in order; a gap between their positions was lost.
    fn hear(&mut self, now: Instant, tapped: &Tapped);

    /// Nothing more will come.
    fn end(&mut self);
}

/// The running thread. Dropping it ends it, after it has taken what waits.
#[derive(Debug)]
pub(crate) struct Listener {
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The queue of one shard that carries at most so many calls.
pub(crate) fn queue(calls: usize) -> TapQueue {
    TapQueue::new((calls * WAITING_A_CALL).clamp(*WAITING.start(), *WAITING.end()), 1)
}

impl Listener {
    /// Starts the thread. How late it takes the oldest chunk of each look goes into `lag`.
    pub(crate) fn start(
        queues: Vec<TapQueue>,
        mut listen: Box<dyn Listen>,
        lag: Histogram,
    ) -> std::io::Result<Self> {
        let ending = Arc::new(AtomicBool::new(false));
        let told = ending.clone();
        let run = move || {
            loop {
                // Read first: what was handed over before is then taken.
                let last = told.load(Ordering::Acquire);
                let mut busy = false;
                for queue in &queues {
                    busy |= hear_all(queue, listen.as_mut(), &lag) == BITE;
                }
                if last && !busy {
                    return listen.end();
                }
                if !busy {
                    std::thread::sleep(LOOK_EVERY);
                }
            }
        };
        let thread = std::thread::Builder::new().name("peal-listener".to_owned()).spawn(run)?;
        Ok(Self { ending, thread: Some(thread) })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the listener panicked");
        }
    }
}

/// Takes at most a bite, and says how much it was.
fn hear_all(queue: &TapQueue, listen: &mut dyn Listen, lag: &Histogram) -> usize {
    for taken in 0..BITE {
        let Some(tapped) = queue.take() else { return taken };
        let now = Instant::now();
        if taken == 0 {
            lag.observe(now.saturating_duration_since(tapped.given).as_secs_f64());
        }
        listen.hear(now, &tapped);
    }
    BITE
}
