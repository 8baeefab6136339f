//! The commands that talk to a running control plane.

mod calls;
mod campaign;
mod files;
mod line;
mod list;
mod script;
mod sql;
mod suppression;

pub use campaign::settled;
pub use files::add_prompt;
pub use list::import;
pub use script::pair;

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::api_client::Api;

/// Commands over the API.
#[derive(Subcommand)]
pub enum Admin {
    /// Campaigns: who is called when, over which lines, with which script
    #[command(subcommand)]
    Campaign(campaign::Campaign),
    /// Lines (线路) and line groups
    #[command(subcommand)]
    Line(line::Line),
    /// Contact lists
    #[command(subcommand)]
    List(list::List),
    /// Prompts: recorded announcements
    #[command(subcommand)]
    Prompt(files::Prompt),
    /// Scripts: what a call says, hears and does after the answer
    #[command(subcommand)]
    Script(script::Script),
    /// Calls: what is and was dialled
    #[command(subcommand)]
    Calls(calls::Calls),
    /// Numbers that are not called
    #[command(subcommand)]
    Suppression(suppression::Suppression),
    /// Ask ClickHouse: one SELECT statement
    Sql(sql::Sql),
    /// Nodes, lines, planner and spool at a glance
    Status,
}

impl Admin {
    /// Runs the command.
    pub async fn run(&self, api: &Api, json: bool) -> Result<()> {
        match self {
            Self::Campaign(command) => command.run(api, json).await,
            Self::Line(command) => command.run(api, json).await,
            Self::List(command) => command.run(api, json).await,
            Self::Prompt(command) => command.run(api, json).await,
            Self::Script(command) => command.run(api, json).await,
            Self::Calls(command) => command.run(api, json).await,
            Self::Suppression(command) => command.run(api, json).await,
            Self::Sql(command) => command.run(api, json).await,
            Self::Status => crate::show::object(json, &api.get("/status").await?),
        }
    }
}

/// Reads a JSON file, or standard input for `-`, with an error that names the place.
fn read_json(path: &str) -> Result<serde_json::Value> {
    serde_json::from_str(&read_text(path)?).with_context(|| format!("{path} is not JSON"))
}

/// Reads a file, or standard input for `-`.
fn read_text(path: &str) -> Result<String> {
    if path == "-" {
        std::io::read_to_string(std::io::stdin()).context("cannot read standard input")
    } else {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
    }
}
