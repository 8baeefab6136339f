//! Numbers that a tenant does not call.
//!
//! The statement that commits an intent looks here, so that a number which is suppressed gets no INVITE, however long its contact
//! has been in a queue. Contacts that wait are settled with the suppression itself, those in flight when their call ends.

use common::{AttemptId, CampaignId, E164, TenantId, UnixMicros};
use peal_core::model::{Suppression, SuppressionReason};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use crate::{Page, Result, Store, StoreError, campaign_counts::Changes, page::rows_for, read};

/// Numbers of one call of [`Store::suppress`]: one transaction, so that planning does not wait for long.
pub const SUPPRESS_MAX: usize = 10_000;

/// How somebody names a suppression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuppressionRef {
    /// By its id.
    Id(i64),
    /// By the number.
    Number(E164),
}

/// What [`Store::suppress`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Suppressed {
    /// Numbers that were not suppressed before.
    pub added: u64,
    /// Contacts of campaigns that waited and are settled now.
    pub settled: u64,
}

impl Store {
    /// Suppresses numbers, at most [`SUPPRESS_MAX`]. One that is suppressed already stays as it is.
    pub async fn suppress(
        &self,
        tenant: TenantId,
        numbers: &[E164],
        reason: SuppressionReason,
        words: &str,
        now: UnixMicros,
    ) -> Result<Suppressed> {
        if numbers.len() > SUPPRESS_MAX {
            let problem = format!("must have at most {SUPPRESS_MAX} entries, not {}", numbers.len());
            return Err(peal_core::model::Invalid::new("numbers", problem).into());
        }
        let mut tx = self.write().await?;
        let mut done = Suppressed::default();
        let mut changes = Changes::default();
        for &number in numbers {
            let new = New { tenant, number, reason, attempt: None, words, at: now };
            done.added += u64::from(insert(&mut tx, &new).await?);
            done.settled += settle_waiting(&mut tx, tenant, number, &mut changes).await?;
        }
        changes.write(&mut tx).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Lets a number be called again. Contacts that were settled because of it stay settled.
    pub async fn lift_suppression(
        &self,
        tenant: TenantId,
        which: SuppressionRef,
        now: UnixMicros,
    ) -> Result<()> {
        let (sql, key, shown) = match which {
            SuppressionRef::Id(id) => (
                "UPDATE suppression SET lifted_at = ? WHERE tenant = ? AND id = ? AND lifted_at IS NULL",
                id,
                id.to_string(),
            ),
            SuppressionRef::Number(number) => (
                "UPDATE suppression SET lifted_at = ? WHERE tenant = ? AND number = ? AND lifted_at IS NULL",
                read::number_value(number),
                number.to_string(),
            ),
        };
        let lifted = sqlx::query(sql).bind(now.0).bind(tenant.0).bind(key).execute(&self.writer).await?;
        if lifted.rows_affected() == 0 {
            return Err(StoreError::not_found("suppression", shown));
        }
        Ok(())
    }

    /// The suppression of a number; `None` when it may be called.
    pub async fn suppression(&self, tenant: TenantId, number: E164) -> Result<Option<Suppression>> {
        sqlx::query("SELECT * FROM suppression WHERE tenant = ? AND number = ? AND lifted_at IS NULL")
            .bind(tenant.0)
            .bind(read::number_value(number))
            .fetch_optional(&self.readers)
            .await?
            .map(|row| from_row(&row))
            .transpose()
    }

    /// The suppressions of a tenant, by id.
    pub async fn suppressions(
        &self,
        tenant: TenantId,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Page<Suppression, i64>> {
        let (limit, rows) = rows_for(limit);
        let rows = sqlx::query(
            "SELECT * FROM suppression WHERE tenant = ? AND id > ? AND lifted_at IS NULL ORDER BY id LIMIT ?",
        )
        .bind(tenant.0)
        .bind(after.unwrap_or(0))
        .bind(rows)
        .fetch_all(&self.readers)
        .await?;
        let items = rows.iter().map(from_row).collect::<Result<_>>()?;
        Ok(Page::cut(items, limit, |suppression| suppression.id))
    }
}

/// A suppression that is to be.
struct New<'a> {
    tenant: TenantId,
    number: E164,
    reason: SuppressionReason,
    attempt: Option<AttemptId>,
    words: &'a str,
    at: UnixMicros,
}

/// The callee of an attempt said that they want no more calls. Whether this was news; `None` for an attempt that nobody knows.
pub(crate) async fn opt_out(
    connection: &mut SqliteConnection,
    attempt: AttemptId,
    words: &str,
    at: UnixMicros,
    changes: &mut Changes,
) -> Result<Option<bool>> {
    let row = sqlx::query("UPDATE attempt SET opted_out = 1 WHERE id = ? RETURNING tenant, number")
        .bind(&attempt.as_bytes()[..])
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (tenant, number) = (TenantId(read::column(&row, "tenant")?), read::number(&row, "number")?);
    let new = New { tenant, number, reason: SuppressionReason::OptedOut, attempt: Some(attempt), words, at };
    let added = insert(connection, &new).await?;
    settle_waiting(connection, tenant, number, changes).await?;
    Ok(Some(added))
}

/// Whether the tenant does not call the number.
pub(crate) async fn is_suppressed(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    number: E164,
) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM suppression WHERE tenant = ? AND number = ? AND lifted_at IS NULL)",
    )
    .bind(tenant.0)
    .bind(read::number_value(number))
    .fetch_one(connection)
    .await?)
}

/// Settles a contact that a planner holds or that waits.
pub(crate) async fn settle(
    connection: &mut SqliteConnection,
    campaign: CampaignId,
    contact: common::ContactId,
    changes: &mut Changes,
) -> Result<()> {
    let attempts: Option<i64> = sqlx::query_scalar(
        "UPDATE progress SET state = 'suppressed', due_at = NULL WHERE campaign = ? AND contact = ? \
         AND state IN ('queued', 'waiting') RETURNING attempts",
    )
    .bind(campaign.0)
    .bind(contact.0)
    .fetch_optional(connection)
    .await?;
    if let Some(attempts) = attempts {
        count(changes, campaign, attempts);
    }
    Ok(())
}

/// Whether the number was not suppressed before.
async fn insert(connection: &mut SqliteConnection, new: &New<'_>) -> Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO suppression (tenant, number, reason, attempt, words, at) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT (tenant, number) WHERE lifted_at IS NULL DO NOTHING",
    )
    .bind(new.tenant.0)
    .bind(read::number_value(new.number))
    .bind(new.reason.as_str())
    .bind(new.attempt.map(|attempt| attempt.as_bytes().to_vec()))
    .bind(new.words)
    .bind(new.at.0)
    .execute(connection)
    .await
    .map_err(StoreError::from)
    .map_err(crate::error::tenant_missing(new.tenant))?;
    Ok(inserted.rows_affected() > 0)
}

/// Settles the contacts with this number that wait in campaigns of the tenant; how many.
async fn settle_waiting(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    number: E164,
    changes: &mut Changes,
) -> Result<u64> {
    let settled: Vec<(i64, i64)> = sqlx::query_as(
        "UPDATE progress SET state = 'suppressed', due_at = NULL WHERE number = ?1 AND state IN ('queued', 'waiting') \
         AND campaign IN (SELECT id FROM campaign WHERE tenant = ?2 AND deleted_at IS NULL) RETURNING campaign, attempts",
    )
    .bind(read::number_value(number))
    .bind(tenant.0)
    .fetch_all(connection)
    .await?;
    for &(campaign, attempts) in &settled {
        count(changes, CampaignId(campaign), attempts);
    }
    Ok(settled.len() as u64)
}

fn count(changes: &mut Changes, campaign: CampaignId, attempts: i64) {
    let change = changes.of(campaign);
    change.suppressed += 1;
    change.retry -= i64::from(attempts > 0);
}

fn from_row(row: &SqliteRow) -> Result<Suppression> {
    let reason: &str = read::column(row, "reason")?;
    let attempt: Option<&[u8]> = read::column(row, "attempt")?;
    Ok(Suppression {
        id: read::column(row, "id")?,
        tenant: TenantId(read::column(row, "tenant")?),
        number: read::number(row, "number")?,
        reason: SuppressionReason::ALL
            .into_iter()
            .find(|known| known.as_str() == reason)
            .ok_or_else(|| StoreError::Corrupt(format!("suppression reason '{reason}'")))?,
        attempt: attempt.and_then(AttemptId::from_slice),
        words: read::column(row, "words")?,
        at: read::at(row, "at")?,
    })
}
