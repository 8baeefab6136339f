//! What the planner needs at its start.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use common::{AttemptId, CampaignId, ScriptId};
use peal_core::{
    model::{Campaign, Line, LineGroup},
    retry::Tally,
};

use crate::{
    Attempt, Result, Store, VariantCount, attempt, campaign, draw, line, line_group, read, script, variant,
};

/// Everything that is configured and may matter to the planner, of all tenants, as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlannerConfig {
    /// All lines, disabled ones too.
    pub lines: Vec<Line>,
    /// All line groups.
    pub line_groups: Vec<LineGroup>,
    /// Campaigns that are pending, running or paused.
    pub campaigns: Vec<Campaign>,
    /// What came of the variants of campaigns so far.
    pub variants: BTreeMap<CampaignId, BTreeMap<ScriptId, VariantCount>>,
    /// The recognisers that the scripts of those campaigns, and of attempts under way, listen with; without those that do not.
    pub recognisers: BTreeMap<ScriptId, BTreeSet<String>>,
}

/// An attempt that has not ended, or that holds a slot.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenAttempt {
    /// The attempt with its tries.
    pub attempt: Attempt,
    /// Attempts at the contact so far, this one not counted unless it has ended.
    pub tally: Tally,
}

impl Store {
    /// What is configured, for the planner.
    pub async fn planner_config(&self) -> Result<PlannerConfig> {
        let mut tx = self.readers.begin().await?;
        Ok(PlannerConfig {
            lines: line::all(&mut tx).await?,
            line_groups: line_group::all(&mut tx).await?,
            campaigns: campaign::under_way(&mut tx).await?,
            variants: variant::counts(&mut tx, None).await?,
            recognisers: script::recognisers(&mut tx).await?,
        })
    }

    /// Every attempt that has not ended or that holds a slot, by id: what the planner of a restarted control plane must
    /// count, and ask the nodes about.
    pub async fn open_attempts(&self) -> Result<Vec<OpenAttempt>> {
        let mut tx = self.readers.begin().await?;
        let attempts = attempt::open(&mut tx).await?;
        let rows = sqlx::query(
            "SELECT a.id, p.attempts, p.outcomes FROM attempt a \
             JOIN progress p ON p.campaign = a.campaign AND p.contact = a.contact WHERE a.id IN ( \
                 SELECT id FROM attempt WHERE outcome IS NULL \
                 UNION SELECT attempt FROM route_try WHERE released_at IS NULL)",
        )
        .fetch_all(&mut *tx)
        .await?;
        let mut tallies = HashMap::with_capacity(rows.len());
        for row in &rows {
            let id: &[u8] = read::column(row, "id")?;
            if let Some(id) = AttemptId::from_slice(id) {
                tallies.insert(id, draw::tally(row)?);
            }
        }
        Ok(attempts
            .into_iter()
            .map(|attempt| OpenAttempt { tally: tallies.remove(&attempt.id).unwrap_or_default(), attempt })
            .collect())
    }
}
