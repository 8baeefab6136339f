//! What the API tells, and what it means for what is known here.

use std::collections::HashSet;

use common::{CampaignId, LineGroupId, LineId};
use peal_core::{
    command::Command,
    model::{Campaign, CampaignState, Move},
};
use store::{PlannerConfig, StoreError};

use super::{Planning, Term};
use crate::{clock, names::Names};

impl Planning {
    pub(super) fn on_command(&mut self, command: Command) {
        // Without a term nothing is lost: the next one begins with all that is stored.
        let Some(term) = &mut self.term else { return };
        match command {
            Command::CampaignChanged(_) | Command::LineChanged(_) | Command::LineGroupChanged(_) => {
                term.config_changed = true;
            }
            Command::ContactsAdded(list) => {
                let of_list: Vec<CampaignId> = term
                    .snapshot
                    .campaigns()
                    .filter(|campaign| campaign.spec.lists.contains(&list))
                    .map(|campaign| campaign.id)
                    .collect();
                for campaign in of_list {
                    term.snapshot.contacts_added(campaign);
                }
            }
            Command::HangUp(attempt) => term.hang_up(attempt, "operator"),
        }
    }

    /// Reads again what is configured, when something has changed since. One reading serves any number of changes.
    pub(super) async fn reconfigure(&mut self) {
        let Some(term) = self.term.as_mut().filter(|term| term.config_changed) else { return };
        match self.store.planner_config().await {
            Ok(config) => {
                term.config_changed = false;
                let gone = term.configure(config, &mut self.names);
                term.send_lines();
                for campaign in gone {
                    self.hang_up_if_cancelled(campaign).await;
                }
            }
            Err(error) => tracing::error!(%error, "the changed configuration cannot be read yet"),
        }
    }

    /// A campaign is not under way any more. Completed, its calls go on; cancelled, the unanswered ones end.
    async fn hang_up_if_cancelled(&mut self, campaign: Campaign) {
        let state = match self.store.campaign(campaign.tenant, campaign.id).await {
            Ok(campaign) => campaign.state,
            Err(StoreError::NotFound { .. }) => CampaignState::Cancelled,
            Err(error) => {
                tracing::error!(campaign = %campaign.id, %error, "its state cannot be read; its calls go on");
                return;
            }
        };
        if state == CampaignState::Cancelled
            && let Some(term) = &mut self.term
        {
            term.hang_up_unanswered(campaign.id);
        }
    }

    /// Makes a move of the planner durable.
    pub(super) async fn move_campaign(&mut self, campaign: CampaignId, action: Move) {
        let Some(term) = &mut self.term else { return };
        let tenant = term.snapshot.campaigns().find(|known| known.id == campaign).map(|known| known.tenant);
        let Some(tenant) = tenant else { return };
        match self.store.move_campaign(tenant, campaign, action).await {
            Ok(moved) => {
                tracing::info!(%campaign, state = moved.state.as_str(), "a campaign moved");
                self.names.know_campaign(&moved);
                term.take_campaign(moved);
            }
            // An import or an operator was faster.
            Err(StoreError::Conflict(why)) => {
                tracing::debug!(%campaign, why, "a move was refused");
                term.snapshot.contacts_added(campaign);
                term.config_changed = true;
            }
            Err(StoreError::NotFound { .. }) => term.config_changed = true,
            Err(error) => tracing::error!(%campaign, %error, "a campaign could not be moved"),
        }
    }
}

impl Term {
    /// Takes what is configured, and gives the campaigns that are not under way any more.
    pub(super) fn configure(&mut self, config: PlannerConfig, names: &mut Names) -> Vec<Campaign> {
        let now = clock::now().mono;
        let lines: HashSet<LineId> = config.lines.iter().map(|line| line.id).collect();
        let known: Vec<LineId> = self.snapshot.line_use(now).map(|used| used.line.id).collect();
        for line in known.into_iter().filter(|line| !lines.contains(line)) {
            self.snapshot.line_deleted(line);
        }
        for line in config.lines {
            names.know_line(&line);
            self.snapshot.line_changed(now, line);
        }

        let groups: HashSet<LineGroupId> = config.line_groups.iter().map(|group| group.id).collect();
        let known: Vec<LineGroupId> = self.snapshot.groups().map(|group| group.id).collect();
        for group in known.into_iter().filter(|group| !groups.contains(group)) {
            self.snapshot.group_deleted(group);
        }
        for group in config.line_groups {
            names.know_group(&group);
            self.snapshot.group_changed(group);
        }

        let under_way: HashSet<CampaignId> = config.campaigns.iter().map(|campaign| campaign.id).collect();
        let gone: Vec<Campaign> =
            self.snapshot.campaigns().filter(|known| !under_way.contains(&known.id)).cloned().collect();
        for campaign in &gone {
            self.snapshot.campaign_deleted(campaign.id);
        }
        for campaign in config.campaigns {
            names.know_campaign(&campaign);
            self.take_campaign(campaign);
        }
        self.snapshot.scripts_listen(config.recognisers);
        for (campaign, counts) in config.variants {
            let results = counts.into_iter().map(|(script, count)| (script, (count.tries, count.successes)));
            self.snapshot.variant_results(campaign, results);
        }
        gone
    }

    fn take_campaign(&mut self, campaign: Campaign) {
        let id = campaign.id;
        if let Err(problem) = self.snapshot.campaign_changed(campaign) {
            tracing::error!(campaign = %id, problem, "its schedule cannot be read; it is not dialled");
        }
    }
}
