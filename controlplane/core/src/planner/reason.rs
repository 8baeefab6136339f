//! Why something was passed over.

use std::fmt;

use common::{AttemptId, CampaignId, ContactId};

/// What was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PassedOver {
    /// A campaign, with all that it has ready.
    Campaign(CampaignId),
    /// One contact of a campaign.
    Contact(CampaignId, ContactId),
    /// An attempt that waits for another line.
    Attempt(AttemptId),
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// This planner has just taken over: orders of the one before may have left within the rolling second.
    TakingOver,
    /// The spool of records is full.
    SpoolFull,
    /// No node is connected and willing.
    NoNode,
    /// The call must be recorded, and no node can at the moment.
    CannotRecord,
    /// Not started, or its schedule's start has not come.
    NotRunning,
    /// Paused by an operator.
    Paused,
    /// Outside its windows.
    OutsideSchedule,
    /// Its script could not be used a moment ago.
    CampaignResting,
    /// As many calls as the campaign may have.
    CampaignCap,
    /// Nobody is ready; the next retry is due later.
    RetryNotDue,
    /// Nobody is ready yet; contacts are being read.
    Drawing,
    /// The line group has no enabled line.
    NoLine,
    /// All lines rest: their carrier asked for it, or they could not be used a moment ago.
    LineResting,
    /// All lines have as many calls as they may.
    LineFull,
    /// All lines have had as many new calls as the rolling second allows.
    LineRate,
    /// The node that could take it has its share of the line, or of calls in all.
    NodeFull,
    /// Its script listens, and no node has a session of the recogniser for another call.
    NoRecogniser,
    /// The number is being called already, for this campaign or another of the tenant.
    NumberInFlight,
    /// The number is suppressed; the contact is settled.
    Suppressed,
    /// More than one plan may hold; the next goes on here.
    PlanFull,
}

impl Reason {
    /// The name in labels, logs and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TakingOver => "taking_over",
            Self::SpoolFull => "spool_full",
            Self::NoNode => "no_node",
            Self::CannotRecord => "cannot_record",
            Self::NotRunning => "not_running",
            Self::Paused => "paused",
            Self::OutsideSchedule => "outside_schedule",
            Self::CampaignResting => "campaign_resting",
            Self::CampaignCap => "campaign_cap",
            Self::RetryNotDue => "retry_not_due",
            Self::Drawing => "drawing",
            Self::NoLine => "no_line",
            Self::LineResting => "line_resting",
            Self::LineFull => "line_full",
            Self::LineRate => "line_rate",
            Self::NodeFull => "node_full",
            Self::NoRecogniser => "no_recogniser",
            Self::NumberInFlight => "number_in_flight",
            Self::Suppressed => "suppressed",
            Self::PlanFull => "plan_full",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
