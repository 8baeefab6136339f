//! A table whose places are reused and whose keys are not: slot and generation.

/// Names one occupant of one slot. A key of a former occupant finds nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Place in the table.
    pub slot: u32,
    /// How many occupants the place had before.
    pub generation: u32,
}

impl Key {
    /// Packed into one number, for owners that keep names as such.
    pub fn to_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.slot)
    }

    /// The reverse of [`Key::to_u64`].
    pub fn from_u64(packed: u64) -> Self {
        Key { slot: packed as u32, generation: (packed >> 32) as u32 }
    }
}

/// In the order of its fields, so that [`Slab::prefetch`] fetches the generation with the value's beginning.
#[derive(Debug)]
#[repr(C)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// The table. Its owner bounds it: [`Slab::len`] before [`Slab::insert`].
#[derive(Debug)]
pub struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Slab<T> {
    /// An empty table.
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty table that does not move its occupants, which takes time, before there are more than `capacity`. The
    /// operating system gives it memory as places are used for the first time.
    pub fn with_capacity(capacity: usize) -> Self {
        Slab { slots: Vec::with_capacity(capacity), free: Vec::new() }
    }

    /// How many occupants.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is no occupant.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys of all occupants, by place.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.value.is_some())
            .map(|(index, slot)| Key { slot: index as u32, generation: slot.generation })
    }

    /// The key that the next [`Slab::insert`] returns, for values that carry their own name.
    pub fn next_key(&self) -> Key {
        match self.free.last() {
            Some(&slot) => Key { slot, generation: self.slots[slot as usize].generation },
            None => Key { slot: self.slots.len() as u32, generation: 0 },
        }
    }

    /// Puts a value into a free place.
    pub fn insert(&mut self, value: T) -> Key {
        let key = self.next_key();
        match self.free.pop() {
            Some(slot) => self.slots[slot as usize].value = Some(value),
            None => self.slots.push(Slot { generation: 0, value: Some(value) }),
        }
        key
    }

    /// The occupant, if it is still there.
    pub fn find(&self, key: Key) -> Option<&T> {
        let slot = self.slots.get(key.slot as usize)?;
        if slot.generation == key.generation { slot.value.as_ref() } else { None }
    }

    /// Begins to fetch the first `bytes` of what lies at the key's place, whoever that is.
    #[inline]
    pub fn prefetch(&self, key: Key, bytes: usize) {
        if let Some(slot) = self.slots.get(key.slot as usize) {
            crate::prefetch::prefetch(slot, bytes);
        }
    }

    /// The occupant, if it is still there.
    pub fn find_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        if slot.generation == key.generation { slot.value.as_mut() } else { None }
    }

    /// Lends the value out; its place stays taken until [`Slab::put_back`].
    pub fn take(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        if slot.generation == key.generation { slot.value.take() } else { None }
    }

    /// Returns what [`Slab::take`] lent.
    pub fn put_back(&mut self, key: Key, value: T) {
        if let Some(slot) = self.slots.get_mut(key.slot as usize)
            && slot.generation == key.generation
        {
            slot.value = Some(value);
        }
    }

    /// Takes the occupant out; its key finds nobody from now on.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.slot);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_former_occupant_finds_nobody() {
        let mut slab = Slab::new();
        assert_eq!(slab.next_key(), Key { slot: 0, generation: 0 });
        let first = slab.insert('a');
        assert_eq!(slab.remove(first), Some('a'));
        let second = slab.insert('b');
        assert_eq!(second.slot, first.slot);
        assert_eq!(slab.find(first), None);
        assert_eq!(slab.find_mut(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.find(second), Some(&'b'));
        assert_eq!(slab.len(), 1);
        assert_eq!(slab.keys().collect::<Vec<_>>(), [second]);
        assert_eq!(Key::from_u64(second.to_u64()), second);
    }
}
