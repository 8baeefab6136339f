//! Side work that may take long: names to look up, prompts to encode, the HTTP listener. Never on the dispatcher's
//! thread, never on a shard.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use common::{LineId, PromptId};
use crossbeam_channel::Sender;
use media::Prompt;
use tokio::runtime::Runtime;

use crate::assets::AudioName;
use crate::dispatch::Input;
use crate::line::split_address;

/// Threads for work that blocks. A resolver may take half a minute over a name that does not answer; more names than
/// these wait for each other. They come and go with the work.
pub(crate) const BLOCKING_THREADS: usize = 32;

/// The side threads.
#[derive(Debug)]
pub(crate) struct Side {
    runtime: Runtime,
    results: Sender<Input>,
    ipv6: bool,
}

impl Side {
    /// Starts the threads; results go to `results`.
    pub(crate) fn start(results: Sender<Input>, ipv6: bool) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("peal-side")
            .enable_all()
            .build()?;
        Ok(Self { runtime, results, ipv6 })
    }

    /// For work of another kind.
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Looks a line's address up.
    pub(crate) fn look_up(&self, line: LineId, address: String) {
        let (results, ipv6) = (self.results.clone(), self.ipv6);
        self.runtime.spawn_blocking(move || {
            let found = resolve(&address, ipv6);
            // The dispatcher may have ended meanwhile.
            let _ = results.send(Input::LookedUp { line, address, found });
        });
    }

    /// Encodes a prompt.
    pub(crate) fn encode(&self, prompt: PromptId, wav: Vec<u8>) {
        let results = self.results.clone();
        self.runtime.spawn_blocking(move || {
            let result: Result<Arc<Prompt>, String> =
                Prompt::from_wav(&wav).map_err(|error| error.to_string());
            let _ = results.send(Input::Made { name: AudioName::Prompt(prompt), result });
        });
    }

    /// Ends without waiting for work that blocks.
    pub(crate) fn stop(self) {
        self.runtime.shutdown_background();
    }
}

fn resolve(address: &str, ipv6: bool) -> Result<SocketAddr, String> {
    let (host, port) = split_address(address).ok_or("the address is not host or host:port")?;
    let found = (host, port).to_socket_addrs().map_err(|error| error.to_string())?;
    let family = if ipv6 { "IPv6" } else { "IPv4" };
    found
        .into_iter()
        .find(|address| address.is_ipv6() == ipv6)
        .ok_or_else(|| format!("the name has no {family} address"))
}
