//! Tenants.

use common::{TenantId, UnixMicros};
use peal_core::model::check_name;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;

use crate::{Page, Result, Store, StoreError, error::name_taken, page::rows_for, read};

/// Who owns campaigns, lines, lists and records. Tenant 1 (`default`) comes with the schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Unique.
    pub name: String,
    /// When it was made.
    pub created_at: UnixMicros,
}

impl Store {
    /// Makes a tenant.
    pub async fn create_tenant(&self, name: &str, now: UnixMicros) -> Result<Tenant> {
        check_name("name", name)?;
        let mut tx = self.write().await?;
        let id: i64 = sqlx::query_scalar("INSERT INTO tenant (name, created_at) VALUES (?, ?) RETURNING id")
            .bind(name)
            .bind(now.0)
            .fetch_one(&mut *tx)
            .await
            .map_err(name_taken("tenant", name))?;
        tx.commit().await?;
        Ok(Tenant { id: TenantId(id), name: name.to_owned(), created_at: now })
    }

    /// A tenant.
    pub async fn tenant(&self, id: TenantId) -> Result<Tenant> {
        sqlx::query("SELECT * FROM tenant WHERE id = ?")
            .bind(id.0)
            .fetch_optional(&self.readers)
            .await?
            .map_or_else(|| Err(StoreError::not_found("tenant", id)), |row| from_row(&row))
    }

    /// All tenants, by id.
    pub async fn tenants(&self, after: Option<TenantId>, limit: u32) -> Result<Page<Tenant, TenantId>> {
        let (limit, rows) = rows_for(limit);
        let rows = sqlx::query("SELECT * FROM tenant WHERE id > ? ORDER BY id LIMIT ?")
            .bind(after.map_or(0, |id| id.0))
            .bind(rows)
            .fetch_all(&self.readers)
            .await?;
        let items = rows.iter().map(from_row).collect::<Result<_>>()?;
        Ok(Page::cut(items, limit, |tenant| tenant.id))
    }

    /// Gives a tenant another name.
    pub async fn rename_tenant(&self, id: TenantId, name: &str) -> Result<Tenant> {
        check_name("name", name)?;
        let mut tx = self.write().await?;
        let tenant = sqlx::query("UPDATE tenant SET name = ? WHERE id = ? RETURNING *")
            .bind(name)
            .bind(id.0)
            .fetch_optional(&mut *tx)
            .await
            .map_err(name_taken("tenant", name))?
            .map_or_else(|| Err(StoreError::not_found("tenant", id)), |row| from_row(&row))?;
        tx.commit().await?;
        Ok(tenant)
    }
}

fn from_row(row: &SqliteRow) -> Result<Tenant> {
    Ok(Tenant {
        id: TenantId(read::column(row, "id")?),
        name: read::column(row, "name")?,
        created_at: read::at(row, "created_at")?,
    })
}
