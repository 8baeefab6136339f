//! Campaigns: states, schedule and retry policy.

use std::collections::BTreeMap;

use common::{CampaignId, LineGroupId, ListId, Outcome, TenantId, UnixMicros, outcome::Retry};
use serde::{Deserialize, Serialize};

use super::{Best, Invalid, Scripts, check_name};

/// A campaign as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Campaign {
    /// Its id.
    pub id: CampaignId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Where it stands.
    pub state: CampaignState,
    /// When it was made.
    pub created_at: UnixMicros,
    /// What was configured.
    #[serde(flatten)]
    pub spec: CampaignSpec,
}

/// What an operator says about a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CampaignSpec {
    /// Unique within the tenant.
    pub name: String,
    /// Who is called: 1 to 100 lists, each once.
    pub lists: Vec<ListId>,
    /// Over which lines.
    pub line_group: LineGroupId,
    /// What the call does: the id of a script, or a list of variants.
    pub script: Scripts,
    /// How the best of the variants is found; they are chosen by their weights alone, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<Best>,
    /// 1 (first) to 5; 3 by default.
    #[serde(default = "middle_priority")]
    pub priority: u8,
    /// Share among campaigns of one priority: 1 to 1,000; 100 by default.
    #[serde(default = "default_weight")]
    pub weight: u32,
    /// When it may dial; always, when absent.
    #[serde(default)]
    pub schedule: Schedule,
    /// What is tried again.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// Calls of this campaign at once: 1 to 100,000; as many as the lines allow, when absent.
    #[serde(default)]
    pub max_concurrent_calls: Option<u32>,
    /// How long it may ring: 5,000 to 180,000 ms; 45,000 by default.
    #[serde(default = "default_ring")]
    pub max_ring_ms: u32,
    /// How long an answered call may last: 1,000 to 14,400,000 ms; 600,000 by default.
    #[serde(default = "default_call")]
    pub max_call_ms: u32,
    /// Whether answered calls are recorded.
    #[serde(default)]
    pub record: bool,
}

fn middle_priority() -> u8 {
    3
}
fn default_weight() -> u32 {
    100
}
fn default_ring() -> u32 {
    45_000
}
fn default_call() -> u32 {
    600_000
}

/// Where a campaign stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CampaignState {
    /// Being set up.
    Draft,
    /// Started; its schedule has not come yet.
    Pending,
    /// Dialling.
    Running,
    /// Stopped for now; calls in progress go on.
    Paused,
    /// Every contact is settled.
    Completed,
    /// Given up by an operator.
    Cancelled,
}

/// What an operator, or the planner, does to a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Move {
    /// From draft.
    Start,
    /// From pending or running.
    Pause,
    /// From paused.
    Resume,
    /// From any state that is not an end.
    Cancel,
    /// By the planner: the schedule's start has come.
    ScheduleReached,
    /// By the planner: every contact is settled.
    AllSettled,
    /// By an import: there is somebody to call again.
    ContactsAdded,
}

impl CampaignState {
    /// The name in the store and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state after a move; `None` when the move is not allowed from here. A repeated move that would change
    /// nothing (pausing what is paused) is allowed.
    pub fn after(self, action: Move) -> Option<Self> {
        use CampaignState::{Cancelled, Completed, Draft, Paused, Pending, Running};
        match (self, action) {
            (Draft, Move::Start) => Some(Pending),
            (Pending | Running, Move::Start) => Some(self),
            (Pending | Running | Paused, Move::Pause) => Some(Paused),
            (Paused, Move::Resume) => Some(Pending),
            (Pending | Running, Move::Resume) => Some(self),
            (Draft | Pending | Running | Paused | Cancelled, Move::Cancel) => Some(Cancelled),
            (Pending, Move::ScheduleReached) => Some(Running),
            (Running, Move::AllSettled) => Some(Completed),
            (Completed, Move::ContactsAdded) => Some(Pending),
            (_, Move::ContactsAdded) => Some(self),
            _ => None,
        }
    }
}

/// When a campaign may dial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// IANA name (`Asia/Shanghai`) in which everything below is read; `UTC` when empty.
    #[serde(default)]
    pub time_zone: String,
    /// Local date and time (`2026-11-23T09:00`) before which it does not dial.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "2026-11-23T09:00"))]
    #[serde(default)]
    pub start: Option<jiff::civil::DateTime>,
    /// Local date and time from which it does not dial any more.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "2026-11-23T09:00"))]
    #[serde(default)]
    pub stop: Option<jiff::civil::DateTime>,
    /// Daily windows; the whole day, when there are none. At most 50.
    #[serde(default)]
    pub windows: Vec<Window>,
}

/// A daily window: from `from` inclusive to `to` exclusive on the given days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Days of the week, 1 Monday to 7 Sunday; every day when empty.
    #[serde(default)]
    pub days: Vec<u8>,
    /// `09:00` or `09:00:00`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "09:00"))]
    pub from: jiff::civil::Time,
    /// Later than `from`; a window does not cross midnight.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "09:00"))]
    pub to: jiff::civil::Time,
}

/// What is tried again, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RetryPolicy {
    /// Attempts for one contact in all, the first included: 1 to 20.
    pub max_attempts: u32,
    /// A rule for each outcome that is tried again.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::HashMap<String, RetryRule>))]
    pub rules: BTreeMap<Outcome, RetryRule>,
}

/// How one outcome is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RetryRule {
    /// 1 to 2,592,000 s (30 days), counted from the end of the attempt.
    pub delay_s: u32,
    /// At most so many retries for this outcome: 1 to 20.
    pub max: u32,
}

impl Default for RetryPolicy {
    /// One attempt, no retries.
    fn default() -> Self {
        Self { max_attempts: 1, rules: BTreeMap::new() }
    }
}

impl CampaignSpec {
    /// Checks every field; whether what it names exists is the store's to say.
    pub fn check(&self) -> Result<(), Invalid> {
        check_name("name", &self.name)?;
        if !(1..=100).contains(&self.lists.len()) {
            return Err(Invalid::new("lists", format!("must name 1 to 100 lists, not {}", self.lists.len())));
        }
        for (index, list) in self.lists.iter().enumerate() {
            if self.lists[..index].contains(list) {
                return Err(Invalid::new(format!("lists[{index}]"), format!("list {list} is named twice")));
            }
        }
        let in_range = |field: &str, value: u32, from: u32, to: u32| {
            if (from..=to).contains(&value) {
                Ok(())
            } else {
                Err(Invalid::new(field, format!("must be {from} to {to}, not {value}")))
            }
        };
        in_range("priority", self.priority.into(), 1, 5)?;
        in_range("weight", self.weight, 1, 1_000)?;
        in_range("max_ring_ms", self.max_ring_ms, 5_000, 180_000)?;
        in_range("max_call_ms", self.max_call_ms, 1_000, 14_400_000)?;
        if let Some(max) = self.max_concurrent_calls {
            in_range("max_concurrent_calls", max, 1, 100_000)?;
        }
        self.script.check(self.best.as_ref())?;
        self.schedule.check()?;
        in_range("retry.max_attempts", self.retry.max_attempts, 1, 20)?;
        for (outcome, rule) in &self.retry.rules {
            let field = format!("retry.rules.{outcome}");
            if outcome.retry() == Retry::Never {
                return Err(Invalid::new(field, "this outcome is never tried again by itself"));
            }
            in_range(&format!("{field}.delay_s"), rule.delay_s, 1, 2_592_000)?;
            in_range(&format!("{field}.max"), rule.max, 1, 20)?;
        }
        Ok(())
    }
}

impl Schedule {
    fn check(&self) -> Result<(), Invalid> {
        self.zone().map_err(|problem| Invalid::new("schedule.time_zone", problem))?;
        if let (Some(start), Some(stop)) = (self.start, self.stop)
            && stop <= start
        {
            return Err(Invalid::new("schedule.stop", "must be later than start"));
        }
        if self.windows.len() > 50 {
            return Err(Invalid::new("schedule.windows", "at most 50 windows"));
        }
        for (index, window) in self.windows.iter().enumerate() {
            if window.to <= window.from {
                return Err(Invalid::new(
                    format!("schedule.windows[{index}].to"),
                    "must be later than from; cut a window that crosses midnight in two",
                ));
            }
            if window.days.iter().any(|day| !(1..=7).contains(day)) {
                return Err(Invalid::new(
                    format!("schedule.windows[{index}].days"),
                    "must be 1 (Monday) to 7 (Sunday)",
                ));
            }
        }
        Ok(())
    }

    /// The time zone, from jiff's bundled or the system's database.
    pub fn zone(&self) -> Result<jiff::tz::TimeZone, String> {
        if self.time_zone.is_empty() {
            return Ok(jiff::tz::TimeZone::UTC);
        }
        jiff::tz::TimeZone::get(&self.time_zone)
            .map_err(|_| format!("'{}' is not an IANA time zone such as Asia/Shanghai", self.time_zone))
    }
}
