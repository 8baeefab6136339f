//! Names of lines, groups, campaigns and scripts, for records.
//!
//! A record speaks of things by the names that they had; a thing may be deleted while its calls go on, so what was
//! known once is kept.

use std::collections::{HashMap, hash_map::Entry};

use common::{CampaignId, LineGroupId, LineId, ScriptId, TenantId};
use peal_core::model::{Campaign, Line, LineGroup};
use store::{Store, StoreError};

#[derive(Default)]
pub(crate) struct Names {
    lines: HashMap<LineId, String>,
    groups: HashMap<LineGroupId, String>,
    campaigns: HashMap<CampaignId, Campaign>,
    script_versions: HashMap<ScriptId, u32>,
}

impl Names {
    pub(crate) fn know_line(&mut self, line: &Line) {
        self.lines.insert(line.id, line.spec.name.clone());
    }

    pub(crate) fn know_group(&mut self, group: &LineGroup) {
        self.groups.insert(group.id, group.spec.name.clone());
    }

    pub(crate) fn know_campaign(&mut self, campaign: &Campaign) {
        self.campaigns.insert(campaign.id, campaign.clone());
    }

    /// The name of a line; empty when nobody knows it.
    pub(crate) fn line(&self, line: LineId) -> &str {
        self.lines.get(&line).map_or("", String::as_str)
    }

    pub(crate) fn group(&self, group: LineGroupId) -> &str {
        self.groups.get(&group).map_or("", String::as_str)
    }

    /// A campaign as it was last seen.
    pub(crate) fn campaign(&self, campaign: CampaignId) -> Option<&Campaign> {
        self.campaigns.get(&campaign)
    }

    /// The version of a script; 0 when nobody knows it.
    pub(crate) fn script_version(&self, script: ScriptId) -> u32 {
        self.script_versions.get(&script).copied().unwrap_or(0)
    }

    /// Looks up what a record of these will need. What has been deleted stays unknown.
    pub(crate) async fn look_up(
        &mut self,
        store: &Store,
        tenant: TenantId,
        campaign: CampaignId,
        script: ScriptId,
    ) -> Result<(), StoreError> {
        if !self.campaigns.contains_key(&campaign)
            && let Some(found) = there(store.campaign(tenant, campaign).await)?
        {
            self.campaigns.insert(campaign, found);
        }
        if let Entry::Vacant(unknown) = self.script_versions.entry(script) {
            unknown.insert(there(store.script_by_id(script).await)?.map_or(0, |script| script.version));
        }
        Ok(())
    }
}

fn there<T>(found: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
