//! Bulk import of contacts.
//!
//! A file comes in chunks, each of which is cut into transactions of [`TRANSACTION_ROWS`] rows, between which others write.
//! An import that dies leaves whole transactions; when the file is imported again, what is there already is reported as
//! duplicates. Nothing of the file is kept in memory.

use std::collections::HashMap;

use common::{CampaignId, ListId, UnixMicros};
use peal_core::{
    import::{GoodRow, Judged},
    model::{CampaignState, ImportReport, Move, RejectedRow, RowError},
};
use sqlx::SqliteConnection;

use crate::{Result, Store, StoreError, bulk, read};

/// Rows of one transaction: some 50 ms, which is what a planner's commit may have to wait, and enough for the sync of a
/// commit to weigh little.
const TRANSACTION_ROWS: usize = 10_000;

/// Problems in the report itself; all of them are with the list.
const REPORTED_PROBLEMS: usize = 1_000;

/// An import under way.
#[derive(Debug)]
pub struct Importer {
    store: Store,
    list: ListId,
    import: i64,
    report: ImportReport,
}

/// What one [`Importer::push`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportChunk {
    /// New contacts.
    pub imported: u64,
    /// Campaigns that were completed and have somebody to call again.
    pub revived: Vec<CampaignId>,
}

impl Store {
    /// Begins an import into a list.
    pub async fn import(&self, list: ListId, now: UnixMicros) -> Result<Importer> {
        let mut tx = self.write().await?;
        let import: Option<i64> = sqlx::query_scalar(
            "INSERT INTO import (list, begun_at) SELECT id, ? FROM list WHERE id = ? AND deleted_at IS NULL RETURNING id",
        )
        .bind(now.0)
        .bind(list.0)
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        let import = import.ok_or_else(|| StoreError::not_found("list", list))?;
        Ok(Importer { store: self.clone(), list, import, report: ImportReport::default() })
    }
}

impl Importer {
    /// Takes the next rows of the file. After an error the import is over: transactions that were done before stay.
    pub async fn push(&mut self, rows: &[Judged]) -> Result<ImportChunk> {
        let mut done = ImportChunk::default();
        for rows in rows.chunks(TRANSACTION_ROWS) {
            let chunk = self.push_transaction(rows).await?;
            done.imported += chunk.imported;
            done.revived.extend(chunk.revived);
        }
        Ok(done)
    }

    /// What was done so far.
    pub fn report(&self) -> &ImportReport {
        &self.report
    }

    /// Ends the import.
    pub async fn finish(self, now: UnixMicros) -> Result<ImportReport> {
        sqlx::query("UPDATE import SET finished_at = ? WHERE id = ?")
            .bind(now.0)
            .bind(self.import)
            .execute(&self.store.writer)
            .await?;
        Ok(self.report)
    }

    async fn push_transaction(&mut self, rows: &[Judged]) -> Result<ImportChunk> {
        let mut problems: Vec<RejectedRow> = Vec::new();
        let mut good: Vec<&GoodRow> = Vec::with_capacity(rows.len());
        for row in rows {
            match row {
                Ok(row) => good.push(row),
                Err(problem) => problems.push(problem.clone()),
            }
        }

        let mut tx = self.store.write().await?;
        let there: Option<i64> =
            sqlx::query_scalar("SELECT id FROM list WHERE id = ? AND deleted_at IS NULL")
                .bind(self.list.0)
                .fetch_optional(&mut *tx)
                .await?;
        if there.is_none() {
            return Err(StoreError::not_found("list", self.list));
        }
        let mut imported = 0;
        for piece in bulk::pieces(&good) {
            let inserted = self.insert(&mut tx, piece).await?;
            imported += inserted;
            if inserted < piece.len() as u64 {
                problems.extend(self.duplicates(&mut tx, piece).await?);
            }
        }
        problems.sort_by_key(|problem| problem.line);
        self.insert_problems(&mut tx, &problems).await?;
        let duplicates =
            problems.iter().filter(|p| matches!(p.reason, RowError::Duplicate { .. })).count() as u64;
        let rejected = problems.len() as u64 - duplicates;
        sqlx::query(
            "UPDATE list SET contacts = contacts + ?, duplicate_rows = duplicate_rows + ?, \
             rejected_rows = rejected_rows + ? WHERE id = ?",
        )
        .bind(read::count_value(imported))
        .bind(read::count_value(duplicates))
        .bind(read::count_value(rejected))
        .bind(self.list.0)
        .execute(&mut *tx)
        .await?;
        let revived = if imported > 0 { self.revive(&mut tx).await? } else { Vec::new() };
        tx.commit().await?;

        self.report.rows += rows.len() as u64;
        self.report.imported += imported;
        self.report.duplicates += duplicates;
        self.report.rejected += rejected;
        let room = REPORTED_PROBLEMS - self.report.problems.len();
        self.report.problems.extend(problems.into_iter().take(room));
        Ok(ImportChunk { imported, revived })
    }

    async fn insert(&self, connection: &mut SqliteConnection, piece: &[&GoodRow]) -> Result<u64> {
        let mut query = bulk::query(
            "INSERT INTO contact (list, import, number, file_line, fields) VALUES",
            5,
            piece.len(),
            "ON CONFLICT (list, number) DO NOTHING",
        );
        for row in piece {
            query = query
                .bind(self.list.0)
                .bind(self.import)
                .bind(read::number_value(row.number))
                .bind(read::count_value(row.line))
                .bind(row.fields.as_str());
        }
        Ok(query.execute(&mut *connection).await?.rows_affected())
    }

    /// The rows of a piece that are not the ones that the list has.
    async fn duplicates(
        &self,
        connection: &mut SqliteConnection,
        piece: &[&GoodRow],
    ) -> Result<Vec<RejectedRow>> {
        let mut query = bulk::query(
            "SELECT number, import, file_line FROM contact WHERE list = ? AND number IN (VALUES",
            1,
            piece.len(),
            ")",
        )
        .bind(self.list.0);
        for row in piece {
            query = query.bind(read::number_value(row.number));
        }
        let mut kept = HashMap::with_capacity(piece.len());
        for row in query.fetch_all(&mut *connection).await? {
            let import: i64 = read::column(&row, "import")?;
            let line = if import == self.import { read::count(&row, "file_line")? } else { 0 };
            kept.insert(read::number(&row, "number")?, line);
        }
        Ok(piece
            .iter()
            .filter_map(|row| {
                let first_line = *kept.get(&row.number)?;
                (first_line != row.line)
                    .then_some(RejectedRow { line: row.line, reason: RowError::Duplicate { first_line } })
            })
            .collect())
    }

    async fn insert_problems(
        &self,
        connection: &mut SqliteConnection,
        problems: &[RejectedRow],
    ) -> Result<()> {
        for piece in bulk::pieces(problems) {
            let mut query = bulk::query(
                "INSERT INTO import_problem (list, import, file_line, reason) VALUES",
                4,
                piece.len(),
                "",
            );
            for problem in piece {
                query = query
                    .bind(self.list.0)
                    .bind(self.import)
                    .bind(read::count_value(problem.line))
                    .bind(read::to_json(&problem.reason));
            }
            query.execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// A campaign that was through with this list has somebody to call again.
    async fn revive(&self, connection: &mut SqliteConnection) -> Result<Vec<CampaignId>> {
        let Some(next) = CampaignState::Completed.after(Move::ContactsAdded) else { return Ok(Vec::new()) };
        let ids: Vec<i64> = sqlx::query_scalar(
            "UPDATE campaign SET state = ? WHERE state = ? AND deleted_at IS NULL \
             AND id IN (SELECT campaign FROM campaign_list WHERE list = ?) RETURNING id",
        )
        .bind(next.as_str())
        .bind(CampaignState::Completed.as_str())
        .bind(self.list.0)
        .fetch_all(&mut *connection)
        .await?;
        Ok(ids.into_iter().map(CampaignId).collect())
    }
}
