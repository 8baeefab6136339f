//! Scripts and their versions.

use std::collections::{BTreeMap, BTreeSet};

use common::{PromptId, ScriptId, TenantId};
use peal_core::model::Script;
use script::{Document, Program};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use crate::{Page, Result, Store, StoreError, error::tenant_missing, page::rows_for, read};

impl Store {
    /// Keeps a script. When it differs from the newest version of its name, or the name is new, it becomes a new
    /// version; otherwise the newest version is given back.
    pub async fn put_script(&self, tenant: TenantId, document: &Document) -> Result<Script> {
        // Before the transaction: grammars take their time.
        let mut faults = Program::new(document).err().unwrap_or_default();
        let mut tx = self.write().await?;
        let mut prompts = BTreeSet::new();
        for played in document.prompts() {
            if prompts.contains(&played.prompt) || exists(&mut tx, tenant, played.prompt).await? {
                prompts.insert(played.prompt);
            } else {
                faults.push(played.missing());
            }
        }
        if !faults.is_empty() {
            return Err(StoreError::Faulty(faults));
        }
        let newest = sqlx::query(
            "SELECT id, tenant, version, spec FROM script WHERE tenant = ? AND name = ? ORDER BY version DESC LIMIT 1",
        )
        .bind(tenant.0)
        .bind(&document.name)
        .fetch_optional(&mut *tx)
        .await?
        .map(|row| from_row(&row))
        .transpose()?;
        if let Some(newest) = newest.filter(|newest| newest.document == *document) {
            return Ok(newest);
        }
        let version = next_version(&mut tx, tenant, &document.name).await.map_err(tenant_missing(tenant))?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO script (tenant, name, version, spec) VALUES (?, ?, ?, ?) RETURNING id",
        )
        .bind(tenant.0)
        .bind(&document.name)
        .bind(version)
        .bind(read::to_json(document))
        .fetch_one(&mut *tx)
        .await
        .map_err(StoreError::from)
        .map_err(tenant_missing(tenant))?;
        let script = Script { id: ScriptId(id), tenant, version, document: document.clone() };
        for prompt in prompts {
            sqlx::query("INSERT INTO script_prompt (script, prompt) VALUES (?, ?)")
                .bind(id)
                .bind(prompt.0)
                .execute(&mut *tx)
                .await?;
        }
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
        let campaign: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM campaign WHERE script = ?1 UNION ALL \
             SELECT campaign FROM campaign_variant WHERE script = ?1 LIMIT 1",
        )
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

/// A number that no version of this name ever had.
async fn next_version(connection: &mut SqliteConnection, tenant: TenantId, name: &str) -> Result<u32> {
    Ok(sqlx::query_scalar(
        "INSERT INTO script_version (tenant, name, newest) VALUES (?, ?, 1) \
         ON CONFLICT DO UPDATE SET newest = newest + 1 RETURNING newest",
    )
    .bind(tenant.0)
    .bind(name)
    .fetch_one(connection)
    .await?)
}

async fn exists(connection: &mut SqliteConnection, tenant: TenantId, prompt: PromptId) -> Result<bool> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM prompt WHERE id = ? AND tenant = ?)")
        .bind(prompt.0)
        .bind(tenant.0)
        .fetch_one(connection)
        .await?)
}

/// The recognisers that scripts in use listen with.
pub(crate) async fn recognisers(
    connection: &mut SqliteConnection,
) -> Result<BTreeMap<ScriptId, BTreeSet<String>>> {
    let rows = sqlx::query(
        "SELECT id, tenant, version, spec FROM script WHERE id IN ( \
             SELECT script FROM campaign WHERE deleted_at IS NULL AND state IN ('pending', 'running', 'paused') \
             UNION SELECT script FROM campaign_variant \
             UNION SELECT script FROM attempt WHERE outcome IS NULL)",
    )
    .fetch_all(connection)
    .await?;
    let mut listening = BTreeMap::new();
    for row in &rows {
        let script = from_row(row)?;
        let mut names: BTreeSet<String> =
            script.document.recognisers().into_iter().map(str::to_owned).collect();
        // As nodes name them where they tell what is free.
        names.extend(script.document.bots().into_iter().map(|bot| format!("bot:{bot}")));
        if !names.is_empty() {
            listening.insert(script.id, names);
        }
    }
    Ok(listening)
}

fn from_row(row: &SqliteRow) -> Result<Script> {
    Ok(Script {
        id: ScriptId(read::column(row, "id")?),
        tenant: TenantId(read::column(row, "tenant")?),
        version: read::column(row, "version")?,
        document: read::json(row, "spec")?,
    })
}
