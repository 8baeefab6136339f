//! Removal of what was deleted, in bites between which others write.

use crate::{Result, Store};

/// Rows of one bite: some 50 ms.
const BITE: i64 = 10_000;

impl Store {
    /// Removes everything that belongs to deleted campaigns and lists. Whoever deletes calls it, and
    /// [`Store::open`] for those who died over it.
    pub(crate) async fn sweep(&self) -> Result<()> {
        let campaigns: Vec<i64> = sqlx::query_scalar("SELECT id FROM campaign WHERE deleted_at IS NOT NULL")
            .fetch_all(&self.writer)
            .await?;
        for id in campaigns {
            // The table has no row id: its rows are named by their key.
            self.bites(
                "DELETE FROM progress WHERE campaign = ?1 AND contact IN \
                 (SELECT contact FROM progress WHERE campaign = ?1 LIMIT ?2)",
                id,
            )
            .await?;
            self.bites(
                "DELETE FROM attempt WHERE id IN (SELECT id FROM attempt WHERE campaign = ?1 LIMIT ?2)",
                id,
            )
            .await?;
            self.bites("DELETE FROM campaign WHERE id = ?1 AND ?2 > 0", id).await?;
        }
        let lists: Vec<i64> = sqlx::query_scalar("SELECT id FROM list WHERE deleted_at IS NOT NULL")
            .fetch_all(&self.writer)
            .await?;
        for id in lists {
            self.bites(
                "DELETE FROM import_problem WHERE id IN (SELECT id FROM import_problem WHERE list = ?1 LIMIT ?2)",
                id,
            )
            .await?;
            self.bites(
                "DELETE FROM contact WHERE id IN (SELECT id FROM contact WHERE list = ?1 LIMIT ?2)",
                id,
            )
            .await?;
            self.bites("DELETE FROM list WHERE id = ?1 AND ?2 > 0", id).await?;
        }
        Ok(())
    }

    /// Runs a deletion of at most [`BITE`] rows until it finds nothing more.
    async fn bites(&self, sql: &'static str, id: i64) -> Result<()> {
        loop {
            let deleted = sqlx::query(sql).bind(id).bind(BITE).execute(&self.writer).await?;
            if deleted.rows_affected() == 0 {
                return Ok(());
            }
        }
    }
}
