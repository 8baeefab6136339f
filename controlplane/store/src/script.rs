//! Scripts and their versions.

use common::{ScriptId, TenantId};
use peal_core::model::{Invalid, Script, ScriptSpec, Step};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use crate::{Page, Result, Store, StoreError, error::tenant_missing, page::rows_for, read};

impl Store {
    /// Keeps a script. When it differs from the newest version of its name, or the name is new, it becomes a new
    /// version; otherwise the newest version is given back.
    pub async fn put_script(&self, tenant: TenantId, spec: &ScriptSpec) -> Result<Script> {
        spec.check()?;
        let mut tx = self.write().await?;
        let newest = sqlx::query(
            "SELECT id, tenant, version, spec FROM script WHERE tenant = ? AND name = ? ORDER BY version DESC LIMIT 1",
        )
        .bind(tenant.0)
        .bind(&spec.name)
        .fetch_optional(&mut *tx)
        .await?
        .map(|row| from_row(&row))
        .transpose()?;
        let version = match newest {
            Some(newest) if newest.spec == *spec => return Ok(newest),
            Some(newest) => newest.version + 1,
            None => 1,
        };
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO script (tenant, name, version, spec) VALUES (?, ?, ?, ?) RETURNING id",
        )
        .bind(tenant.0)
        .bind(&spec.name)
        .bind(version)
        .bind(read::to_json(spec))
        .fetch_one(&mut *tx)
        .await
        .map_err(StoreError::from)
        .map_err(tenant_missing(tenant))?;
        let script = Script { id: ScriptId(id), tenant, version, spec: spec.clone() };
        insert_prompts(&mut tx, &script).await?;
        tx.commit().await?;
        Ok(script)
    }

    /// One version of a script.
    pub async fn script(&self, tenant: TenantId, id: ScriptId) -> Result<Script> {
        let script = self.script_by_id(id).await?;
        if script.tenant == tenant { Ok(script) } else { Err(StoreError::not_found("script", id)) }
    }

    /// One version of a script, of whatever tenant: for the nodes.
    pub async fn script_by_id(&self, id: ScriptId) -> Result<Script> {
        sqlx::query("SELECT id, tenant, version, spec FROM script WHERE id = ?")
            .bind(id.0)
            .fetch_optional(&self.readers)
            .await?
            .map_or_else(|| Err(StoreError::not_found("script", id)), |row| from_row(&row))
    }

    /// The scripts of a tenant, every version, by id.
    pub async fn scripts(
        &self,
        tenant: TenantId,
        after: Option<ScriptId>,
        limit: u32,
    ) -> Result<Page<Script, ScriptId>> {
        let (limit, rows) = rows_for(limit);
        let rows = sqlx::query(
            "SELECT id, tenant, version, spec FROM script WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?",
        )
        .bind(tenant.0)
        .bind(after.map_or(0, |id| id.0))
        .bind(rows)
        .fetch_all(&self.readers)
        .await?;
        let items = rows.iter().map(from_row).collect::<Result<_>>()?;
        Ok(Page::cut(items, limit, |script| script.id))
    }

    /// Deletes one version of a script that no campaign names.
    pub async fn delete_script(&self, tenant: TenantId, id: ScriptId) -> Result<()> {
        let mut tx = self.write().await?;
        let campaign: Option<i64> = sqlx::query_scalar("SELECT id FROM campaign WHERE script = ? LIMIT 1")
            .bind(id.0)
            .fetch_optional(&mut *tx)
            .await?;
        if let Some(campaign) = campaign {
            let by = format!("campaign {campaign}");
            return Err(StoreError::InUse { what: "script", id: id.to_string(), by });
        }
        let deleted = sqlx::query("DELETE FROM script WHERE id = ? AND tenant = ?")
            .bind(id.0)
            .bind(tenant.0)
            .execute(&mut *tx)
            .await?;
        if deleted.rows_affected() == 0 {
            return Err(StoreError::not_found("script", id));
        }
        Ok(tx.commit().await?)
    }
}

async fn insert_prompts(connection: &mut SqliteConnection, script: &Script) -> Result<()> {
    for prompt in script.spec.prompts() {
        let inserted = sqlx::query(
            "INSERT INTO script_prompt (script, prompt) SELECT ?, id FROM prompt WHERE id = ? AND tenant = ?",
        )
        .bind(script.id.0)
        .bind(prompt.0)
        .bind(script.tenant.0)
        .execute(&mut *connection)
        .await?;
        if inserted.rows_affected() == 0 {
            let plays = |step: &Step| matches!(step, Step::Play { prompt: p, .. } if *p == prompt);
            let index = script.spec.steps.iter().position(plays).unwrap_or(0);
            let problem = format!("there is no prompt {prompt}");
            return Err(Invalid::new(format!("steps[{index}].prompt"), problem).into());
        }
    }
    Ok(())
}

fn from_row(row: &SqliteRow) -> Result<Script> {
    Ok(Script {
        id: ScriptId(read::column(row, "id")?),
        tenant: TenantId(read::column(row, "tenant")?),
        version: read::column(row, "version")?,
        spec: read::json(row, "spec")?,
    })
}
