//! Prompts.

use common::{PromptId, TenantId};
use peal_core::model::{Prompt, check_name};
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteRow;

use crate::{
    Page, Result, Store, StoreError,
    error::{name_taken, tenant_missing},
    page::rows_for,
    read,
};

impl Store {
    /// Keeps a prompt. That `wav` is audio, and how long it lasts, is the caller's to know.
    pub async fn create_prompt(
        &self,
        tenant: TenantId,
        name: &str,
        wav: &[u8],
        duration_ms: u64,
    ) -> Result<Prompt> {
        check_name("name", name)?;
        let sha256: String = Sha256::digest(wav).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut tx = self.write().await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO prompt (tenant, name, duration_ms, sha256, wav) VALUES (?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(tenant.0)
        .bind(name)
        .bind(read::count_value(duration_ms))
        .bind(&sha256)
        .bind(wav)
        .fetch_one(&mut *tx)
        .await
        .map_err(name_taken("prompt", name))
        .map_err(tenant_missing(tenant))?;
        tx.commit().await?;
        let bytes = wav.len() as u64;
        Ok(Prompt { id: PromptId(id), tenant, name: name.to_owned(), duration_ms, bytes, sha256 })
    }

    /// A prompt without its audio.
    pub async fn prompt(&self, tenant: TenantId, id: PromptId) -> Result<Prompt> {
        sqlx::query(
            "SELECT id, tenant, name, duration_ms, sha256, length(wav) AS bytes FROM prompt WHERE id = ? AND tenant = ?",
        )
        .bind(id.0)
        .bind(tenant.0)
        .fetch_optional(&self.readers)
        .await?
        .map_or_else(|| Err(StoreError::not_found("prompt", id)), |row| from_row(&row))
    }

    /// The WAV file of a prompt, as it was given. For nodes too, which know no tenants.
    pub async fn prompt_wav(&self, id: PromptId) -> Result<Vec<u8>> {
        sqlx::query_scalar("SELECT wav FROM prompt WHERE id = ?")
            .bind(id.0)
            .fetch_optional(&self.readers)
            .await?
            .ok_or_else(|| StoreError::not_found("prompt", id))
    }

    /// The prompts of a tenant, by id.
    pub async fn prompts(
        &self,
        tenant: TenantId,
        after: Option<PromptId>,
        limit: u32,
    ) -> Result<Page<Prompt, PromptId>> {
        let (limit, rows) = rows_for(limit);
        let rows = sqlx::query(
            "SELECT id, tenant, name, duration_ms, sha256, length(wav) AS bytes FROM prompt \
             WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?",
        )
        .bind(tenant.0)
        .bind(after.map_or(0, |id| id.0))
        .bind(rows)
        .fetch_all(&self.readers)
        .await?;
        let items = rows.iter().map(from_row).collect::<Result<_>>()?;
        Ok(Page::cut(items, limit, |prompt| prompt.id))
    }

    /// Deletes a prompt that no version of a script plays.
    pub async fn delete_prompt(&self, tenant: TenantId, id: PromptId) -> Result<()> {
        let mut tx = self.write().await?;
        let script: Option<i64> =
            sqlx::query_scalar("SELECT script FROM script_prompt WHERE prompt = ? LIMIT 1")
                .bind(id.0)
                .fetch_optional(&mut *tx)
                .await?;
        if let Some(script) = script {
            let by = format!("script {script}");
            return Err(StoreError::InUse { what: "prompt", id: id.to_string(), by });
        }
        let deleted = sqlx::query("DELETE FROM prompt WHERE id = ? AND tenant = ?")
            .bind(id.0)
            .bind(tenant.0)
            .execute(&mut *tx)
            .await?;
        if deleted.rows_affected() == 0 {
            return Err(StoreError::not_found("prompt", id));
        }
        Ok(tx.commit().await?)
    }
}

fn from_row(row: &SqliteRow) -> Result<Prompt> {
    Ok(Prompt {
        id: PromptId(read::column(row, "id")?),
        tenant: TenantId(read::column(row, "tenant")?),
        name: read::column(row, "name")?,
        duration_ms: read::count(row, "duration_ms")?,
        bytes: read::count(row, "bytes")?,
        sha256: read::column(row, "sha256")?,
    })
}
