//! `peal script …`

mod rehearsal;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use script::{Document, Program};
use serde_json::json;

use super::read_text;
use crate::{api_client::Api, show};

/// Scripts.
#[derive(Subcommand)]
pub enum Script {
    /// Add a script, or the next version of it
    Add {
        /// JSON or YAML; `-` for standard input
        file: String,
    },
    /// Show all scripts, every version
    Ls,
    /// Show one version
    Show {
        /// Id of the version
        id: i64,
    },
    /// Say everything that is wrong with a script, without a control plane
    Check {
        /// JSON or YAML; `-` for standard input
        file: String,
    },
    /// Print the JSON Schema of scripts, for editors
    Schema,
    /// Run a script in the terminal: type what the callee says, or the keys, and see what the call does
    Run(RunArgs),
}

/// What to run, for whom.
#[derive(Args)]
pub struct RunArgs {
    /// JSON or YAML
    file: String,
    /// Something known of the contact, such as `name=Ann`; may be given several times
    #[arg(long = "contact", value_name = "NAME=VALUE", value_parser = pair)]
    contact: Vec<(String, String)>,
    /// WAV files that are the callee's answers, in their order; then you type. A recogniser of `--config` hears them
    #[arg(long, value_name = "WAV")]
    hear: Vec<PathBuf>,
    /// Configuration whose recognisers hear WAV files
    #[arg(long, env = "PEAL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Script {
    /// Runs the command.
    pub async fn run(&self, api: &Api, json: bool) -> Result<()> {
        match self {
            Self::Add { file } => {
                let document = serde_json::to_value(document(file)?)?;
                show::object(json, &api.post("/scripts", &document).await?)
            }
            Self::Ls => {
                let columns = [("id", "id"), ("name", "name"), ("version", "version")];
                show::rows(json, &api.all("/scripts").await?, &columns)
            }
            Self::Show { id } => show::object(json, &api.get(&format!("/scripts/{id}")).await?),
            Self::Check { file } => check(file, json),
            Self::Schema => {
                println!("{}", serde_json::to_string_pretty(&script::json_schema())?);
                Ok(())
            }
            Self::Run(arguments) => {
                let (_, program) = read(&arguments.file)?;
                // The last of a name counts.
                let contact = arguments.contact.iter().rev().cloned().collect();
                let voice = crate::config::load(arguments.config.as_deref())?.node.voice;
                rehearsal::run(Arc::new(program), contact, &voice, &arguments.hear, json)
            }
        }
    }
}

fn check(file: &str, json: bool) -> Result<()> {
    let (document, program) = read(file)?;
    let sentences = program.utterances().count();
    if json {
        let ready = program.constant_sentences().len();
        show::object(
            true,
            &json!({ "name": document.name, "steps": document.steps.len(), "utterances": sentences, "constant_sentences": ready }),
        )
    } else {
        println!("{}: {} steps, nothing wrong", document.name, document.steps.len());
        Ok(())
    }
}

/// Reads a script without checking it.
fn document(file: &str) -> Result<Document> {
    script::read(&read_text(file)?).with_context(|| format!("{file} is no script"))
}

/// Reads and checks a script; the error has a line for everything that is wrong.
fn read(file: &str) -> Result<(Document, Program)> {
    let document = document(file)?;
    match Program::new(&document) {
        Ok(program) => Ok((document, program)),
        Err(faults) => {
            let lines: Vec<_> = faults.iter().map(|fault| format!("  {fault}")).collect();
            bail!("{file} cannot be used:\n{}", lines.join("\n"))
        }
    }
}

pub fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE, such as name=Ann")?;
    Ok((name.to_owned(), value.to_owned()))
}
