//! What a completion is about, packed into the 64 bits that the kernel carries for us: the one place that knows.
//!
//! ```text
//! 63    56 55                     32 31                              0
//! ┌───────┬─────────────────────────┬────────────────────────────────┐
//! │ kind  │ generation              │ slot                           │
//! └───────┴─────────────────────────┴────────────────────────────────┘
//! ```

/// The kind of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A multishot receive; the slot is the socket.
    Receive = 1,
    /// A send, heard of only when it failed; the slot is the socket.
    Send = 2,
    /// The poll on the mailbox's bell.
    Bell = 3,
    /// The cancellation of everything, at the end.
    Cancel = 4,
}

/// Kind, slot and generation of one operation.
///
/// The generation is that of the slot when the operation was submitted, modulo 2^24: a completion of an earlier one is
/// recognised and changes nothing about the present one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserData {
    pub(crate) kind: Kind,
    pub(crate) generation: u32,
    pub(crate) slot: u32,
}

const GENERATION_MASK: u32 = 0x00ff_ffff;

impl UserData {
    pub(crate) fn new(kind: Kind, generation: u32, slot: u32) -> Self {
        Self { kind, generation: generation & GENERATION_MASK, slot }
    }

    pub(crate) fn pack(self) -> u64 {
        u64::from(self.kind as u8) << 56 | u64::from(self.generation) << 32 | u64::from(self.slot)
    }

    /// The operation behind a completion; `None` for a value that we never packed.
    pub(crate) fn unpack(bits: u64) -> Option<Self> {
        let kind = match bits >> 56 {
            1 => Kind::Receive,
            2 => Kind::Send,
            3 => Kind::Bell,
            4 => Kind::Cancel,
            _ => return None,
        };
        Some(Self::new(kind, (bits >> 32) as u32, bits as u32))
    }

    /// True if this completion belongs to the slot's `generation`, not to an earlier one.
    pub(crate) fn is_of(self, generation: u32) -> bool {
        self.generation == generation & GENERATION_MASK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        for kind in [Kind::Receive, Kind::Send, Kind::Bell, Kind::Cancel] {
            for (generation, slot) in [(0, 0), (1, u32::MAX), (GENERATION_MASK, 7)] {
                let data = UserData::new(kind, generation, slot);
                assert_eq!(UserData::unpack(data.pack()), Some(data));
            }
        }
        assert_eq!(UserData::unpack(0), None);
        assert_eq!(UserData::unpack(u64::MAX), None);
    }

    #[test]
    fn an_earlier_generation_is_told_apart_across_the_wrap() {
        let early = UserData::new(Kind::Receive, GENERATION_MASK, 3);
        assert!(early.is_of(GENERATION_MASK));
        assert!(!early.is_of(GENERATION_MASK + 1));
        assert!(UserData::new(Kind::Receive, GENERATION_MASK + 1, 3).is_of(GENERATION_MASK + 1));
    }
}
