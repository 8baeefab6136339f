//! Idempotency keys of the API.

use std::time::Duration;

use common::{TenantId, UnixMicros};
use peal_core::model::Invalid;

use crate::{Result, Store, read};

/// Whose turn it is with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The caller's: do it, then settle or abandon the key.
    Fresh,
    /// It was done: give the same answer.
    Replay {
        /// HTTP status.
        status: u16,
        /// Body.
        body: Vec<u8>,
    },
    /// Another request with the key is under way.
    Busy,
    /// The key was used for another request.
    Different,
}

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// A claim that was neither settled nor abandoned within this died with its program.
const CLAIMED: Duration = Duration::from_secs(60);

impl Store {
    /// Asks for the turn with a key (1 to 200 bytes). `hash` tells requests apart.
    pub async fn claim_key(
        &self,
        tenant: TenantId,
        key: &str,
        hash: &[u8],
        now: UnixMicros,
    ) -> Result<Claim> {
        if !(1..=200).contains(&key.len()) {
            return Err(Invalid::new("Idempotency-Key", "must have 1 to 200 bytes").into());
        }
        let before = |age: Duration| now.0.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
        let mut tx = self.write().await?;
        sqlx::query("DELETE FROM idempotency_key WHERE claimed_at < ?")
            .bind(before(KEPT))
            .execute(&mut *tx)
            .await?;
        let row = sqlx::query(
            "SELECT hash, claimed_at, status, body FROM idempotency_key WHERE tenant = ? AND key = ?",
        )
        .bind(tenant.0)
        .bind(key)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(row) = row {
            let status: Option<u16> = read::column(&row, "status")?;
            let claimed_at: i64 = read::column(&row, "claimed_at")?;
            if read::column::<&[u8], _>(&row, "hash")? != hash {
                return Ok(Claim::Different);
            }
            if let Some(status) = status {
                return Ok(Claim::Replay { status, body: read::column(&row, "body")? });
            }
            if claimed_at >= before(CLAIMED) {
                return Ok(Claim::Busy);
            }
        }
        sqlx::query(
            "INSERT INTO idempotency_key (tenant, key, hash, claimed_at) VALUES (?, ?, ?, ?) \
             ON CONFLICT (tenant, key) DO UPDATE SET claimed_at = excluded.claimed_at",
        )
        .bind(tenant.0)
        .bind(key)
        .bind(hash)
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Claim::Fresh)
    }

    /// Keeps the answer to a request whose key was claimed.
    pub async fn settle_key(&self, tenant: TenantId, key: &str, status: u16, body: &[u8]) -> Result<()> {
        sqlx::query("UPDATE idempotency_key SET status = ?, body = ? WHERE tenant = ? AND key = ?")
            .bind(status)
            .bind(body)
            .bind(tenant.0)
            .bind(key)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Frees a key whose request did nothing, so that it may be tried again.
    pub async fn abandon_key(&self, tenant: TenantId, key: &str) -> Result<()> {
        sqlx::query("DELETE FROM idempotency_key WHERE tenant = ? AND key = ? AND status IS NULL")
            .bind(tenant.0)
            .bind(key)
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}
