//! `peal calls …`

mod timeline;

use anyhow::Result;
use clap::Subcommand;
use futures_util::StreamExt;

use crate::{api_client::Api, show};

/// Calls.
#[derive(Subcommand)]
pub enum Calls {
    /// Show calls, newest first
    Ls {
        /// Of this campaign only
        #[arg(long)]
        campaign: Option<i64>,
        /// Only those still going on, or only those that ended
        #[arg(long, value_parser = ["active", "ended"])]
        state: Option<String>,
        /// With this outcome only, such as busy
        #[arg(long)]
        outcome: Option<common::Outcome>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Show all about one call, with a picture of who said what when
    Show {
        /// Id of the attempt
        attempt: String,
        /// Show whole numbers, those that were said in the call too
        #[arg(long)]
        reveal: bool,
    },
    /// End a call
    HangUp {
        /// Id of the attempt
        attempt: String,
    },
    /// Show call progress as it happens, one JSON object a line
    Watch {
        /// Of this campaign only
        #[arg(long)]
        campaign: Option<i64>,
    },
}

const COLUMNS: &[(&str, &str)] = &[
    ("attempt", "attempt"),
    ("campaign", "campaign"),
    ("number", "number"),
    ("line", "line"),
    ("state", "state"),
    ("outcome", "outcome"),
    ("SIP", "sip_status"),
    ("begun", "intent_at"),
    ("talk ms", "talk_ms"),
];

impl Calls {
    /// Runs the command.
    pub async fn run(&self, api: &Api, json: bool) -> Result<()> {
        match self {
            Self::Ls { campaign, state, outcome, limit } => {
                let mut path = format!("/calls?limit={limit}");
                if let Some(campaign) = campaign {
                    path += &format!("&campaign={campaign}");
                }
                if let Some(state) = state {
                    path += &format!("&state={state}");
                }
                if let Some(outcome) = outcome {
                    path += &format!("&outcome={outcome}");
                }
                let page = api.get(&path).await?;
                show::rows(json, page["items"].as_array().map_or(&[], Vec::as_slice), COLUMNS)
            }
            Self::Show { attempt, reveal } => {
                let query = if *reveal { "?reveal=true" } else { "" };
                let mut call = api.get(&format!("/calls/{attempt}{query}")).await?;
                if json {
                    return show::object(true, &call);
                }
                let picture = timeline::draw(&call);
                if let Some(fields) = call.as_object_mut() {
                    fields.remove("dialogue");
                }
                show::object(false, &call)?;
                show::print(&picture)
            }
            Self::HangUp { attempt } => {
                show::object(json, &api.act(&format!("/calls/{attempt}/hang-up")).await?)
            }
            Self::Watch { campaign } => watch(api, *campaign).await,
        }
    }
}

/// Prints the data of server-sent events as they come.
async fn watch(api: &Api, campaign: Option<i64>) -> Result<()> {
    let path = campaign.map_or_else(|| "/events".to_owned(), |id| format!("/events?campaign={id}"));
    let mut body = api.open(&path).await?.bytes_stream();
    let mut pending = Vec::new();
    while let Some(chunk) = body.next().await {
        pending.extend_from_slice(&chunk?);
        while let Some(end) = pending.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            if let Some(data) = line.strip_prefix(b"data:") {
                show::print(String::from_utf8_lossy(data).trim())?;
            }
        }
    }
    Ok(())
}
