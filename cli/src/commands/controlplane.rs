//! `peal controlplane`: the control plane, with the ClickHouse engine as its child unless a server is configured.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use analytics::{ClickHouse, Secret};
use anyhow::{Context, Result, bail};
use embedded_clickhouse::{Child, Launch};
use serde_json::json;
use server::{Running, Secret as ServerSecret, Server, ServerConfig};

use crate::{
    commands::interrupts,
    config::{Config, secret},
};

/// Runs a control plane until SIGTERM or SIGINT.
pub fn run(config: Config) -> Result<()> {
    crate::init_log(&config.log.level, config.log.format);
    let interrupted = interrupts::watch()?;
    crate::runtime()?.block_on(async {
        let mut plane = ControlPlane::start(&config).await?;
        tracing::info!(api = %plane.server.http_address(), link = %plane.server.link_address(), "the control plane is up");
        let failed = tokio::select! {
            () = interrupted.reached(1) => None,
            what = plane.server.ended() => Some(what),
        };
        plane.stop().await?;
        failed.map_or(Ok(()), |what| bail!("the control plane cannot go on: {what}"))
    })
}

/// A running control plane with its ClickHouse.
pub struct ControlPlane {
    /// The server itself.
    pub server: Running,
    clickhouse: Option<Child>,
    /// Held as long as we live: two processes on one folder would fight over the store.
    _lock: File,
}

impl ControlPlane {
    /// Starts ClickHouse where it is ours to start, then the server.
    pub async fn start(config: &Config) -> Result<Self> {
        let plane = &config.controlplane;
        let lock = lock(&plane.data)?;
        let beside =
            plane.data.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(".".as_ref());
        let (clickhouse, child) = match config.clickhouse.server()? {
            Some(server) => (server, None),
            None => {
                let (embedded, child) = start_clickhouse(config, beside).await?;
                (embedded, Some(child))
            }
        };
        let api_key = match plane.api_key.0.as_str() {
            "" => ServerSecret::new(kept_key(&beside.join("api-key"))?),
            _ => secret(&plane.api_key),
        };
        let server = Server::start(ServerConfig {
            http: plane.api,
            link: plane.link,
            link_token: secret(&plane.node_token),
            holder: plane.name.clone(),
            spool_bytes_max: plane.spool_bytes_max,
            ..ServerConfig::new(&plane.data, api_key, clickhouse)
        })
        .await
        .context("the control plane cannot start")?;
        Ok(Self { server, clickhouse: child, _lock: lock })
    }

    /// Where the embedded ClickHouse listens, if it is ours.
    pub fn clickhouse_url(&self) -> Option<String> {
        self.clickhouse.as_ref().map(Child::url)
    }

    /// Ends both.
    pub async fn stop(self) -> Result<()> {
        self.server.stop().await;
        if let Some(clickhouse) = self.clickhouse {
            clickhouse.stop().await;
        }
        Ok(())
    }
}

async fn start_clickhouse(config: &Config, beside: &Path) -> Result<(ClickHouse, Child)> {
    let settings = &config.clickhouse;
    make_private(&settings.data)?;
    let child = Child::start(Launch {
        program: std::env::current_exe().context("cannot tell where this program is")?,
        arguments: vec![OsString::from("embedded-clickhouse")],
        path: settings.data.clone(),
        listen: settings.listen,
        library: Some(settings.library.clone()).filter(|library| !library.as_os_str().is_empty()),
        memory_bytes_max: Some(settings.memory_bytes_max),
    })
    .await
    .context("the embedded ClickHouse cannot start (CLICKHOUSE_URL names a server instead)")?;
    let access = child.access();
    let embedded = ClickHouse::Embedded {
        address: child.address(),
        user: access.user.clone(),
        password: Secret::new(access.password.clone()),
    };
    let told = json!({"url": child.url(), "user": access.user, "password": access.password, "database": embedded.database()});
    write_private(&beside.join("clickhouse.json"), &serde_json::to_vec_pretty(&told)?)?;
    Ok((embedded, child))
}

/// Takes the folder for this process.
fn lock(data: &Path) -> Result<File> {
    make_private(data)?;
    let path = data.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    if file.try_lock().is_err() {
        bail!("another control plane runs on {}: end it first, or name another folder", data.display());
    }
    Ok(file)
}

/// The key in a file, made at the first start.
fn kept_key(path: &PathBuf) -> Result<String> {
    match std::fs::read_to_string(path) {
        Ok(key) if !key.trim().is_empty() => return Ok(key.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
    let key = random_hex()?;
    write_private(path, key.as_bytes())?;
    Ok(key)
}

/// 128 random bits, as hexadecimal digits.
pub fn random_hex() -> Result<String> {
    let mut bytes = [0u8; 16];
    File::open("/dev/urandom")
        .and_then(|mut urandom| urandom.read_exact(&mut bytes))
        .context("no random numbers")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Makes a folder that only its owner can enter: numbers, recordings and passwords lie below it.
pub fn make_private(folder: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make {}", folder.display()))
}

/// Writes a file that only its owner can read.
fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let new = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
