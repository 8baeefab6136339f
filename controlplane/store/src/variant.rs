//! Scripts that a campaign compares, and what came of them.

use std::collections::BTreeMap;

use common::{CampaignId, ScriptId};
use peal_core::model::CampaignSpec;
use sqlx::SqliteConnection;

use crate::{Result, Store, read};

/// What came of a variant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VariantCount {
    /// Answered calls.
    pub tries: u64,
    /// Those that reached the goal.
    pub successes: u64,
}

impl Store {
    /// What came of the variants of a campaign so far; empty for one that compares nothing.
    pub async fn variant_counts(&self, id: CampaignId) -> Result<BTreeMap<ScriptId, VariantCount>> {
        let mut connection = self.readers.acquire().await?;
        Ok(counts(&mut connection, Some(id)).await?.remove(&id).unwrap_or_default())
    }
}

/// The same for one campaign, or for all of them.
pub(crate) async fn counts(
    connection: &mut SqliteConnection,
    campaign: Option<CampaignId>,
) -> Result<BTreeMap<CampaignId, BTreeMap<ScriptId, VariantCount>>> {
    let rows = sqlx::query(
        "SELECT * FROM campaign_variant WHERE ?1 IS NULL OR campaign = ?1 ORDER BY campaign, script",
    )
    .bind(campaign.map(|campaign| campaign.0))
    .fetch_all(connection)
    .await?;
    let mut counts: BTreeMap<CampaignId, BTreeMap<ScriptId, VariantCount>> = BTreeMap::new();
    for row in &rows {
        let count =
            VariantCount { tries: read::count(row, "tries")?, successes: read::count(row, "successes")? };
        let campaign = CampaignId(read::column(row, "campaign")?);
        counts.entry(campaign).or_default().insert(ScriptId(read::column(row, "script")?), count);
    }
    Ok(counts)
}

/// Keeps the variants of a specification. What came of those that stay is kept, unless the goal is another.
pub(crate) async fn name(
    connection: &mut SqliteConnection,
    id: CampaignId,
    before: Option<&CampaignSpec>,
    spec: &CampaignSpec,
) -> Result<()> {
    let goal = |spec: &CampaignSpec| spec.best.as_ref().map(|best| best.goal.clone());
    let wanted: Vec<ScriptId> = spec.script.variants().iter().map(|variant| variant.script).collect();
    let starts_anew = before.is_some_and(|before| goal(before) != goal(spec));
    let known = counts(connection, Some(id)).await?.remove(&id).unwrap_or_default();
    for script in known.keys().filter(|script| starts_anew || !wanted.contains(script)) {
        sqlx::query("DELETE FROM campaign_variant WHERE campaign = ? AND script = ?")
            .bind(id.0)
            .bind(script.0)
            .execute(&mut *connection)
            .await?;
    }
    for script in wanted {
        sqlx::query("INSERT INTO campaign_variant (campaign, script) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(id.0)
            .bind(script.0)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// An answered call of a campaign is over. Nothing is counted for a script that is no variant any more.
pub(crate) async fn count(
    connection: &mut SqliteConnection,
    campaign: i64,
    script: i64,
    reached: bool,
) -> Result<()> {
    sqlx::query(
        "UPDATE campaign_variant SET tries = tries + 1, successes = successes + ? WHERE campaign = ? AND script = ?",
    )
    .bind(i64::from(reached))
    .bind(campaign)
    .bind(script)
    .execute(connection)
    .await?;
    Ok(())
}
