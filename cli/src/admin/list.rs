//! `peal list …`

use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::json;
use tokio_util::io::ReaderStream;

use crate::{api_client::Api, progress, show};

/// Contact lists.
#[derive(Subcommand)]
pub enum List {
    /// Make an empty list
    Add {
        /// Name, unique
        name: String,
    },
    /// Import a CSV file into a list, which is made when there is none of that name
    Import {
        /// Name of the list
        name: String,
        /// The file; a column named number, phone, mobile, 号码, 手机号 or 电话, else the first, holds the numbers
        file: std::path::PathBuf,
        /// Country of numbers that are written without one, such as CN
        #[arg(long, value_name = "COUNTRY")]
        default_region: Option<String>,
    },
    /// Show all lists
    Ls,
    /// Show the rows that were rejected or repeated a number
    Problems {
        /// Id of the list
        id: i64,
    },
    /// Remove a list that no campaign uses
    Rm {
        /// Id of the list
        id: i64,
    },
}

impl List {
    /// Runs the command.
    pub async fn run(&self, api: &Api, json: bool) -> Result<()> {
        match self {
            Self::Add { name } => show::object(json, &api.post("/lists", &json!({"name": name})).await?),
            Self::Import { name, file, default_region } => {
                let report = import(api, name, file, default_region.as_deref(), !json).await?;
                show::object(json, &report)
            }
            Self::Ls => {
                let columns = [
                    ("id", "id"),
                    ("name", "name"),
                    ("contacts", "contacts"),
                    ("rejected", "rejected_rows"),
                    ("duplicates", "duplicate_rows"),
                ];
                show::rows(json, &api.all("/lists").await?, &columns)
            }
            Self::Problems { id } => {
                let problems = api.all(&format!("/lists/{id}/problems")).await?;
                show::rows(json, &problems, &[("line", "line"), ("reason", "reason")])
            }
            Self::Rm { id } => api.delete(&format!("/lists/{id}")).await.map(drop),
        }
    }
}

/// Streams a CSV file into the list of that name; the file is never in memory as a whole.
pub async fn import(
    api: &Api,
    name: &str,
    file: &std::path::Path,
    default_region: Option<&str>,
    show_progress: bool,
) -> Result<serde_json::Value> {
    let opened =
        tokio::fs::File::open(file).await.with_context(|| format!("cannot read {}", file.display()))?;
    let bytes = opened.metadata().await?.len();
    let lists = api.all("/lists").await?;
    let known = lists.iter().find(|list| list["name"] == name).map(|list| list["id"].clone());
    let id = match known {
        Some(id) => id,
        None => api.post("/lists", &json!({"name": name})).await?["id"].clone(),
    };
    let bar = progress::bytes(bytes, "importing", show_progress);
    let body =
        reqwest::Body::wrap_stream(ReaderStream::with_capacity(bar.wrap_async_read(opened), 256 * 1024));
    let region = default_region.map(|region| format!("?default_region={region}")).unwrap_or_default();
    let report = api.upload(&format!("/lists/{id}/contacts{region}"), "text/csv", body).await?;
    bar.finish_and_clear();
    Ok(report)
}
