//! `peal up`: both planes and ClickHouse in one process tree, with one data folder.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, Result, bail};
use clap::Args;
use node::Node;
use serde_json::json;

use crate::{
    commands::{
        controlplane::{ControlPlane, make_private, random_hex},
        interrupts::{self, Interrupts},
    },
    config::{self, Config},
};

/// Run everything on this machine: control plane, data plane, ClickHouse
#[derive(Args)]
pub struct UpArgs {
    /// Configuration file (TOML); `peal config` prints one with every default
    #[arg(long, env = "PEAL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for everything that is written
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

/// Runs until SIGTERM or SIGINT. The first lets calls end for `node.drain_s`, the second ends them at once.
pub fn run(args: &UpArgs) -> Result<()> {
    let mut config = config::load(args.config.as_deref())?;
    let data = args.data.clone().unwrap_or_else(|| PathBuf::from("data"));
    if args.data.is_some() {
        config.move_data(&data);
    }
    make_private(&data)?;
    crate::init_log(&config.log.level, config.log.format);
    // The node asks again and tells its warnings; here it is only to be known before the control plane and ClickHouse run.
    node::limits::admit(&config.node)?;
    let interrupted = interrupts::watch()?;
    crate::runtime()?.block_on(serve(config, data, interrupted))
}

async fn serve(mut config: Config, data: PathBuf, interrupted: Interrupts) -> Result<()> {
    // Whoever can reach the link must not be able to pass as our node.
    if config.controlplane.node_token.0.is_empty() {
        config.controlplane.node_token.0 = random_hex()?;
    }
    let addresses = data.join("addresses.json");
    // What an earlier run wrote is not true any more.
    let _ = std::fs::remove_file(&addresses);
    let mut plane = ControlPlane::start(&config).await?;
    config.node.control_plane = format!("http://{}", plane.server.link_address());
    config.node.token = config.controlplane.node_token.clone();
    // A node brings threads and runtimes of its own, and waits for them.
    let started = tokio::task::spawn_blocking(move || Node::start(config.node)).await?;
    let node = started.context("the node cannot start")?;

    let told = json!({
        "api": plane.server.http_address(),
        "link": plane.server.link_address(),
        "node_metrics": node.metrics_address(),
        "sip": node.sip_addresses(),
        "clickhouse": plane.clickhouse_url(),
    });
    let new = data.join("addresses.json.new");
    std::fs::write(&new, serde_json::to_vec_pretty(&told)?)
        .and_then(|()| std::fs::rename(&new, &addresses))
        .with_context(|| format!("cannot write {}", addresses.display()))?;
    tracing::info!(
        api = %format!("http://{}", plane.server.http_address()),
        docs = %format!("http://{}/docs", plane.server.http_address()),
        metrics = ?node.metrics_address(),
        data = %data.display(),
        "Peal is up; the API key is in {}", data.join("api-key").display()
    );

    // A control plane that fails ends the node too, as a request to stop would; whoever supervises us starts both again.
    let failing = Arc::new(AtomicBool::new(false));
    let failed = failing.clone();
    let mut node = tokio::task::spawn_blocking(move || {
        let mut stops = 0;
        while node.is_running() {
            let asked = interrupted.count() + usize::from(failed.load(Ordering::Relaxed));
            if asked > stops {
                stops += 1;
                tracing::info!(
                    "stopping; calls that are up may go on for node.drain_s, a second signal ends them"
                );
                node.stop();
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        node.wait()
    });
    let (ended, fault) = tokio::select! {
        ended = &mut node => (ended, None),
        what = plane.server.ended() => {
            failing.store(true, Ordering::Relaxed);
            (node.await, Some(what))
        }
    };
    plane.stop().await?;
    ended?.context("the node ended")?;
    fault.map_or(Ok(()), |what| bail!("the control plane cannot go on: {what}"))
}
