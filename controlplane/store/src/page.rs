//! Cursor pages.

/// A bite of an ordered set.
///
/// The cursor is the key of the last item, so a page stays where it is while rows come and go around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, K> {
    /// The items, in order.
    pub items: Vec<T>,
    /// What to ask for next (`after`, or `before` where the newest come first); `None` at the end.
    pub next: Option<K>,
}

/// The most items of one page.
const LIMIT_MAX: u32 = 1_000;

/// How many items a page has, and how many rows are read to see whether another page follows.
pub(crate) fn rows_for(limit: u32) -> (usize, i64) {
    let limit = limit.clamp(1, LIMIT_MAX);
    (limit as usize, i64::from(limit) + 1)
}

impl<T, K> Page<T, K> {
    /// Cuts what [`rows_for`] asked for to the page.
    pub(crate) fn cut(mut items: Vec<T>, limit: usize, key: impl Fn(&T) -> K) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(key) } else { None };
        Self { items, next }
    }
}
