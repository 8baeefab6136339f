//! Lines.

use common::{LineId, TenantId};
use peal_core::model::{Line, LineSpec};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use crate::{
    Page, Result, Store, StoreError,
    error::{name_taken, tenant_missing},
    page::rows_for,
    read,
};

impl Store {
    /// Makes a line.
    pub async fn create_line(&self, tenant: TenantId, spec: &LineSpec) -> Result<Line> {
        spec.check()?;
        let mut tx = self.write().await?;
        let id: i64 =
            sqlx::query_scalar("INSERT INTO line (tenant, name, spec) VALUES (?, ?, ?) RETURNING id")
                .bind(tenant.0)
                .bind(&spec.name)
                .bind(read::to_json(spec))
                .fetch_one(&mut *tx)
                .await
                .map_err(name_taken("line", &spec.name))
                .map_err(tenant_missing(tenant))?;
        tx.commit().await?;
        Ok(Line { id: LineId(id), tenant, spec: spec.clone() })
    }

    /// A line.
    pub async fn line(&self, tenant: TenantId, id: LineId) -> Result<Line> {
        sqlx::query("SELECT id, tenant, spec FROM line WHERE id = ? AND tenant = ?")
            .bind(id.0)
            .bind(tenant.0)
            .fetch_optional(&self.readers)
            .await?
            .map_or_else(|| Err(StoreError::not_found("line", id)), |row| from_row(&row))
    }

    /// The lines of a tenant, by id.
    pub async fn lines(
        &self,
        tenant: TenantId,
        after: Option<LineId>,
        limit: u32,
    ) -> Result<Page<Line, LineId>> {
        let (limit, rows) = rows_for(limit);
        let rows =
            sqlx::query("SELECT id, tenant, spec FROM line WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?")
                .bind(tenant.0)
                .bind(after.map_or(0, |id| id.0))
                .bind(rows)
                .fetch_all(&self.readers)
                .await?;
        let items = rows.iter().map(from_row).collect::<Result<_>>()?;
        Ok(Page::cut(items, limit, |line| line.id))
    }

    /// Configures a line anew.
    pub async fn update_line(&self, tenant: TenantId, id: LineId, spec: &LineSpec) -> Result<Line> {
        spec.check()?;
        let changed = sqlx::query("UPDATE line SET name = ?, spec = ? WHERE id = ? AND tenant = ?")
            .bind(&spec.name)
            .bind(read::to_json(spec))
            .bind(id.0)
            .bind(tenant.0)
            .execute(&self.writer)
            .await
            .map_err(name_taken("line", &spec.name))?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::not_found("line", id));
        }
        Ok(Line { id, tenant, spec: spec.clone() })
    }

    /// Deletes a line that no group has and over which no call is up.
    pub async fn delete_line(&self, tenant: TenantId, id: LineId) -> Result<()> {
        let mut tx = self.write().await?;
        let in_use = |by: String| StoreError::InUse { what: "line", id: id.to_string(), by };
        let group: Option<i64> =
            sqlx::query_scalar("SELECT line_group FROM line_group_member WHERE line = ? LIMIT 1")
                .bind(id.0)
                .fetch_optional(&mut *tx)
                .await?;
        if let Some(group) = group {
            return Err(in_use(format!("line group {group}")));
        }
        let held: i64 =
            sqlx::query_scalar("SELECT count(*) FROM route_try WHERE line = ? AND released_at IS NULL")
                .bind(id.0)
                .fetch_one(&mut *tx)
                .await?;
        if held > 0 {
            return Err(in_use(format!("{held} calls")));
        }
        let deleted = sqlx::query("DELETE FROM line WHERE id = ? AND tenant = ?")
            .bind(id.0)
            .bind(tenant.0)
            .execute(&mut *tx)
            .await?;
        if deleted.rows_affected() == 0 {
            return Err(StoreError::not_found("line", id));
        }
        Ok(tx.commit().await?)
    }
}

/// Every line of every tenant.
pub(crate) async fn all(connection: &mut SqliteConnection) -> Result<Vec<Line>> {
    let rows =
        sqlx::query("SELECT id, tenant, spec FROM line ORDER BY id").fetch_all(&mut *connection).await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &SqliteRow) -> Result<Line> {
    Ok(Line {
        id: LineId(row.try_get("id")?),
        tenant: TenantId(row.try_get("tenant")?),
        spec: read::json(row, "spec")?,
    })
}
