//! What a control plane needs to know.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use analytics::ClickHouse;

/// What a control plane needs to know. The shell that reads the configuration file fills it in.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Folder for the database (`peal.db`) and the spool (`spool/`); made if missing. One process at a time.
    pub data: PathBuf,
    /// Where the API, its pages and `/metrics` are served. Port 0 takes any; [`crate::Running::http_address`] tells.
    pub http: SocketAddr,
    /// Where nodes connect.
    pub link: SocketAddr,
    /// Secret that nodes must show; none is asked for when it is empty.
    pub link_token: Secret,
    /// Key that callers of the API must show. Never empty.
    pub api_key: Secret,
    /// Name under which this process holds the planner lease; no other process of the installation has it.
    pub holder: String,
    /// Where records go. It may be away for as long as the spool has room.
    pub clickhouse: ClickHouse,
    /// Most bytes of records that wait for ClickHouse. Dialling slows at 80 % of it and stops at all of it.
    pub spool_bytes_max: u64,
    /// How often the planner plans. 50 ms by default: twice as often halves the wait for a free slot and doubles the
    /// transactions.
    pub tick: Duration,
}

impl ServerConfig {
    /// The defaults, on any free ports of loopback, with records for `clickhouse`.
    pub fn new(data: impl Into<PathBuf>, api_key: Secret, clickhouse: ClickHouse) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            data: data.into(),
            http: any,
            link: any,
            link_token: Secret::new(""),
            api_key,
            holder: "controlplane".to_owned(),
            clickhouse,
            spool_bytes_max: 4 << 30,
            tick: Duration::from_millis(50),
        }
    }
}

/// A secret of the configuration. Shown nowhere.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
