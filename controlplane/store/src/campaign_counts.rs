//! Counters of a campaign.

use std::collections::BTreeMap;

use common::{CampaignId, Outcome};
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use crate::{Result, Store, StoreError, read};

/// Where the contacts of a campaign stand, and how its attempts ended. Kept up to date by every transaction that moves
/// a contact, so that reading them costs the same for ten contacts and ten million.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignCounts {
    /// Contacts of its lists, numbers that two lists share counted once as far as they were drawn.
    pub contacts: u64,
    /// Contacts left out because the campaign has the number from another list.
    pub duplicates: u64,
    /// Not called yet.
    pub new: u64,
    /// With an attempt under way.
    pub in_flight: u64,
    /// To be called again.
    pub retry: u64,
    /// Answered.
    pub reached: u64,
    /// Given up.
    pub exhausted: u64,
    /// Not called, because their numbers are suppressed.
    pub suppressed: u64,
    /// Ended attempts by outcome.
    pub outcomes: BTreeMap<Outcome, u64>,
}

impl Store {
    /// The counters of a campaign.
    pub async fn campaign_counts(&self, id: CampaignId) -> Result<CampaignCounts> {
        // One transaction, so that the numbers belong together.
        let mut tx = self.readers.begin().await?;
        of(&mut tx, id).await
    }
}

pub(crate) async fn of(connection: &mut SqliteConnection, id: CampaignId) -> Result<CampaignCounts> {
    let row = sqlx::query(
        "SELECT in_flight, retry, reached, exhausted, suppressed, duplicates, \
         (SELECT coalesce(sum(l.contacts), 0) FROM campaign_list c JOIN list l ON l.id = c.list WHERE c.campaign = ?1) \
         AS contacts FROM campaign WHERE id = ?1 AND deleted_at IS NULL",
    )
    .bind(id.0)
    .fetch_optional(&mut *connection)
    .await?
    .ok_or_else(|| StoreError::not_found("campaign", id))?;
    let duplicates = read::count(&row, "duplicates")?;
    let contacts = read::count(&row, "contacts")?.saturating_sub(duplicates);
    let in_flight = read::count(&row, "in_flight")?;
    let retry = read::count(&row, "retry")?;
    let reached = read::count(&row, "reached")?;
    let exhausted = read::count(&row, "exhausted")?;
    let suppressed = read::count(&row, "suppressed")?;
    let mut outcomes = BTreeMap::new();
    let rows = sqlx::query("SELECT outcome, attempts FROM campaign_outcome WHERE campaign = ?")
        .bind(id.0)
        .fetch_all(&mut *connection)
        .await?;
    for row in &rows {
        if let Some(outcome) = read::outcome(row, "outcome")? {
            outcomes.insert(outcome, read::count(row, "attempts")?);
        }
    }
    let new = contacts.saturating_sub(in_flight + retry + reached + exhausted + suppressed);
    Ok(CampaignCounts {
        contacts,
        duplicates,
        new,
        in_flight,
        retry,
        reached,
        exhausted,
        suppressed,
        outcomes,
    })
}

/// Changes of the counters by one transaction, written at its end: one statement a campaign, however many contacts
/// moved.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    campaigns: BTreeMap<CampaignId, Change>,
    outcomes: BTreeMap<(CampaignId, Outcome), i64>,
}

/// By how much the counters of one campaign change.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) in_flight: i64,
    pub(crate) retry: i64,
    pub(crate) reached: i64,
    pub(crate) exhausted: i64,
    pub(crate) suppressed: i64,
}

impl Changes {
    /// The counters of a campaign.
    pub(crate) fn of(&mut self, campaign: CampaignId) -> &mut Change {
        self.campaigns.entry(campaign).or_default()
    }

    /// An attempt ended so.
    pub(crate) fn ended(&mut self, campaign: CampaignId, outcome: Outcome) {
        *self.outcomes.entry((campaign, outcome)).or_default() += 1;
    }

    pub(crate) async fn write(self, connection: &mut SqliteConnection) -> Result<()> {
        for (campaign, change) in self.campaigns {
            sqlx::query(
                "UPDATE campaign SET in_flight = in_flight + ?, retry = retry + ?, reached = reached + ?, \
                 exhausted = exhausted + ?, suppressed = suppressed + ? WHERE id = ?",
            )
            .bind(change.in_flight)
            .bind(change.retry)
            .bind(change.reached)
            .bind(change.exhausted)
            .bind(change.suppressed)
            .bind(campaign.0)
            .execute(&mut *connection)
            .await?;
        }
        for ((campaign, outcome), attempts) in self.outcomes {
            sqlx::query(
                "INSERT INTO campaign_outcome (campaign, outcome, attempts) VALUES (?, ?, ?) \
                 ON CONFLICT (campaign, outcome) DO UPDATE SET attempts = attempts + excluded.attempts",
            )
            .bind(campaign.0)
            .bind(outcome.as_str())
            .bind(attempts)
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }
}
