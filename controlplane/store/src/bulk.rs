//! Statements over many rows at once.
//!
//! Each statement costs a hand-over to the thread of its connection, which is far more than what a row costs there.

use sqlx::{AssertSqlSafe, Sqlite, query::Query, sqlite::SqliteArguments};

/// Rows of one statement. A batch is cut into as many of the first size as fit, then the next: few texts, so that each
/// is prepared once.
const SIZES: [usize; 4] = [256, 32, 4, 1];

/// Cuts a batch into pieces of [`SIZES`].
pub(crate) fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|&size| size <= rows.len())?;
        let (piece, rest) = rows.split_at(size);
        rows = rest;
        Some(piece)
    })
}

/// A statement with `rows` groups of `columns` parameters (`(?,?),(?,?)`) between `before` and `after`, which must be
/// literals of this crate.
pub(crate) fn query(
    before: &'static str,
    columns: usize,
    rows: usize,
    after: &'static str,
) -> Query<'static, Sqlite, SqliteArguments> {
    let group = format!("({})", vec!["?"; columns].join(","));
    let text = format!("{before} {} {after}", vec![group.as_str(); rows].join(","));
    // Nothing but our own literals and question marks.
    sqlx::query(AssertSqlSafe(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_cut_without_loss() {
        for count in [0, 1, 3, 4, 300, 1_000] {
            let rows: Vec<usize> = (0..count).collect();
            let cut: Vec<usize> = pieces(&rows).flatten().copied().collect();
            assert_eq!(cut, rows);
            assert!(pieces(&rows).all(|piece| SIZES.contains(&piece.len())));
        }
    }
}
