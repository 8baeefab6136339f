//! Fetching memory into the cache before it is needed.
//!
//! A shard walks over more state than its core's cache holds, one call after the other, and knows which calls come next.
//! Waiting for memory was the largest part of its own time (docs/decisions/0006).

/// Bytes of a cache line.
const LINE: usize = 64;

/// Begins to fetch the first `bytes` of `value`, or all of it if that is less. Nothing waits for the memory to come, and
/// nothing can be told from it but time.
#[inline]
pub fn prefetch<T>(value: &T, bytes: usize) {
    let start = std::ptr::from_ref(value).cast::<u8>();
    for offset in (0..bytes.min(size_of::<T>())).step_by(LINE) {
        fetch(start.wrapping_add(offset));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn fetch(at: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: the instruction is a hint: it reads nothing that the program could see, and faults at no address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
}

/// Processors whose hint Rust does not offer yet fetch when the memory is used.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn fetch(_: *const u8) {}
