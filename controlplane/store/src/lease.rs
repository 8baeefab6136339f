//! The planner lease: at most one planner decides.

use std::time::Duration;

use common::{Epoch, UnixMicros};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use crate::{Result, Store, StoreError, read};

/// The lease as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannerLease {
    /// Who holds or held it; empty when nobody ever did.
    pub holder: String,
    /// Its epoch; 0 when nobody ever held it.
    pub epoch: Epoch,
    /// Until when, by the clock of the holder.
    pub until: UnixMicros,
}

/// Who got the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// The caller, with a new epoch. Contacts that the last planner had drawn wait again.
    Ours(Epoch),
    /// Somebody else still holds it.
    Theirs(PlannerLease),
}

impl Store {
    /// Takes the lease when it is free, over, or the caller's own of an earlier life. Two programs must not have the
    /// same `holder`.
    pub async fn acquire_planner_lease(
        &self,
        holder: &str,
        now: UnixMicros,
        ttl: Duration,
    ) -> Result<Acquired> {
        let mut tx = self.write().await?;
        let lease = current(&mut tx).await?;
        if lease.holder != holder && lease.until > now {
            return Ok(Acquired::Theirs(lease));
        }
        let epoch = Epoch(lease.epoch.0 + 1);
        sqlx::query("UPDATE planner_lease SET holder = ?, epoch = ?, until = ?")
            .bind(holder)
            .bind(read::count_value(epoch.0))
            .bind(now.saturating_add(ttl).0)
            .execute(&mut *tx)
            .await?;
        // What the last planner held ready is in nobody's memory now.
        sqlx::query(
            "UPDATE progress SET state = 'waiting' WHERE campaign IN (SELECT id FROM campaign) \
             AND state = 'queued' AND due_at IS NOT NULL",
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Acquired::Ours(epoch))
    }

    /// Holds the lease for longer. [`StoreError::StaleEpoch`] when somebody else took it.
    pub async fn renew_planner_lease(&self, epoch: Epoch, now: UnixMicros, ttl: Duration) -> Result<()> {
        let mut tx = self.write().await?;
        fence(&mut tx, epoch).await?;
        sqlx::query("UPDATE planner_lease SET until = ?")
            .bind(now.saturating_add(ttl).0)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Gives the lease up, so that another may take it at once.
    pub async fn release_planner_lease(&self, epoch: Epoch) -> Result<()> {
        let mut tx = self.write().await?;
        fence(&mut tx, epoch).await?;
        sqlx::query("UPDATE planner_lease SET until = 0").execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// The lease as it stands.
    pub async fn planner_lease(&self) -> Result<PlannerLease> {
        let mut connection = self.readers.acquire().await?;
        current(&mut connection).await
    }
}

/// Refuses whoever does not hold the newest epoch. Within the transaction that it guards.
pub(crate) async fn fence(connection: &mut SqliteConnection, held: Epoch) -> Result<()> {
    let current = current(connection).await?.epoch;
    if current == held { Ok(()) } else { Err(StoreError::StaleEpoch { held, current }) }
}

async fn current(connection: &mut SqliteConnection) -> Result<PlannerLease> {
    let row =
        sqlx::query("SELECT holder, epoch, until FROM planner_lease").fetch_one(&mut *connection).await?;
    from_row(&row)
}

fn from_row(row: &SqliteRow) -> Result<PlannerLease> {
    Ok(PlannerLease {
        holder: read::column(row, "holder")?,
        epoch: Epoch(read::count(row, "epoch")?),
        until: read::at(row, "until")?,
    })
}
