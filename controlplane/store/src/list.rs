//! Contact lists.

use common::{ContactId, ListId, TenantId, UnixMicros};
use peal_core::model::{Contact, List, RejectedRow, check_name};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;

use crate::{
    Page, Result, Store, StoreError,
    error::{name_taken, tenant_missing},
    page::rows_for,
    read,
};

/// A row of an import that did not become a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListProblem {
    /// Cursor of the page.
    pub id: i64,
    /// Which import of the list, by its id.
    pub import: i64,
    /// The row and the reason.
    #[serde(flatten)]
    pub row: RejectedRow,
}

impl Store {
    /// Makes an empty list.
    pub async fn create_list(&self, tenant: TenantId, name: &str, now: UnixMicros) -> Result<List> {
        check_name("name", name)?;
        let mut tx = self.write().await?;
        let list = sqlx::query("INSERT INTO list (tenant, name, created_at) VALUES (?, ?, ?) RETURNING *")
            .bind(tenant.0)
            .bind(name)
            .bind(now.0)
            .fetch_one(&mut *tx)
            .await
            .map_err(name_taken("list", name))
            .map_err(tenant_missing(tenant))
            .and_then(|row| list_from_row(&row))?;
        tx.commit().await?;
        Ok(list)
    }

    /// A list with its counters.
    pub async fn list(&self, tenant: TenantId, id: ListId) -> Result<List> {
        sqlx::query("SELECT * FROM list WHERE id = ? AND tenant = ? AND deleted_at IS NULL")
            .bind(id.0)
            .bind(tenant.0)
            .fetch_optional(&self.readers)
            .await?
            .map_or_else(|| Err(StoreError::not_found("list", id)), |row| list_from_row(&row))
    }

    /// The lists of a tenant, by id.
    pub async fn lists(
        &self,
        tenant: TenantId,
        after: Option<ListId>,
        limit: u32,
    ) -> Result<Page<List, ListId>> {
        let (limit, rows) = rows_for(limit);
        let rows = sqlx::query(
            "SELECT * FROM list WHERE tenant = ? AND id > ? AND deleted_at IS NULL ORDER BY id LIMIT ?",
        )
        .bind(tenant.0)
        .bind(after.map_or(0, |id| id.0))
        .bind(rows)
        .fetch_all(&self.readers)
        .await?;
        let items = rows.iter().map(list_from_row).collect::<Result<_>>()?;
        Ok(Page::cut(items, limit, |list| list.id))
    }

    /// Gives a list another name.
    pub async fn rename_list(&self, tenant: TenantId, id: ListId, name: &str) -> Result<List> {
        check_name("name", name)?;
        let mut tx = self.write().await?;
        let list = sqlx::query(
            "UPDATE list SET name = ? WHERE id = ? AND tenant = ? AND deleted_at IS NULL RETURNING *",
        )
        .bind(name)
        .bind(id.0)
        .bind(tenant.0)
        .fetch_optional(&mut *tx)
        .await
        .map_err(name_taken("list", name))?
        .map_or_else(|| Err(StoreError::not_found("list", id)), |row| list_from_row(&row))?;
        tx.commit().await?;
        Ok(list)
    }

    /// Deletes a list that no campaign names, with its contacts. It is gone at once; its contacts are removed in
    /// bites between which others write, before this returns or, after a crash, when the store is opened.
    pub async fn delete_list(&self, tenant: TenantId, id: ListId, now: UnixMicros) -> Result<()> {
        let mut tx = self.write().await?;
        let campaign: Option<i64> =
            sqlx::query_scalar("SELECT campaign FROM campaign_list WHERE list = ? LIMIT 1")
                .bind(id.0)
                .fetch_optional(&mut *tx)
                .await?;
        if let Some(campaign) = campaign {
            let by = format!("campaign {campaign}");
            return Err(StoreError::InUse { what: "list", id: id.to_string(), by });
        }
        let deleted =
            sqlx::query("UPDATE list SET deleted_at = ? WHERE id = ? AND tenant = ? AND deleted_at IS NULL")
                .bind(now.0)
                .bind(id.0)
                .bind(tenant.0)
                .execute(&mut *tx)
                .await?;
        if deleted.rows_affected() == 0 {
            return Err(StoreError::not_found("list", id));
        }
        tx.commit().await?;
        self.sweep().await
    }

    /// The contacts of a list, by id.
    pub async fn list_contacts(
        &self,
        list: ListId,
        after: Option<ContactId>,
        limit: u32,
    ) -> Result<Page<Contact, ContactId>> {
        let (limit, rows) = rows_for(limit);
        let rows = sqlx::query(
            "SELECT id, list, number, fields FROM contact WHERE list = ? AND id > ? ORDER BY id LIMIT ?",
        )
        .bind(list.0)
        .bind(after.map_or(0, |id| id.0))
        .bind(rows)
        .fetch_all(&self.readers)
        .await?;
        let items = rows.iter().map(contact_from_row).collect::<Result<_>>()?;
        Ok(Page::cut(items, limit, |contact| contact.id))
    }

    /// Every row of every import of a list that did not become a contact, in the order of the imports.
    pub async fn list_problems(
        &self,
        list: ListId,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Page<ListProblem, i64>> {
        let (limit, rows) = rows_for(limit);
        let rows = sqlx::query("SELECT * FROM import_problem WHERE list = ? AND id > ? ORDER BY id LIMIT ?")
            .bind(list.0)
            .bind(after.unwrap_or(0))
            .bind(rows)
            .fetch_all(&self.readers)
            .await?;
        let items = rows.iter().map(problem_from_row).collect::<Result<_>>()?;
        Ok(Page::cut(items, limit, |problem| problem.id))
    }
}

fn list_from_row(row: &SqliteRow) -> Result<List> {
    Ok(List {
        id: ListId(read::column(row, "id")?),
        tenant: TenantId(read::column(row, "tenant")?),
        name: read::column(row, "name")?,
        contacts: read::count(row, "contacts")?,
        rejected_rows: read::count(row, "rejected_rows")?,
        duplicate_rows: read::count(row, "duplicate_rows")?,
        created_at: read::at(row, "created_at")?,
    })
}

pub(crate) fn contact_from_row(row: &SqliteRow) -> Result<Contact> {
    Ok(Contact {
        id: ContactId(read::column(row, "id")?),
        list: ListId(read::column(row, "list")?),
        number: read::number(row, "number")?,
        fields: read::column(row, "fields")?,
    })
}

fn problem_from_row(row: &SqliteRow) -> Result<ListProblem> {
    Ok(ListProblem {
        id: read::column(row, "id")?,
        import: read::column(row, "import")?,
        row: RejectedRow { line: read::count(row, "file_line")?, reason: read::json(row, "reason")? },
    })
}
