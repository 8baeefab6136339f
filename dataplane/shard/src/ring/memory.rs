//! Memory that the kernel reads or writes while we do not look: page-aligned, at a fixed address, zeroed.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

const PAGE: usize = 4096;

/// One region. It is reached through raw pointers only, so that no Rust reference ever covers bytes the kernel may write.
#[derive(Debug)]
pub(super) struct Region {
    start: NonNull<u8>,
    layout: Layout,
    abandoned: bool,
}

impl Region {
    pub(super) fn new(bytes: usize) -> Self {
        assert!(bytes > 0, "a region of no bytes has no use");
        let layout = Layout::from_size_align(bytes, PAGE).expect("sizes are checked by ShardConfig::check");
        // SAFETY: the layout is not of size zero.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        Self { start, layout, abandoned: false }
    }

    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(super) fn bytes(&self) -> usize {
        self.layout.size()
    }

    /// Keeps the memory for ever, because the kernel may still write to it.
    pub(super) fn abandon(&mut self) {
        self.abandoned = true;
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if !self.abandoned {
            // SAFETY: allocated in `new` with this layout, freed only here. `Ring::drop` has waited until the kernel has
            // ended every operation that names this memory, or else has called `abandon`.
            unsafe { dealloc(self.start.as_ptr(), self.layout) };
        }
    }
}
