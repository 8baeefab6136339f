//! The configuration: one TOML file for both planes. Unknown keys are refused by name, every key has a default.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use analytics::ClickHouse;
use anyhow::{Context, Result, anyhow};
use node::NodeConfig;
use serde::Deserialize;

/// The file with every default and what each key does; a test holds it to the defaults.
pub const DOCUMENTED: &str = include_str!("default.toml");

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The data plane.
    pub node: NodeConfig,
    /// The control plane.
    pub controlplane: ControlPlaneConfig,
    /// Where records of attempts go.
    pub clickhouse: ClickHouseConfig,
    /// What is logged.
    pub log: LogConfig,
}

/// The `[controlplane]` table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ControlPlaneConfig {
    /// Name under which the planner lease is held.
    pub name: String,
    /// Folder of the store and the spool.
    pub data: PathBuf,
    /// Where the API and `/metrics` are served.
    pub api: SocketAddr,
    /// Where nodes connect.
    pub link: SocketAddr,
    /// Key of the API; one is made and kept in `api-key` beside `data` when empty.
    pub api_key: node::Secret,
    /// Secret that nodes must show.
    pub node_token: node::Secret,
    /// Most bytes of records that wait for ClickHouse.
    pub spool_bytes_max: u64,
}

impl Default for ControlPlaneConfig {
    fn default() -> Self {
        Self {
            name: "controlplane".to_owned(),
            data: PathBuf::from("data/controlplane"),
            api: SocketAddr::from((Ipv4Addr::LOCALHOST, 7300)),
            link: SocketAddr::from((Ipv4Addr::LOCALHOST, 7400)),
            api_key: node::Secret::default(),
            node_token: node::Secret::default(),
            spool_bytes_max: 4 << 30,
        }
    }
}

/// The `[clickhouse]` table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClickHouseConfig {
    /// A server or cluster; the embedded engine when empty.
    pub url: node::Secret,
    /// Folder of the embedded engine's data.
    pub data: PathBuf,
    /// Where the embedded engine listens.
    pub listen: SocketAddr,
    /// The engine, `libchdb.so`; looked for when empty.
    pub library: PathBuf,
    /// Memory that the embedded engine may take.
    pub memory_bytes_max: u64,
}

impl Default for ClickHouseConfig {
    fn default() -> Self {
        Self {
            url: node::Secret::default(),
            data: PathBuf::from("data/clickhouse"),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            library: PathBuf::new(),
            memory_bytes_max: 4 << 30,
        }
    }
}

impl ClickHouseConfig {
    /// The server to use, from the environment's `CLICKHOUSE_URL` or the file; `None` for the embedded engine.
    pub fn server(&self) -> Result<Option<ClickHouse>> {
        let url = match std::env::var("CLICKHOUSE_URL") {
            Ok(url) if !url.is_empty() => url,
            _ => self.url.0.clone(),
        };
        if url.is_empty() {
            return Ok(None);
        }
        ClickHouse::from_url(&url).map(Some).map_err(|problem| anyhow!("clickhouse.url: {problem}"))
    }
}

/// The `[log]` table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a list such as `info,peal_node=debug`.
    pub level: String,
    /// For people or for programs.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line of text.
    Text,
    /// A JSON object on a line.
    Json,
}

/// Reads a file, or gives the defaults. Errors say file, line and key.
pub fn load(file: Option<&Path>) -> Result<Config> {
    let Some(file) = file else { return Ok(Config::default()) };
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let config: Config =
        toml::from_str(&text).with_context(|| format!("{} cannot be used", file.display()))?;
    config.check().with_context(|| format!("{} cannot be used", file.display()))?;
    Ok(config)
}

impl Config {
    /// Puts everything that is written below one folder.
    pub fn move_data(&mut self, data: &Path) {
        self.node.data = data.join("node");
        self.node.recordings = data.join("recordings");
        self.controlplane.data = data.join("controlplane");
        self.clickhouse.data = data.join("clickhouse");
    }

    fn check(&self) -> Result<()> {
        self.node.check()?;
        self.clickhouse.server()?;
        let name = &self.controlplane.name;
        if name.is_empty()
            || name.len() > 64
            || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        {
            return Err(anyhow!("controlplane.name: must be 1 to 64 letters, digits, '-', '_' or '.'"));
        }
        if self.controlplane.spool_bytes_max < 1 << 20 {
            return Err(anyhow!("controlplane.spool_bytes_max: must be at least 1048576"));
        }
        if !self.controlplane.link.ip().is_loopback() && self.controlplane.node_token.0.is_empty() {
            return Err(anyhow!(
                "controlplane.node_token: is needed when controlplane.link can be reached from other machines: whoever \
                 connects there gets the lines' passwords"
            ));
        }
        let levels = tracing_subscriber::EnvFilter::try_new(&self.log.level);
        levels.map(drop).map_err(|error| anyhow!("log.level: {error}"))
    }
}

/// A secret as the server carries it.
pub fn secret(text: &node::Secret) -> server::Secret {
    server::Secret::new(text.0.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_file_is_the_default() {
        let documented: Config = toml::from_str(DOCUMENTED).expect("it is well formed");
        assert_eq!(documented, Config::default());
        // Every key is named, also those that have no default: the error for an unknown key lists them all.
        for table in ["node", "node.voice", "controlplane", "clickhouse", "log"] {
            let error =
                toml::from_str::<Config>(&format!("[{table}]\nno_such_key = 1")).expect_err("no such key");
            let listed =
                error.message().split_once("expected one of").map_or(error.message(), |(_, keys)| keys);
            let keys: Vec<_> =
                listed.split('`').skip(1).step_by(2).filter(|key| *key != "no_such_key").collect();
            assert!(keys.len() >= 2, "{table}: {error}");
            for key in keys {
                let is_key = format!("{key} = ");
                let is_table = [format!("[{table}.{key}]"), format!("[{table}.{key}.")];
                let named = |line: &str| {
                    let line = line.trim_start_matches("# ");
                    line.starts_with(&is_key) || is_table.iter().any(|table| line.starts_with(table))
                };
                assert!(DOCUMENTED.lines().any(named), "{table}.{key}");
            }
        }
    }

    #[test]
    fn an_unknown_key_is_refused_by_name_and_place() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("peal.toml");
        std::fs::write(&file, "[node]\nmax_cals = 5\n").expect("a file");
        let error = format!("{:#}", load(Some(&file)).expect_err("no such key"));
        assert!(
            error.contains("max_cals") && error.contains("line 2") && error.contains("peal.toml"),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_value_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("peal.toml");
        for (text, key) in [
            ("[controlplane]\nname = \"\"", "controlplane.name"),
            ("[controlplane]\nspool_bytes_max = 1", "controlplane.spool_bytes_max"),
            ("[controlplane]\nlink = \"0.0.0.0:7400\"", "controlplane.node_token"),
            ("[clickhouse]\nurl = \"ftp://x\"", "clickhouse.url"),
            ("[log]\nlevel = \"peal=loud\"", "log.level"),
            ("[node]\nshards = 0", "node.shards"),
        ] {
            std::fs::write(&file, text).expect("a file");
            let error = format!("{:#}", load(Some(&file)).expect_err(key));
            assert!(error.contains(key), "{error}");
        }
    }
}
