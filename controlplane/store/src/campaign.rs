//! Campaigns.

use common::{CampaignId, LineGroupId, ListId, ScriptId, TenantId, UnixMicros};
use peal_core::model::{Campaign, CampaignSpec, CampaignState, Invalid, Move, Scripts};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use crate::{
    Page, Result, Store, StoreError, campaign_counts,
    error::{name_taken, tenant_missing},
    page::rows_for,
    read, variant,
};

impl Store {
    /// Makes a campaign, as a draft.
    pub async fn create_campaign(
        &self,
        tenant: TenantId,
        spec: &CampaignSpec,
        now: UnixMicros,
    ) -> Result<Campaign> {
        spec.check()?;
        let mut tx = self.write().await?;
        check_references(&mut tx, tenant, spec).await?;
        let state = CampaignState::Draft;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO campaign (tenant, name, state, line_group, script, spec, created_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(tenant.0)
        .bind(&spec.name)
        .bind(state.as_str())
        .bind(spec.line_group.0)
        .bind(spec.script.ids()[0].0)
        .bind(read::to_json(spec))
        .bind(now.0)
        .fetch_one(&mut *tx)
        .await
        .map_err(name_taken("campaign", &spec.name))
        .map_err(tenant_missing(tenant))?;
        let campaign = Campaign { id: CampaignId(id), tenant, state, created_at: now, spec: spec.clone() };
        name_lists(&mut tx, campaign.id, &spec.lists).await?;
        variant::name(&mut tx, campaign.id, None, spec).await?;
        tx.commit().await?;
        Ok(campaign)
    }

    /// A campaign.
    pub async fn campaign(&self, tenant: TenantId, id: CampaignId) -> Result<Campaign> {
        let mut connection = self.readers.acquire().await?;
        by_id(&mut connection, tenant, id).await
    }

    /// The campaigns of a tenant, by id.
    pub async fn campaigns(
        &self,
        tenant: TenantId,
        after: Option<CampaignId>,
        limit: u32,
    ) -> Result<Page<Campaign, CampaignId>> {
        let (limit, rows) = rows_for(limit);
        let rows = sqlx::query(
            "SELECT * FROM campaign WHERE tenant = ? AND id > ? AND deleted_at IS NULL ORDER BY id LIMIT ?",
        )
        .bind(tenant.0)
        .bind(after.map_or(0, |id| id.0))
        .bind(rows)
        .fetch_all(&self.readers)
        .await?;
        let items = rows.iter().map(from_row).collect::<Result<_>>()?;
        Ok(Page::cut(items, limit, |campaign| campaign.id))
    }

    /// Configures a campaign anew. One that has ended cannot be changed; one that was started keeps its lists, and may
    /// get more.
    pub async fn update_campaign(
        &self,
        tenant: TenantId,
        id: CampaignId,
        spec: &CampaignSpec,
    ) -> Result<Campaign> {
        spec.check()?;
        let mut tx = self.write().await?;
        let old = by_id(&mut tx, tenant, id).await?;
        match old.state {
            CampaignState::Completed | CampaignState::Cancelled => {
                let state = old.state.as_str();
                return Err(StoreError::Conflict(format!("a {state} campaign cannot be changed")));
            }
            CampaignState::Draft => {
                sqlx::query("DELETE FROM campaign_list WHERE campaign = ?")
                    .bind(id.0)
                    .execute(&mut *tx)
                    .await?;
            }
            CampaignState::Pending | CampaignState::Running | CampaignState::Paused => {
                if let Some(list) = old.spec.lists.iter().find(|list| !spec.lists.contains(list)) {
                    return Err(StoreError::Conflict(format!(
                        "list {list} cannot be taken from a campaign that was started; cancel it and make another"
                    )));
                }
            }
        }
        check_references(&mut tx, tenant, spec).await?;
        sqlx::query("UPDATE campaign SET name = ?, line_group = ?, script = ?, spec = ? WHERE id = ?")
            .bind(&spec.name)
            .bind(spec.line_group.0)
            .bind(spec.script.ids()[0].0)
            .bind(read::to_json(spec))
            .bind(id.0)
            .execute(&mut *tx)
            .await
            .map_err(name_taken("campaign", &spec.name))?;
        name_lists(&mut tx, id, &spec.lists).await?;
        variant::name(&mut tx, id, Some(&old.spec), spec).await?;
        tx.commit().await?;
        Ok(Campaign { spec: spec.clone(), ..old })
    }

    /// Moves a campaign as [`CampaignState::after`] allows. [`Move::AllSettled`] is refused while a contact is not settled,
    /// whatever the planner believes: an import may have just added some.
    pub async fn move_campaign(&self, tenant: TenantId, id: CampaignId, action: Move) -> Result<Campaign> {
        let mut tx = self.write().await?;
        let old = by_id(&mut tx, tenant, id).await?;
        let Some(state) = old.state.after(action) else {
            return Err(StoreError::Conflict(format!(
                "a {} campaign cannot take the move '{}'",
                old.state.as_str(),
                move_name(action)
            )));
        };
        if action == Move::AllSettled {
            let counts = campaign_counts::of(&mut tx, id).await?;
            let left = counts.new + counts.in_flight + counts.retry;
            if left > 0 {
                return Err(StoreError::Conflict(format!(
                    "{left} contacts of campaign {id} are not settled"
                )));
            }
        }
        if state != old.state {
            sqlx::query("UPDATE campaign SET state = ? WHERE id = ?")
                .bind(state.as_str())
                .bind(id.0)
                .execute(&mut *tx)
                .await?;
            if state != CampaignState::Running {
                recall(&mut tx, id).await?;
            }
        }
        tx.commit().await?;
        Ok(Campaign { state, ..old })
    }

    /// Deletes a campaign that is not under way, with its attempts; records that were written elsewhere stay. It is gone
    /// at once; what it leaves is removed as with [`Store::delete_list`].
    pub async fn delete_campaign(&self, tenant: TenantId, id: CampaignId, now: UnixMicros) -> Result<()> {
        let mut tx = self.write().await?;
        let campaign = by_id(&mut tx, tenant, id).await?;
        match campaign.state {
            CampaignState::Draft | CampaignState::Completed | CampaignState::Cancelled => {}
            CampaignState::Pending | CampaignState::Running | CampaignState::Paused => {
                let state = campaign.state.as_str();
                return Err(StoreError::Conflict(format!("campaign {id} is {state}: cancel it first")));
            }
        }
        let held: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM route_try t JOIN attempt a ON a.id = t.attempt \
             WHERE t.released_at IS NULL AND a.campaign = ?",
        )
        .bind(id.0)
        .fetch_one(&mut *tx)
        .await?;
        if held > 0 {
            let by = format!("{held} calls");
            return Err(StoreError::InUse { what: "campaign", id: id.to_string(), by });
        }
        sqlx::query("UPDATE campaign SET deleted_at = ? WHERE id = ?")
            .bind(now.0)
            .bind(id.0)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        self.sweep().await
    }
}

async fn by_id(connection: &mut SqliteConnection, tenant: TenantId, id: CampaignId) -> Result<Campaign> {
    sqlx::query("SELECT * FROM campaign WHERE id = ? AND tenant = ? AND deleted_at IS NULL")
        .bind(id.0)
        .bind(tenant.0)
        .fetch_optional(&mut *connection)
        .await?
        .map_or_else(|| Err(StoreError::not_found("campaign", id)), |row| from_row(&row))
}

/// Campaigns that are pending, running or paused, of every tenant.
pub(crate) async fn under_way(connection: &mut SqliteConnection) -> Result<Vec<Campaign>> {
    let rows = sqlx::query(
        "SELECT * FROM campaign WHERE deleted_at IS NULL AND state IN ('pending', 'running', 'paused') ORDER BY id",
    )
    .fetch_all(&mut *connection)
    .await?;
    rows.iter().map(from_row).collect()
}

/// Takes back the contacts that were drawn and are not in flight.
pub(crate) async fn recall(connection: &mut SqliteConnection, id: CampaignId) -> Result<()> {
    sqlx::query(
        "UPDATE progress SET state = 'waiting' WHERE campaign = ? AND state = 'queued' AND due_at IS NOT NULL",
    )
    .bind(id.0)
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// What a campaign names must be there, and of the same tenant.
async fn check_references(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    spec: &CampaignSpec,
) -> Result<()> {
    let LineGroupId(line_group) = spec.line_group;
    let there = |sql: &'static str, id: i64| sqlx::query_scalar::<_, i64>(sql).bind(id).bind(tenant.0);
    if there("SELECT 1 FROM line_group WHERE id = ? AND tenant = ?", line_group)
        .fetch_optional(&mut *connection)
        .await?
        .is_none()
    {
        return Err(Invalid::new("line_group", format!("there is no line group {line_group}")).into());
    }
    for (index, ScriptId(script)) in spec.script.ids().into_iter().enumerate() {
        if there("SELECT 1 FROM script WHERE id = ? AND tenant = ?", script)
            .fetch_optional(&mut *connection)
            .await?
            .is_none()
        {
            let field = match spec.script {
                Scripts::One(_) => "script".to_owned(),
                Scripts::Variants(_) => format!("script[{index}].script"),
            };
            return Err(Invalid::new(field, format!("there is no script {script}")).into());
        }
    }
    for (index, &ListId(list)) in spec.lists.iter().enumerate() {
        if there("SELECT 1 FROM list WHERE id = ? AND tenant = ? AND deleted_at IS NULL", list)
            .fetch_optional(&mut *connection)
            .await?
            .is_none()
        {
            return Err(Invalid::new(format!("lists[{index}]"), format!("there is no list {list}")).into());
        }
    }
    Ok(())
}

/// Brings the lists into the order of the specification; those that were there keep how far they are drawn.
async fn name_lists(connection: &mut SqliteConnection, id: CampaignId, lists: &[ListId]) -> Result<()> {
    for (position, list) in lists.iter().enumerate() {
        sqlx::query(
            "INSERT INTO campaign_list (campaign, position, list) VALUES (?, ?, ?) \
             ON CONFLICT (campaign, list) DO UPDATE SET position = excluded.position",
        )
        .bind(id.0)
        .bind(position as i64)
        .bind(list.0)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

fn move_name(action: Move) -> &'static str {
    match action {
        Move::Start => "start",
        Move::Pause => "pause",
        Move::Resume => "resume",
        Move::Cancel => "cancel",
        Move::ScheduleReached => "schedule_reached",
        Move::AllSettled => "all_settled",
        Move::ContactsAdded => "contacts_added",
    }
}

fn from_row(row: &SqliteRow) -> Result<Campaign> {
    let state: &str = read::column(row, "state")?;
    Ok(Campaign {
        id: CampaignId(read::column(row, "id")?),
        tenant: TenantId(read::column(row, "tenant")?),
        state: read_state(state)?,
        created_at: read::at(row, "created_at")?,
        spec: read::json(row, "spec")?,
    })
}

fn read_state(text: &str) -> Result<CampaignState> {
    use CampaignState::{Cancelled, Completed, Draft, Paused, Pending, Running};
    [Draft, Pending, Running, Paused, Completed, Cancelled]
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| StoreError::Corrupt(format!("campaign state '{text}'")))
}
