//! Memory that the kernel reads or writes while we do not look: whole pages at a fixed address, zeroed, and not resident
//! before they are touched.

use std::io;
use std::ptr::NonNull;

/// One region. It is reached through raw pointers only, so that no Rust reference ever covers bytes the kernel may write.
#[derive(Debug)]
pub(super) struct Region {
    start: NonNull<u8>,
    bytes: usize,
    abandoned: bool,
}

impl Region {
    /// A region of at least one byte.
    pub(super) fn new(bytes: usize) -> io::Result<Self> {
        // SAFETY: asks for fresh memory wherever the kernel likes, so no existing memory is touched.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).expect("the kernel maps nothing at address zero unasked");
        Ok(Self { start, bytes, abandoned: false })
    }

    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps the memory for ever, because the kernel may still write to it.
    pub(super) fn abandon(&mut self) {
        self.abandoned = true;
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if !self.abandoned {
            // SAFETY: mapped in `new` with this length, unmapped only here. `Ring::drop` has waited until the kernel has
            // ended every operation that names this memory, or else has called `abandon`.
            unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
        }
    }
}
