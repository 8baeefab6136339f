//! Contacts for the planner: the next ones of a campaign, and where one of them stands.

use common::{AttemptId, CampaignId, ContactId, E164, ListId, Outcome, ScriptId, UnixMicros};
use peal_core::{
    model::{CampaignState, Contact, ContactState},
    retry::Tally,
};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use crate::{Result, Store, StoreError, list::contact_from_row, read};

/// A contact that may be called now. It is the drawer's until it is committed as an [`crate::Intent`] or put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyContact {
    /// Its id.
    pub contact: ContactId,
    /// Its list.
    pub list: ListId,
    /// Whom to call.
    pub number: E164,
    /// Attempts so far.
    pub tally: Tally,
    /// What its last attempt did; `None` for a contact not yet called.
    pub script: Option<ScriptId>,
    /// Since when it is due; for a contact not yet called, when it was drawn.
    pub due_at: UnixMicros,
}

/// What [`crate::Store::draw`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Retries by the time at which they were due, then new contacts by list and id.
    pub contacts: Vec<ReadyContact>,
    /// Every list is drawn to its end.
    pub lists_drawn: bool,
    /// When the next retry is due; `None` when none waits.
    pub next_due_at: Option<UnixMicros>,
}

/// How somebody names a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactRef {
    /// By its id.
    Id(ContactId),
    /// By its number.
    Number(E164),
}

/// Where a contact of a campaign stands: the store's part of the answer to "why was this person not called?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactStatus {
    /// The contact.
    pub contact: Contact,
    /// Where it stands.
    pub state: ContactState,
    /// Attempts so far.
    pub tally: Tally,
    /// When it may be called, for a retry or a contact that was put back.
    pub due_at: Option<UnixMicros>,
    /// The planner holds it ready.
    pub queued: bool,
    /// How the last attempt ended, one that never left the machine included.
    pub last_outcome: Option<Outcome>,
    /// The last attempt.
    pub last_attempt: Option<AttemptId>,
    /// The campaign has this number from another of its lists and calls that contact instead.
    pub duplicate_of: Option<ContactId>,
}

/// Statements of one draw over lists whose contacts are all duplicates or suppressed; the next draw goes on from there.
const FRUITLESS_BITES: u32 = 16;

macro_rules! select_status {
    ($which:literal) => {
        concat!(
            // The contact with a row of its own first: a number may be on several lists of the campaign.
            "SELECT c.id, c.list, c.number, c.fields, p.state, p.due_at, p.attempts, p.outcomes, p.last_outcome, ",
            "p.last_attempt FROM campaign_list l JOIN contact c ON c.list = l.list ",
            "LEFT JOIN progress p ON p.campaign = l.campaign AND p.contact = c.id WHERE l.campaign = ?1 AND ",
            $which,
            " ORDER BY p.state IS NULL, l.position LIMIT 1"
        )
    };
}

impl Store {
    /// Takes the next contacts of a running campaign, at most `limit` (1 to 10,000). They are not drawn again until they
    /// are put back, the campaign is paused, or another planner takes the lease. Of a campaign that is not running
    /// nothing is drawn.
    pub async fn draw(&self, campaign: CampaignId, now: UnixMicros, limit: u32) -> Result<Draw> {
        let limit = limit.clamp(1, 10_000);
        let mut tx = self.write().await?;
        let state: Option<String> =
            sqlx::query_scalar("SELECT state FROM campaign WHERE id = ? AND deleted_at IS NULL")
                .bind(campaign.0)
                .fetch_optional(&mut *tx)
                .await?;
        let state = state.ok_or_else(|| StoreError::not_found("campaign", campaign))?;
        if state != CampaignState::Running.as_str() {
            return Ok(Draw { contacts: Vec::new(), lists_drawn: false, next_due_at: None });
        }
        let mut contacts = draw_due(&mut tx, campaign, now, limit).await?;
        let lists_drawn = draw_new(&mut tx, campaign, now, limit as usize, &mut contacts).await?;
        let next_due_at: Option<i64> = sqlx::query_scalar(
            "SELECT min(due_at) FROM progress WHERE campaign = ? AND state = 'waiting' AND due_at IS NOT NULL",
        )
        .bind(campaign.0)
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Draw { contacts, lists_drawn, next_due_at: next_due_at.map(UnixMicros) })
    }

    /// Puts back contacts that were drawn and will not be called now; each may be drawn again from its time on.
    pub async fn put_back(&self, campaign: CampaignId, contacts: &[(ContactId, UnixMicros)]) -> Result<()> {
        let mut tx = self.write().await?;
        for (contact, due_at) in contacts {
            put_back(&mut tx, campaign, *contact, *due_at).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Where a contact of a campaign stands. Not found is one that is on none of the campaign's lists.
    pub async fn contact_status(&self, campaign: CampaignId, contact: ContactRef) -> Result<ContactStatus> {
        let mut tx = self.readers.begin().await?;
        let (sql, key, shown) = match contact {
            ContactRef::Id(id) => (select_status!("c.id = ?2"), id.0, id.to_string()),
            ContactRef::Number(number) => {
                (select_status!("c.number = ?2"), read::number_value(number), number.to_string())
            }
        };
        let row = sqlx::query(sql)
            .bind(campaign.0)
            .bind(key)
            .fetch_optional(&mut *tx)
            .await?
            .ok_or_else(|| StoreError::not_found("contact", format!("{shown} in campaign {campaign}")))?;
        let contact = contact_from_row(&row)?;
        if read::column::<Option<&str>, _>(&row, "state")?.is_some() {
            return status_from_row(contact, &row);
        }
        let other: Option<i64> =
            sqlx::query_scalar("SELECT contact FROM progress WHERE campaign = ? AND number = ?")
                .bind(campaign.0)
                .bind(read::number_value(contact.number))
                .fetch_optional(&mut *tx)
                .await?;
        Ok(ContactStatus {
            contact,
            state: ContactState::New,
            tally: Tally::default(),
            due_at: None,
            queued: false,
            last_outcome: None,
            last_attempt: None,
            duplicate_of: other.map(ContactId),
        })
    }
}

async fn draw_due(
    connection: &mut SqliteConnection,
    campaign: CampaignId,
    now: UnixMicros,
    limit: u32,
) -> Result<Vec<ReadyContact>> {
    let rows = sqlx::query(
        "UPDATE progress SET state = 'queued' WHERE campaign = ?1 AND contact IN ( \
             SELECT contact FROM progress WHERE campaign = ?1 AND state = 'waiting' AND due_at <= ?2 \
             ORDER BY due_at LIMIT ?3) \
         RETURNING contact, list, number, attempts, outcomes, script, due_at",
    )
    .bind(campaign.0)
    .bind(now.0)
    .bind(limit)
    .fetch_all(&mut *connection)
    .await?;
    let mut contacts = rows
        .iter()
        .map(|row| {
            Ok(ReadyContact {
                contact: ContactId(read::column(row, "contact")?),
                list: ListId(read::column(row, "list")?),
                number: read::number(row, "number")?,
                tally: tally(row)?,
                script: read::column::<Option<i64>, _>(row, "script")?.map(ScriptId),
                due_at: read::at(row, "due_at")?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    contacts.sort_by_key(|ready| (ready.due_at, ready.contact));
    Ok(contacts)
}

/// Fills `contacts` up to `limit` with contacts that were never drawn; whether all lists are at their end.
async fn draw_new(
    connection: &mut SqliteConnection,
    campaign: CampaignId,
    now: UnixMicros,
    limit: usize,
    contacts: &mut Vec<ReadyContact>,
) -> Result<bool> {
    let lists: Vec<(i64, i64)> =
        sqlx::query_as("SELECT list, drawn_to FROM campaign_list WHERE campaign = ? ORDER BY position")
            .bind(campaign.0)
            .fetch_all(&mut *connection)
            .await?;
    let tenant: i64 = sqlx::query_scalar("SELECT tenant FROM campaign WHERE id = ?")
        .bind(campaign.0)
        .fetch_one(&mut *connection)
        .await?;
    let mut bites = FRUITLESS_BITES;
    for (list, mut drawn_to) in lists {
        loop {
            if contacts.len() >= limit || bites == 0 {
                return Ok(false);
            }
            let wanted = (limit - contacts.len()) as i64;
            let (seen, last): (i64, Option<i64>) = sqlx::query_as(
                "SELECT count(*), max(id) FROM (SELECT id FROM contact WHERE list = ? AND id > ? ORDER BY id LIMIT ?)",
            )
            .bind(list)
            .bind(drawn_to)
            .bind(wanted)
            .fetch_one(&mut *connection)
            .await?;
            let Some(last) = last else { break };
            let rows = sqlx::query(
                "INSERT INTO progress (campaign, contact, list, number, due_at, state) \
                 SELECT ?1, id, list, number, iif(suppressed, NULL, ?2), iif(suppressed, 'suppressed', 'queued') FROM \
                 (SELECT *, EXISTS (SELECT 1 FROM suppression s WHERE s.tenant = ?6 AND s.number = contact.number \
                  AND s.lifted_at IS NULL) AS suppressed FROM contact WHERE list = ?3 AND id > ?4 AND id <= ?5) \
                 WHERE TRUE ON CONFLICT (campaign, number) DO NOTHING RETURNING contact, number, due_at",
            )
            .bind(campaign.0)
            .bind(now.0)
            .bind(list)
            .bind(drawn_to)
            .bind(last)
            .bind(tenant)
            .fetch_all(&mut *connection)
            .await?;
            sqlx::query("UPDATE campaign_list SET drawn_to = ? WHERE campaign = ? AND list = ?")
                .bind(last)
                .bind(campaign.0)
                .bind(list)
                .execute(&mut *connection)
                .await?;
            let drawn = contacts.len();
            for row in &rows {
                if read::maybe_at(row, "due_at")?.is_none() {
                    continue;
                }
                contacts.push(ReadyContact {
                    contact: ContactId(read::column(row, "contact")?),
                    list: ListId(list),
                    number: read::number(row, "number")?,
                    tally: Tally::default(),
                    script: None,
                    due_at: now,
                });
            }
            contacts[drawn..].sort_by_key(|ready| ready.contact);
            let fresh = contacts.len() - drawn;
            let duplicates = seen - rows.len() as i64;
            let suppressed = (rows.len() - fresh) as i64;
            if duplicates > 0 || suppressed > 0 {
                sqlx::query(
                    "UPDATE campaign SET duplicates = duplicates + ?, suppressed = suppressed + ? WHERE id = ?",
                )
                .bind(duplicates)
                .bind(suppressed)
                .bind(campaign.0)
                .execute(&mut *connection)
                .await?;
            }
            drawn_to = last;
            if fresh == 0 {
                bites -= 1;
            }
            if seen < wanted {
                break;
            }
        }
    }
    Ok(true)
}

/// Whether the contact was not in flight and not settled, so that it could be put back.
pub(crate) async fn put_back(
    connection: &mut SqliteConnection,
    campaign: CampaignId,
    contact: ContactId,
    due_at: UnixMicros,
) -> Result<bool> {
    let changed = sqlx::query(
        "UPDATE progress SET state = 'waiting', due_at = ? WHERE campaign = ? AND contact = ? \
         AND state IN ('queued', 'waiting')",
    )
    .bind(due_at.0)
    .bind(campaign.0)
    .bind(contact.0)
    .execute(&mut *connection)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// Attempts at a contact, from a row of `progress`.
pub(crate) fn tally(row: &SqliteRow) -> Result<Tally> {
    let outcomes: &str = read::column(row, "outcomes")?;
    Ok(Tally {
        attempts: read::column(row, "attempts")?,
        by_outcome: if outcomes.is_empty() { Default::default() } else { read::from_json(outcomes)? },
    })
}

fn status_from_row(contact: Contact, row: &SqliteRow) -> Result<ContactStatus> {
    let tally = tally(row)?;
    let state: &str = read::column(row, "state")?;
    let last_attempt: Option<&[u8]> = read::column(row, "last_attempt")?;
    Ok(ContactStatus {
        contact,
        state: match state {
            "waiting" | "queued" if tally.attempts == 0 => ContactState::New,
            "waiting" | "queued" => ContactState::RetryDue,
            "in_flight" => ContactState::InFlight,
            "reached" => ContactState::Reached,
            "exhausted" => ContactState::Exhausted,
            "suppressed" => ContactState::Suppressed,
            other => return Err(StoreError::Corrupt(format!("contact state '{other}'"))),
        },
        due_at: read::maybe_at(row, "due_at")?,
        queued: state == "queued",
        last_outcome: read::outcome(row, "last_outcome")?,
        last_attempt: last_attempt.and_then(AttemptId::from_slice),
        tally,
        duplicate_of: None,
    })
}
