//! SIGINT and SIGTERM: the first asks for an orderly end, the second for one at once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context, Result};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

/// Counts the requests to stop.
#[derive(Clone, Debug)]
pub struct Interrupts {
    count: Arc<AtomicUsize>,
}

impl Interrupts {
    /// How many came so far.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits until there have been `count`.
    pub async fn reached(&self, count: usize) {
        while self.count() < count {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

/// Takes both signals over from now on.
pub fn watch() -> Result<Interrupts> {
    let count = Arc::new(AtomicUsize::new(0));
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot take over SIGINT and SIGTERM")?;
    let counted = count.clone();
    std::thread::Builder::new().name("peal-signals".to_owned()).spawn(move || {
        for _ in signals.forever() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    })?;
    Ok(Interrupts { count })
}
