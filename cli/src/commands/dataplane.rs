//! `peal dataplane`: one node.

use anyhow::{Context, Result};
use node::Node;

use crate::{commands::interrupts, config::Config};

/// Runs a node until SIGTERM or SIGINT. The first drains it, the second ends it at once.
pub fn run(config: Config) -> Result<()> {
    crate::init_log(&config.log.level, config.log.format);
    let interrupted = interrupts::watch()?;
    let node = Node::start(config.node).context("the node cannot start")?;
    tracing::info!(sip = ?node.sip_addresses(), metrics = ?node.metrics_address(), "the node is up");
    let mut stops = 0;
    while node.is_running() {
        if interrupted.count() > stops {
            stops += 1;
            node.stop();
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    node.wait().context("the node ended")
}
