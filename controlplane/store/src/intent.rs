//! Intents: what is on disk before an order may leave.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use common::{
    AttemptId, CampaignId, ContactId, E164, Epoch, LineId, ListId, NodeId, ScriptId, TenantId, UnixMicros,
};
use sqlx::SqliteConnection;

use crate::{Result, Store, StoreError, campaign_counts::Changes, draw::put_back, lease, read, suppression};

/// The decision to call somebody, with its first route try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Its id; new.
    pub attempt: AttemptId,
    /// Whose it is.
    pub tenant: TenantId,
    /// For which campaign.
    pub campaign: CampaignId,
    /// The list of the contact.
    pub list: ListId,
    /// Whom to call.
    pub contact: ContactId,
    /// The number to call.
    pub number: E164,
    /// Counted from 1 within the contact.
    pub attempt_no: u32,
    /// When the planner decided.
    pub planned_at: UnixMicros,
    /// Priority of the campaign.
    pub priority: u8,
    /// What the call does.
    pub script: ScriptId,
    /// The caller id that is shown; empty for anonymous.
    pub caller_id: String,
    /// What compliance found when it let the call pass, as text for the record. Reserved: compliance comes with a later
    /// version and fills it in here; until then it is always empty.
    pub verdicts: String,
    /// Over which line.
    pub line: LineId,
    /// Through which node.
    pub node: NodeId,
    /// Until when the slot is held at the most, when its release is never heard of.
    pub slot_until: UnixMicros,
}

/// What [`crate::Store::commit_intents`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Those for which no order may leave. All others are on disk.
    pub refused: Vec<(AttemptId, Refusal)>,
    /// The contact's other columns for each of the others, JSON object text; none for a contact that has none.
    pub fields: HashMap<AttemptId, String>,
}

/// Why an intent was not committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The campaign was paused or ended in the meantime. The contact waits.
    CampaignNotRunning,
    /// The contact is in flight already, or settled.
    ContactNotReady,
    /// An attempt at the same number is under way for another contact of the tenant. The contact waits for some seconds.
    NumberInFlight,
    /// The number is suppressed. The contact is settled; an attempt that was to go on over another line goes on no more.
    Suppressed,
}

/// A further INVITE of an attempt, on another line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTry {
    /// Of which attempt.
    pub attempt: AttemptId,
    /// One more than the last, which must have ended.
    pub route_try: u32,
    /// Over which line.
    pub line: LineId,
    /// The caller id that is shown now; lines have their own.
    pub caller_id: String,
    /// Through which node.
    pub node: NodeId,
    /// Until when the slot is held at the most.
    pub slot_until: UnixMicros,
}

/// How long a contact waits whose number is being called for another contact of the tenant.
const NUMBER_IN_FLIGHT_DELAY: Duration = Duration::from_secs(5);

impl Store {
    /// Commits intents, all that are not refused in one transaction that is synced before this returns. `epoch` is that
    /// of the caller's lease; one that is over is refused with everything ([`StoreError::StaleEpoch`]).
    pub async fn commit_intents(
        &self,
        epoch: Epoch,
        now: UnixMicros,
        intents: &[Intent],
    ) -> Result<Committed> {
        let mut tx = self.write().await?;
        lease::fence(&mut tx, epoch).await?;
        let running: HashSet<i64> =
            sqlx::query_scalar("SELECT id FROM campaign WHERE state = 'running' AND deleted_at IS NULL")
                .fetch_all(&mut *tx)
                .await?
                .into_iter()
                .collect();
        let mut committed = Committed::default();
        let mut changes = Changes::default();
        for intent in intents {
            let result = if running.contains(&intent.campaign.0) {
                commit(&mut tx, epoch, now, intent, &mut changes).await?
            } else {
                put_back(&mut tx, intent.campaign, intent.contact, now).await?;
                Err(Refusal::CampaignNotRunning)
            };
            match result {
                Ok(fields) if fields.is_empty() => {}
                Ok(fields) => _ = committed.fields.insert(intent.attempt, fields),
                Err(refusal) => committed.refused.push((intent.attempt, refusal)),
            }
        }
        changes.write(&mut tx).await?;
        tx.commit().await?;
        Ok(committed)
    }

    /// Commits a further try of an open attempt, on another line. The attempt goes back to [`crate::Stage::Intent`]. Gives the
    /// contact's other columns, as [`Committed::fields`] has them, or [`Refusal::Suppressed`].
    pub async fn begin_route_try(
        &self,
        epoch: Epoch,
        now: UnixMicros,
        route_try: &RouteTry,
    ) -> Result<std::result::Result<String, Refusal>> {
        let mut tx = self.write().await?;
        lease::fence(&mut tx, epoch).await?;
        let suppressed: Option<bool> = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM suppression s WHERE s.tenant = a.tenant AND s.number = a.number \
             AND s.lifted_at IS NULL) FROM attempt a WHERE id = ? AND outcome IS NULL",
        )
        .bind(&route_try.attempt.as_bytes()[..])
        .fetch_optional(&mut *tx)
        .await?;
        if suppressed == Some(true) {
            return Ok(Err(Refusal::Suppressed));
        }
        let advanced: Option<Option<String>> = sqlx::query_scalar(
            "UPDATE attempt SET route_try = ?1, caller_id = ?2, stage = 0, stage_at = ?3, invited_at = NULL, \
             ringing_at = NULL, answered_at = NULL WHERE id = ?4 AND outcome IS NULL AND route_try = ?1 - 1 \
             AND EXISTS (SELECT 1 FROM route_try t WHERE t.attempt = ?4 AND t.route_try = ?1 - 1 \
                         AND t.outcome IS NOT NULL) \
             RETURNING (SELECT fields FROM contact c WHERE c.id = attempt.contact)",
        )
        .bind(route_try.route_try)
        .bind(&route_try.caller_id)
        .bind(now.0)
        .bind(&route_try.attempt.as_bytes()[..])
        .fetch_optional(&mut *tx)
        .await?;
        let Some(fields) = advanced else {
            return Err(StoreError::Conflict(format!(
                "attempt {} is not waiting for route try {}",
                route_try.attempt, route_try.route_try
            )));
        };
        insert_try(&mut tx, now, route_try).await?;
        tx.commit().await?;
        Ok(Ok(fields.unwrap_or_default()))
    }
}

/// The contact's other columns, or why no order may leave.
async fn commit(
    connection: &mut SqliteConnection,
    epoch: Epoch,
    now: UnixMicros,
    intent: &Intent,
    changes: &mut Changes,
) -> Result<std::result::Result<String, Refusal>> {
    let id = &intent.attempt.as_bytes()[..];
    let inserted = sqlx::query(
        "INSERT INTO attempt (id, tenant, campaign, list, contact, number, attempt_no, epoch, planned_at, intent_at, \
         priority, script, caller_id, verdicts, stage_at) SELECT ?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15 \
         WHERE NOT EXISTS (SELECT 1 FROM suppression WHERE tenant = ?2 AND number = ?6 AND lifted_at IS NULL) \
         ON CONFLICT (tenant, number) WHERE outcome IS NULL DO NOTHING",
    )
    .bind(id)
    .bind(intent.tenant.0)
    .bind(intent.campaign.0)
    .bind(intent.list.0)
    .bind(intent.contact.0)
    .bind(read::number_value(intent.number))
    .bind(intent.attempt_no)
    .bind(read::count_value(epoch.0))
    .bind(intent.planned_at.0)
    .bind(now.0)
    .bind(intent.priority)
    .bind(intent.script.0)
    .bind(&intent.caller_id)
    .bind(&intent.verdicts)
    .bind(now.0)
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 0 {
        if suppression::is_suppressed(connection, intent.tenant, intent.number).await? {
            suppression::settle(connection, intent.campaign, intent.contact, changes).await?;
            return Ok(Err(Refusal::Suppressed));
        }
        let later = now.saturating_add(NUMBER_IN_FLIGHT_DELAY);
        let waits = put_back(connection, intent.campaign, intent.contact, later).await?;
        return Ok(Err(if waits { Refusal::NumberInFlight } else { Refusal::ContactNotReady }));
    }
    let ready: Option<(i64, Option<String>)> = sqlx::query_as(
        "UPDATE progress SET state = 'in_flight', due_at = NULL, last_attempt = ?, script = ? WHERE campaign = ? AND contact = ? \
         AND state IN ('queued', 'waiting') \
         RETURNING attempts, (SELECT fields FROM contact c WHERE c.id = progress.contact)",
    )
    .bind(id)
    .bind(intent.script.0)
    .bind(intent.campaign.0)
    .bind(intent.contact.0)
    .fetch_optional(&mut *connection)
    .await?;
    let Some((attempts, fields)) = ready else {
        sqlx::query("DELETE FROM attempt WHERE id = ?").bind(id).execute(&mut *connection).await?;
        return Ok(Err(Refusal::ContactNotReady));
    };
    let first = RouteTry {
        attempt: intent.attempt,
        route_try: 1,
        line: intent.line,
        caller_id: String::new(),
        node: intent.node.clone(),
        slot_until: intent.slot_until,
    };
    insert_try(connection, now, &first).await?;
    let change = changes.of(intent.campaign);
    change.in_flight += 1;
    change.retry -= i64::from(attempts > 0);
    Ok(Ok(fields.unwrap_or_default()))
}

async fn insert_try(connection: &mut SqliteConnection, now: UnixMicros, route_try: &RouteTry) -> Result<()> {
    sqlx::query(
        "INSERT INTO route_try (attempt, route_try, line, node, intent_at, slot_until) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(&route_try.attempt.as_bytes()[..])
    .bind(route_try.route_try)
    .bind(route_try.line.0)
    .bind(&route_try.node.0)
    .bind(now.0)
    .bind(route_try.slot_until.0)
    .execute(&mut *connection)
    .await?;
    Ok(())
}
