//! `peal line …`

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::read_json;
use crate::{api_client::Api, show};

/// Lines and line groups.
#[derive(Subcommand)]
pub enum Line {
    /// Add a line
    Add(Box<AddLine>),
    /// Show all lines
    Ls,
    /// Show one line
    Show {
        /// Id of the line
        id: i64,
    },
    /// Replace a line's settings with a JSON file (`-` for standard input)
    Set {
        /// Id of the line
        id: i64,
        /// The settings
        file: String,
    },
    /// Remove a line that no group uses
    Rm {
        /// Id of the line
        id: i64,
    },
    /// Make a group of lines that stand in for each other
    Group {
        /// Name of the group
        name: String,
        /// Ids of its lines
        #[arg(required = true)]
        lines: Vec<i64>,
    },
    /// Show all groups
    Groups,
}

/// A line, by options.
#[derive(Args)]
pub struct AddLine {
    /// Name, unique
    name: String,
    /// host or host:port of the carrier
    address: String,
    /// Most calls at once
    #[arg(long, value_name = "N")]
    max_calls: u32,
    /// Most new calls in any rolling second
    #[arg(long, value_name = "N")]
    max_cps: u32,
    /// Share among the lines of a group
    #[arg(long, default_value_t = 100)]
    weight: u32,
    /// Number to show to the callee; may be given several times
    #[arg(long = "caller-id", value_name = "NUMBER")]
    caller_ids: Vec<String>,
    /// Host part of the SIP URIs, when it is not the address
    #[arg(long)]
    domain: Option<String>,
    /// User name for digest authentication
    #[arg(long, requires = "password")]
    username: Option<String>,
    /// Password for digest authentication
    #[arg(long, env = "PEAL_LINE_PASSWORD", hide_env_values = true, requires = "username")]
    password: Option<String>,
    /// Realm that may have the password, when it is not the domain
    #[arg(long, requires = "username")]
    realm: Option<String>,
    /// How numbers are written: e164 (+8613…) or digits (8613…)
    #[arg(long, default_value = "e164", value_parser = ["e164", "digits"])]
    number_format: String,
    /// Put before every number
    #[arg(long, default_value = "")]
    prefix: String,
    /// Codecs, most wanted first
    #[arg(long, value_delimiter = ',', default_value = "PCMA,PCMU")]
    codecs: Vec<String>,
    /// Give each call an RTP port of its own
    #[arg(long)]
    own_media_ports: bool,
}

const COLUMNS: &[(&str, &str)] = &[
    ("id", "id"),
    ("name", "name"),
    ("address", "address"),
    ("calls", "max_calls"),
    ("calls/s", "max_cps"),
    ("weight", "weight"),
    ("enabled", "enabled"),
];

impl Line {
    /// Runs the command.
    pub async fn run(&self, api: &Api, json: bool) -> Result<()> {
        match self {
            Self::Add(line) => show::object(json, &api.post("/lines", &line.to_json()).await?),
            Self::Ls => show::rows(json, &api.all("/lines").await?, COLUMNS),
            Self::Show { id } => show::object(json, &api.get(&format!("/lines/{id}")).await?),
            Self::Set { id, file } => {
                show::object(json, &api.put(&format!("/lines/{id}"), &read_json(file)?).await?)
            }
            Self::Rm { id } => api.delete(&format!("/lines/{id}")).await.map(drop),
            Self::Group { name, lines } => {
                show::object(json, &api.post("/line-groups", &json!({"name": name, "lines": lines})).await?)
            }
            Self::Groups => {
                let columns = [("id", "id"), ("name", "name"), ("lines", "lines")];
                show::rows(json, &api.all("/line-groups").await?, &columns)
            }
        }
    }
}

impl AddLine {
    fn to_json(&self) -> Value {
        let auth = match (&self.username, &self.password) {
            (Some(username), Some(password)) => json!({
                "by": "digest", "username": username, "password": password,
                "realm": self.realm.clone().unwrap_or_default(),
            }),
            _ => json!({"by": "ip"}),
        };
        json!({
            "name": self.name,
            "address": self.address,
            "domain": self.domain.clone().unwrap_or_default(),
            "auth": auth,
            "max_calls": self.max_calls,
            "max_cps": self.max_cps,
            "weight": self.weight,
            "caller_ids": self.caller_ids,
            "number_format": self.number_format,
            "prefix": self.prefix,
            "codecs": self.codecs,
            "media_ports": if self.own_media_ports { "own" } else { "shared" },
        })
    }
}
