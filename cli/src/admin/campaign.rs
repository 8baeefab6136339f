//! `peal campaign …`

use std::time::Duration;

use anyhow::Result;
use clap::Subcommand;
use serde_json::Value;

use super::read_json;
use crate::{api_client::Api, progress, show};

/// Campaigns.
#[derive(Subcommand)]
pub enum Campaign {
    /// Add a campaign from a JSON file (`-` for standard input)
    Add {
        /// The file
        file: String,
    },
    /// Show all campaigns
    Ls,
    /// Show one campaign
    Show {
        /// Id of the campaign
        id: i64,
    },
    /// Replace the settings of a draft or paused campaign with a JSON file
    Set {
        /// Id of the campaign
        id: i64,
        /// The settings
        file: String,
    },
    /// Begin to dial, as soon as the schedule allows
    Start {
        /// Id of the campaign
        id: i64,
    },
    /// Stop dialling for now; calls in progress go on
    Pause {
        /// Id of the campaign
        id: i64,
    },
    /// Dial again
    Resume {
        /// Id of the campaign
        id: i64,
    },
    /// Give up for good: ringing calls are ended, answered ones go on
    Cancel {
        /// Id of the campaign
        id: i64,
    },
    /// Show how far it is; with --follow until it is over
    Progress {
        /// Id of the campaign
        id: i64,
        /// Go on showing
        #[arg(long)]
        follow: bool,
    },
    /// Show how its variants do: which script is better, and how surely
    Variants {
        /// Id of the campaign
        id: i64,
    },
    /// Say why a number is, or is not, being dialled
    Why {
        /// Id of the campaign
        id: i64,
        /// The number, +… as in the list
        number: String,
    },
}

const COLUMNS: &[(&str, &str)] = &[
    ("id", "id"),
    ("name", "name"),
    ("state", "state"),
    ("priority", "priority"),
    ("weight", "weight"),
    ("lists", "lists"),
    ("line group", "line_group"),
];

const VARIANT_COLUMNS: &[(&str, &str)] = &[
    ("variant", "name"),
    ("script", "script"),
    ("version", "script_version"),
    ("weight", "weight"),
    ("answered", "answered"),
    ("successes", "successes"),
    ("rate", "standing/rate"),
    ("from", "standing/low"),
    ("to", "standing/high"),
    ("is best", "standing/is_best"),
];

impl Campaign {
    /// Runs the command.
    pub async fn run(&self, api: &Api, json: bool) -> Result<()> {
        let act = async |id: &i64, action: &str| -> Result<()> {
            show::object(json, &api.act(&format!("/campaigns/{id}/{action}")).await?)
        };
        match self {
            Self::Add { file } => show::object(json, &api.post("/campaigns", &read_json(file)?).await?),
            Self::Ls => show::rows(json, &api.all("/campaigns").await?, COLUMNS),
            Self::Show { id } => show::object(json, &api.get(&format!("/campaigns/{id}")).await?),
            Self::Set { id, file } => {
                show::object(json, &api.put(&format!("/campaigns/{id}"), &read_json(file)?).await?)
            }
            Self::Start { id } => act(id, "start").await,
            Self::Pause { id } => act(id, "pause").await,
            Self::Resume { id } => act(id, "resume").await,
            Self::Cancel { id } => act(id, "cancel").await,
            Self::Progress { id, follow: false } => {
                show::object(json, &api.get(&format!("/campaigns/{id}/progress")).await?)
            }
            Self::Progress { id, follow: true } => follow(api, *id, json).await,
            Self::Variants { id } => {
                let report = api.get(&format!("/campaigns/{id}/variants")).await?;
                if json {
                    return show::object(true, &report);
                }
                show::rows(false, report["variants"].as_array().map_or(&[], Vec::as_slice), VARIANT_COLUMNS)?;
                show::print(report["verdict"].as_str().unwrap_or_default())
            }
            Self::Why { id, number } => {
                let number = number.trim_start_matches('+');
                show::object(json, &api.get(&format!("/campaigns/{id}/contacts/%2B{number}")).await?)
            }
        }
    }
}

async fn follow(api: &Api, id: i64, json: bool) -> Result<()> {
    let bar = progress::count(0, "settled", !json);
    loop {
        let campaign = api.get(&format!("/campaigns/{id}")).await?;
        let progress = api.get(&format!("/campaigns/{id}/progress")).await?;
        let (settled, total) = settled(&progress);
        bar.set_length(total);
        bar.set_position(settled);
        if matches!(campaign["state"].as_str(), Some("completed" | "cancelled" | "paused" | "draft")) {
            bar.finish_and_clear();
            return show::object(json, &progress);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Contacts that need no further call, and all contacts.
pub fn settled(progress: &Value) -> (u64, u64) {
    let count = |name: &str| progress["contacts"][name].as_u64().unwrap_or(0);
    (count("reached") + count("exhausted") + count("suppressed"), count("total"))
}
