//! What every handler may use.

use std::{collections::BTreeMap, sync::Arc};

use analytics::Analytics;
use common::{LineId, TenantId, UnixMicros};
use peal_core::command::Command;
use serde::Serialize;
use store::Store;
use tokio::sync::{mpsc, watch};
use utoipa::ToSchema;

use crate::{Feed, Problem};

/// Where the time comes from: the shell's clock, or a test's.
pub type Clock = Arc<dyn Fn() -> UnixMicros + Send + Sync>;

/// Everything that the API stands on. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    /// What is remembered.
    pub store: Store,
    /// What the server is told.
    pub commands: mpsc::Sender<Command>,
    /// Call progress.
    pub feed: Arc<Feed>,
    /// What the server says of itself.
    pub status: watch::Receiver<Status>,
    /// Where attempts are asked about.
    pub analytics: Analytics,
    /// The key that callers must show. Never empty.
    pub api_key: Arc<str>,
    /// The time.
    pub clock: Clock,
}

impl ApiState {
    /// The tenant of the request. There is one key so far, and it is the first tenant's.
    pub(crate) fn tenant(&self) -> TenantId {
        TenantId(1)
    }

    pub(crate) fn now(&self) -> UnixMicros {
        (self.clock)()
    }

    /// Tells the server. What is told is in the store already, so a server that is gone finds it at its next start.
    pub(crate) async fn tell(&self, command: Command) {
        if self.commands.send(command).await.is_err() {
            tracing::warn!(?command, "the planner is not running; the change is stored and waits for it");
        }
    }

    /// Tells the server something that is not in the store.
    pub(crate) async fn order(&self, command: Command) -> Result<(), Problem> {
        self.commands.send(command).await.map_err(|_| Problem::unavailable("the planner is not running"))
    }
}

/// The control plane at a glance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// Whether this process holds the planner lease.
    pub planner: bool,
    /// Epoch of the lease, as far as it is known.
    pub epoch: u64,
    /// Attempts under way.
    pub attempts_open: u64,
    /// Every node that was seen since the start.
    pub nodes: Vec<NodeStatus>,
    /// Every line.
    pub lines: Vec<LineStatus>,
    /// Records on their way to ClickHouse.
    pub spool: SpoolStatus,
    /// Reasons for which ready contacts are not being dialled just now, with their number.
    pub passed_over: Vec<PassedOver>,
}

/// A data-plane node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// Whether its link is up.
    pub connected: bool,
    /// Calls on it, as it said last.
    pub active_calls: u32,
    /// Orders on it that wait for their sending slot.
    pub waiting_orders: u32,
    /// Whether it takes no new calls because it is to stop.
    pub draining: bool,
    /// How full its journal is, 0 to 1.
    pub journal_fill: f64,
    /// Whether it cannot write recordings at the moment.
    pub recording_failed: bool,
    /// Sessions that each of its recognisers could still open.
    pub free_recognisers: BTreeMap<String, u32>,
}

/// A line in use.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct LineStatus {
    /// Its id.
    pub id: LineId,
    /// Its name.
    pub name: String,
    /// Calls that count against its limit.
    pub calls: u32,
    /// The limit.
    pub max_calls: u32,
    /// Until when it is not used because its carrier asked for a pause (503 with Retry-After).
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resting_until: Option<jiff::Timestamp>,
}

/// The spool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct SpoolStatus {
    /// How full, 0 to 1. Dialling slows down at 0.8 and stops at 1.
    pub fill: f64,
    /// Age of the oldest row that ClickHouse does not have.
    pub lag_s: f64,
    /// Why the last insert failed; absent when it did not.
    pub last_error: Option<String>,
}

/// Contacts that could not be dialled in the last round, for one reason.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct PassedOver {
    /// The campaign.
    pub campaign: common::CampaignId,
    /// The reason's name.
    pub reason: String,
}
