//! What this process has used.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time and memory of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// User and system time of all threads.
    pub cpu: Duration,
    /// The most memory that was resident since the start of the process, bytes; 0 where `/proc` does not tell.
    pub peak_memory: u64,
}

impl Usage {
    /// As of now.
    pub fn read() -> Self {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Self { cpu: Duration::new(time.tv_sec as u64, time.tv_nsec as u32), peak_memory: peak_memory() }
    }

    /// The CPU time since `start`; memory stays the peak.
    pub fn since(self, start: Self) -> Self {
        Self { cpu: self.cpu.saturating_sub(start.cpu), ..self }
    }
}

fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib =
        line.and_then(|rest| rest.trim().strip_suffix("kB")).and_then(|kib| kib.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted() {
        let start = Usage::read();
        assert!(start.peak_memory > 100_000);
        while Usage::read().since(start).cpu < Duration::from_millis(1) {
            std::hint::spin_loop();
        }
    }
}
