//! Line groups.

use std::collections::BTreeMap;

use common::{LineGroupId, LineId, TenantId};
use peal_core::model::{Invalid, LineGroup, LineGroupSpec};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use crate::{
    Page, Result, Store, StoreError,
    error::{name_taken, tenant_missing},
    page::rows_for,
    read,
};

/// A row for each member, in order.
macro_rules! select {
    ($page:literal) => {
        concat!(
            "SELECT g.id, g.tenant, g.name, m.line FROM (SELECT * FROM line_group ",
            $page,
            ") g JOIN line_group_member m ON m.line_group = g.id ORDER BY g.id, m.position"
        )
    };
}

impl Store {
    /// Makes a line group.
    pub async fn create_line_group(&self, tenant: TenantId, spec: &LineGroupSpec) -> Result<LineGroup> {
        spec.check()?;
        let mut tx = self.write().await?;
        let id: i64 = sqlx::query_scalar("INSERT INTO line_group (tenant, name) VALUES (?, ?) RETURNING id")
            .bind(tenant.0)
            .bind(&spec.name)
            .fetch_one(&mut *tx)
            .await
            .map_err(name_taken("line group", &spec.name))
            .map_err(tenant_missing(tenant))?;
        let group = LineGroup { id: LineGroupId(id), tenant, spec: spec.clone() };
        insert_members(&mut tx, &group).await?;
        tx.commit().await?;
        Ok(group)
    }

    /// A line group.
    pub async fn line_group(&self, tenant: TenantId, id: LineGroupId) -> Result<LineGroup> {
        let rows = sqlx::query(select!("WHERE id = ? AND tenant = ?"))
            .bind(id.0)
            .bind(tenant.0)
            .fetch_all(&self.readers)
            .await?;
        collect(&rows)?.pop().ok_or_else(|| StoreError::not_found("line group", id))
    }

    /// The line groups of a tenant, by id.
    pub async fn line_groups(
        &self,
        tenant: TenantId,
        after: Option<LineGroupId>,
        limit: u32,
    ) -> Result<Page<LineGroup, LineGroupId>> {
        let (limit, rows) = rows_for(limit);
        let rows = sqlx::query(select!("WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?"))
            .bind(tenant.0)
            .bind(after.map_or(0, |id| id.0))
            .bind(rows)
            .fetch_all(&self.readers)
            .await?;
        Ok(Page::cut(collect(&rows)?, limit, |group| group.id))
    }

    /// Configures a line group anew.
    pub async fn update_line_group(
        &self,
        tenant: TenantId,
        id: LineGroupId,
        spec: &LineGroupSpec,
    ) -> Result<LineGroup> {
        spec.check()?;
        let mut tx = self.write().await?;
        let changed = sqlx::query("UPDATE line_group SET name = ? WHERE id = ? AND tenant = ?")
            .bind(&spec.name)
            .bind(id.0)
            .bind(tenant.0)
            .execute(&mut *tx)
            .await
            .map_err(name_taken("line group", &spec.name))?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::not_found("line group", id));
        }
        sqlx::query("DELETE FROM line_group_member WHERE line_group = ?")
            .bind(id.0)
            .execute(&mut *tx)
            .await?;
        let group = LineGroup { id, tenant, spec: spec.clone() };
        insert_members(&mut tx, &group).await?;
        tx.commit().await?;
        Ok(group)
    }

    /// Deletes a line group that no campaign names.
    pub async fn delete_line_group(&self, tenant: TenantId, id: LineGroupId) -> Result<()> {
        let mut tx = self.write().await?;
        let campaign: Option<i64> =
            sqlx::query_scalar("SELECT id FROM campaign WHERE line_group = ? LIMIT 1")
                .bind(id.0)
                .fetch_optional(&mut *tx)
                .await?;
        if let Some(campaign) = campaign {
            let by = format!("campaign {campaign}");
            return Err(StoreError::InUse { what: "line group", id: id.to_string(), by });
        }
        let deleted = sqlx::query("DELETE FROM line_group WHERE id = ? AND tenant = ?")
            .bind(id.0)
            .bind(tenant.0)
            .execute(&mut *tx)
            .await?;
        if deleted.rows_affected() == 0 {
            return Err(StoreError::not_found("line group", id));
        }
        Ok(tx.commit().await?)
    }
}

async fn insert_members(connection: &mut SqliteConnection, group: &LineGroup) -> Result<()> {
    for (position, line) in group.spec.lines.iter().enumerate() {
        let inserted = sqlx::query(
            "INSERT INTO line_group_member (line_group, position, line) SELECT ?, ?, id FROM line WHERE id = ? AND tenant = ?",
        )
        .bind(group.id.0)
        .bind(position as i64)
        .bind(line.0)
        .bind(group.tenant.0)
        .execute(&mut *connection)
        .await?;
        if inserted.rows_affected() == 0 {
            return Err(Invalid::new(format!("lines[{position}]"), format!("there is no line {line}")).into());
        }
    }
    Ok(())
}

/// Every line group of every tenant.
pub(crate) async fn all(connection: &mut SqliteConnection) -> Result<Vec<LineGroup>> {
    collect(&sqlx::query(select!("")).fetch_all(&mut *connection).await?)
}

fn collect(rows: &[SqliteRow]) -> Result<Vec<LineGroup>> {
    let mut groups = BTreeMap::<i64, LineGroup>::new();
    for row in rows {
        let id: i64 = read::column(row, "id")?;
        let line = LineId(read::column(row, "line")?);
        match groups.get_mut(&id) {
            Some(group) => group.spec.lines.push(line),
            None => {
                let tenant = TenantId(read::column(row, "tenant")?);
                let spec = LineGroupSpec { name: read::column(row, "name")?, lines: vec![line] };
                groups.insert(id, LineGroup { id: LineGroupId(id), tenant, spec });
            }
        }
    }
    Ok(groups.into_values().collect())
}
