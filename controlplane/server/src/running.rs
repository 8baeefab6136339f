//! Starting and stopping a control plane.

use std::{io, net::SocketAddr, os::unix::fs::DirBuilderExt, sync::Arc};

use analytics::{Analytics, Shipper, ShipperConfig, Spool, SpoolConfig, SpoolError};
use axum::{
    extract::Request,
    http::header::CONTENT_TYPE,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use peal_core::command::Command;
use store::{Store, StoreError, StoreOptions};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Metrics, ServerConfig, clock, http,
    link::LinkService,
    names::Names,
    planning::{Draws, Planning},
    tasks::Tasks,
};

/// Call events kept for readers that come back: a minute at 1,000 calls a second would be 420,000; most readers are away
/// for seconds.
const FEED: usize = 65_536;

/// Commands that wait for planning: it reads them many times a second.
const COMMANDS: usize = 1_024;

/// News of all nodes that wait for planning; beyond it their streams wait, and then the nodes.
const NEWS: usize = 4_096;

/// Why a control plane did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The API key is missing.
    #[error("no API key is configured; set `api_key`")]
    NoKey,
    /// The data folder.
    #[error("the data folder {0} cannot be made: {1}")]
    Data(std::path::PathBuf, #[source] io::Error),
    /// The database.
    #[error("the database cannot be opened: {0}")]
    Store(#[from] StoreError),
    /// The spool.
    #[error("the spool of records cannot be opened: {0}")]
    Spool(#[from] SpoolError),
    /// A listener.
    #[error("{what} cannot be served on {address}: {source}; set another address")]
    Listen {
        /// `the API` or `the link`.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The control plane.
#[derive(Debug)]
pub struct Server;

/// A control plane that runs. Dropping it cuts it off like a crash; [`Running::stop`] ends it in order.
pub struct Running {
    http: SocketAddr,
    link: SocketAddr,
    store: Store,
    spool: Arc<Spool>,
    shipper: Arc<Shipper>,
    analytics: Analytics,
    metrics: Metrics,
    status: watch::Receiver<api::Status>,
    commands: mpsc::Sender<Command>,
    feed: Arc<api::Feed>,
    stop: CancellationToken,
    tasks: Tasks,
}

impl Server {
    /// Opens store and spool and starts to serve, to ship and, as soon as it holds the lease, to plan.
    pub async fn start(config: ServerConfig) -> Result<Running, StartError> {
        if config.api_key.expose().is_empty() {
            return Err(StartError::NoKey);
        }
        // Numbers and the passwords of lines lie in it.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&config.data)
            .map_err(|error| StartError::Data(config.data.clone(), error))?;
        let http_listener = listen("the API", config.http).await?;
        let link_listener = listen("the link", config.link).await?;
        let store = Store::open(&StoreOptions::new(config.data.join("peal.db"))).await?;
        let spool = Spool::open(SpoolConfig {
            bytes_max: config.spool_bytes_max,
            ..SpoolConfig::new(config.data.join("spool"))
        })?;
        let analytics = Analytics::new(&config.clickhouse);
        let shipper = Arc::new(Shipper::start(spool.clone(), analytics.clone(), ShipperConfig::default()));

        let stop = CancellationToken::new();
        let metrics = Metrics::default();
        let (commands, commanded) = mpsc::channel(COMMANDS);
        let (news, from_link) = mpsc::channel(NEWS);
        let (status_sender, status) = watch::channel(api::Status::default());
        let first_id = u64::try_from(clock::wall().0).unwrap_or(1);
        let feed = Arc::new(api::Feed::new(FEED, first_id));
        let planning = Planning {
            holder: config.holder,
            tick: config.tick,
            store: store.clone(),
            spool: spool.clone(),
            shipper: shipper.clone(),
            feed: feed.clone(),
            metrics: metrics.clone(),
            status: status_sender,
            names: Names::default(),
            from_link,
            commands: commanded,
            draws: Draws::default(),
            term: None,
            shipped: Default::default(),
            version: 0,
        };
        let service = LinkService::new(config.link_token, store.clone(), news, stop.child_token());
        let router = api::router(api::ApiState {
            store: store.clone(),
            commands: commands.clone(),
            feed: feed.clone(),
            status: status.clone(),
            analytics: analytics.clone(),
            api_key: config.api_key.expose().into(),
            clock: Arc::new(clock::wall),
        });
        let router = with_metrics(router, metrics.clone());

        let (http, link) = (address_of(&http_listener, config.http), address_of(&link_listener, config.link));
        let (plans, serves) = (planning.run(stop.child_token()), stop.child_token());
        let mut tasks = Tasks::default();
        tasks.spawn("planning", async move {
            plans.await;
            Ok(())
        });
        tasks.spawn("the API", async move {
            http::serve(router, http_listener, serves).await;
            Ok(())
        });
        tasks.spawn("the link service", async move {
            service.serve(link_listener).await.map_err(|error| error.to_string())
        });
        tracing::info!(%http, %link, "the control plane is up");
        Ok(Running {
            http,
            link,
            store,
            spool,
            shipper,
            analytics,
            metrics,
            status,
            commands,
            feed,
            stop,
            tasks,
        })
    }
}

impl Running {
    /// Where the API is served.
    pub fn http_address(&self) -> SocketAddr {
        self.http
    }

    /// Where nodes connect.
    pub fn link_address(&self) -> SocketAddr {
        self.link
    }

    /// What is remembered.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Records on their way.
    pub fn spool(&self) -> &Arc<Spool> {
        &self.spool
    }

    /// What carries them to ClickHouse.
    pub fn shipper(&self) -> &Shipper {
        &self.shipper
    }

    /// The ClickHouse that they go to.
    pub fn analytics(&self) -> &Analytics {
        &self.analytics
    }

    /// Its metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Nodes, lines, planner and spool, about once a second.
    pub fn status(&self) -> watch::Receiver<api::Status> {
        self.status.clone()
    }

    /// The way to tell the planner what has changed in the store.
    pub fn commands(&self) -> mpsc::Sender<Command> {
        self.commands.clone()
    }

    /// Waits until planning, the API or the link service has ended by itself, and says which and why: what is left is no
    /// control plane, and the process should end. Safe to drop half-way and to call again.
    pub async fn ended(&mut self) -> String {
        self.tasks.ended().await
    }

    /// Stops: no new calls, the lease given up, requests under way finished. Calls on nodes go on, and what they tell
    /// waits in their journals. Records that ClickHouse does not have yet stay in the spool.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // Streams of events would never end by themselves.
        self.feed.close();
        self.tasks.join().await;
        // Planning had the only other handle.
        if let Some(shipper) = Arc::into_inner(self.shipper) {
            shipper.stop().await;
        }
        self.store.close().await;
    }
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { what, address, source })
}

fn address_of(listener: &TcpListener, configured: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(configured)
}

fn with_metrics(router: axum::Router, metrics: Metrics) -> axum::Router {
    let page = metrics.clone();
    let count = move |request: Request, next: Next| {
        let requests = metrics.api_requests.clone();
        async move {
            let response: Response = next.run(request).await;
            let class = match response.status().as_u16() {
                200..300 => "2xx",
                300..400 => "3xx",
                400..500 => "4xx",
                _ => "5xx",
            };
            requests.with_label_values(&[class]).inc();
            response
        }
    };
    router.layer(middleware::from_fn(count)).route(
        "/metrics",
        get(move || {
            let text = page.text();
            async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response() }
        }),
    )
}
