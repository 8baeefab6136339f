//! `peal prompt …`

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::{api_client::Api, show};

/// Prompts.
#[derive(Subcommand)]
pub enum Prompt {
    /// Add a WAV file
    Add {
        /// Name, unique
        name: String,
        /// The file
        file: std::path::PathBuf,
    },
    /// Show all prompts
    Ls,
    /// Remove a prompt that no script plays
    Rm {
        /// Id of the prompt
        id: i64,
    },
}

impl Prompt {
    /// Runs the command.
    pub async fn run(&self, api: &Api, json: bool) -> Result<()> {
        match self {
            Self::Add { name, file } => {
                let wav = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
                show::object(json, &add_prompt(api, name, wav).await?)
            }
            Self::Ls => {
                let columns = [("id", "id"), ("name", "name"), ("ms", "duration_ms"), ("bytes", "bytes")];
                show::rows(json, &api.all("/prompts").await?, &columns)
            }
            Self::Rm { id } => api.delete(&format!("/prompts/{id}")).await.map(drop),
        }
    }
}

/// Adds a prompt from WAV bytes.
pub async fn add_prompt(api: &Api, name: &str, wav: Vec<u8>) -> Result<serde_json::Value> {
    let name: String = name.bytes().map(escaped).collect();
    api.upload(&format!("/prompts?name={name}"), "audio/wav", wav).await
}

/// A byte as it stands in a query (RFC 3986 section 2.1).
fn escaped(byte: u8) -> String {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    }
}
