//! `peal up` as a child, with a configuration for the demo.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::api_client::Api;

/// How long `peal up` may take to start; opening ClickHouse is most of it.
const START: Duration = Duration::from_secs(60);

/// How long it may take to end: no call is up any more.
const STOP: Duration = Duration::from_secs(60);

/// A running `peal up`.
pub struct Peal {
    child: Child,
    dir: PathBuf,
    api: String,
}

/// Every port is the kernel's choice, so that the demo runs beside anything.
const CONFIG: &str = "\
# The configuration of the demo. `peal config` prints every key with its meaning.
[node]
sip_port = 0
rtp_ports = { first = 0, last = 599 }
metrics = \"127.0.0.1:0\"
drain_s = 5

[controlplane]
api = \"127.0.0.1:0\"
link = \"127.0.0.1:0\"
";

impl Peal {
    /// Starts it and waits until its API answers.
    pub async fn start(dir: &Path) -> Result<Self> {
        let config = dir.join("peal.toml");
        std::fs::write(&config, CONFIG)?;
        let log = std::fs::File::create(dir.join("peal.log"))?;
        let program = std::env::current_exe().context("cannot tell where this program is")?;
        let child = Command::new(program)
            .arg("up")
            .arg("--config")
            .arg(&config)
            .arg("--data")
            .arg(dir.join("data"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start peal up")?;
        let mut peal = Self { child, dir: dir.to_owned(), api: String::new() };
        let deadline = tokio::time::Instant::now() + START;
        loop {
            if let Some(addresses) = peal.addresses() {
                peal.api = format!("http://{}", addresses["api"].as_str().unwrap_or_default());
                return Ok(peal);
            }
            ensure!(peal.is_running()?, "peal up ended at once; its log is {}", peal.log().display());
            ensure!(
                tokio::time::Instant::now() < deadline,
                "peal up is not ready after a minute; its log is {}",
                peal.log().display()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A client of its API.
    pub fn api(&self) -> Result<Api> {
        let key = std::fs::read_to_string(self.dir.join("data/api-key"))?;
        Api::with_key(&self.api, key.trim().to_owned())
    }

    /// Where its API is.
    pub fn api_address(&self) -> &str {
        &self.api
    }

    /// Its log.
    pub fn log(&self) -> PathBuf {
        self.dir.join("peal.log")
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Ends it as an operator would, and checks that it ended well.
    pub async fn stop(mut self) -> Result<()> {
        if let Some(id) = self.child.id() {
            // `kill` of the shell's world; the child is ours and has not been waited for.
            Command::new("kill")
                .arg("-TERM")
                .arg(id.to_string())
                .status()
                .await
                .context("cannot end peal up")?;
        }
        let status = tokio::time::timeout(STOP, self.child.wait()).await;
        let status = status
            .with_context(|| format!("peal up does not end; its log is {}", self.log().display()))??;
        ensure!(status.success(), "peal up ended with {status}; its log is {}", self.log().display());
        Ok(())
    }

    /// What `peal up` wrote once it was ready.
    fn addresses(&self) -> Option<Value> {
        let text = std::fs::read_to_string(self.dir.join("data/addresses.json")).ok()?;
        serde_json::from_str(&text).ok()
    }
}
