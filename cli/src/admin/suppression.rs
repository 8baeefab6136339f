//! `peal suppression …`

use anyhow::{Result, bail};
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::read_text;
use crate::{api_client::Api, show};

/// Numbers that are not called.
#[derive(Subcommand)]
pub enum Suppression {
    /// Show the numbers that are not called, their middles masked
    Ls,
    /// Stop calling numbers, in every campaign, from this moment on
    Add {
        /// Numbers with country code, such as +8613800138000
        numbers: Vec<String>,
        /// A file with a number in each line (`-` for standard input)
        #[arg(long, value_name = "FILE")]
        file: Option<String>,
        /// Country of numbers that are written without one, such as CN
        #[arg(long, value_name = "COUNTRY")]
        default_region: Option<String>,
        /// Why
        #[arg(long, value_enum, default_value_t = Reason::Operator)]
        reason: Reason,
        /// In the words of who asked for it
        #[arg(long, default_value = "", hide_default_value = true)]
        words: String,
    },
    /// Let a number be called again
    Rm {
        /// The number with its `+`, or the id
        number: String,
    },
}

/// Why a number is not called.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Reason {
    /// Said so in a call
    OptedOut,
    /// Asked for it in another way
    Asked,
    /// Complained
    Complaint,
    /// Is in a registry
    Registry,
    /// An operator wants it
    Operator,
}

/// As many as one request takes.
const AT_ONCE: usize = 10_000;

impl Suppression {
    /// Runs the command.
    pub async fn run(&self, api: &Api, json: bool) -> Result<()> {
        match self {
            Self::Ls => {
                let columns = [
                    ("id", "id"),
                    ("number", "number"),
                    ("reason", "reason"),
                    ("since", "at"),
                    ("words", "words"),
                ];
                show::rows(json, &api.all("/suppressions").await?, &columns)
            }
            Self::Add { numbers, file, default_region, reason, words } => {
                let mut numbers = numbers.clone();
                if let Some(file) = file {
                    let text = read_text(file)?;
                    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                    numbers.extend(lines.map(str::to_owned));
                }
                if numbers.is_empty() {
                    bail!("no number: give some, or --file");
                }
                let reason = reason.to_possible_value().expect("no variant is skipped");
                let mut total = json!({ "added": 0, "known": 0, "contacts_settled": 0, "rejected": [] });
                for (index, numbers) in numbers.chunks(AT_ONCE).enumerate() {
                    let asked = json!({ "numbers": numbers, "default_region": default_region,
                        "reason": reason.get_name(), "words": words });
                    add_to(&mut total, &api.post("/suppressions", &asked).await?, index * AT_ONCE);
                }
                show::object(json, &total)
            }
            Self::Rm { number } => {
                let number = number.replace('+', "%2B");
                api.delete(&format!("/suppressions/{number}")).await.map(drop)
            }
        }
    }
}

/// Adds the report of a part that begins at entry `first`.
fn add_to(total: &mut Value, part: &Value, first: usize) {
    for count in ["added", "known", "contacts_settled"] {
        total[count] = (total[count].as_u64().unwrap_or(0) + part[count].as_u64().unwrap_or(0)).into();
    }
    let rejected = part["rejected"].as_array().into_iter().flatten();
    for rejected in rejected {
        let index = rejected["index"].as_u64().unwrap_or(0) + first as u64;
        if let Some(all) = total["rejected"].as_array_mut() {
            all.push(json!({ "index": index, "problem": rejected["problem"] }));
        }
    }
}
