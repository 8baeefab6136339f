//! What a refused order means: for the attempt, and for what is ordered next.

use std::time::Duration;

use common::{LineId, NodeId, Outcome};
use proto::v1::refused::Reason;

use super::batch::After;
use crate::{planning::calls::Call, record::End};

/// A line whose address does not resolve is asked again after this long: names are repaired by people.
const LINE_REST: Duration = Duration::from_secs(10);

/// A node without room or lease has them again soon.
const NODE_REST: Duration = Duration::from_secs(1);

/// A script that cannot be used stays so until somebody repairs it; the rest keeps the records of its refusals few.
const CAMPAIGN_REST: Duration = Duration::from_secs(30);

/// How the attempt ended, for nothing left the machine; `None` when the refusal says nothing of it.
pub(super) fn outcome(reason: Reason) -> Option<Outcome> {
    Some(match reason {
        // It was taken before, and that order's events decide.
        Reason::SeenBefore => return None,
        Reason::Expired | Reason::OldEpoch | Reason::NoLease => Outcome::Expired,
        Reason::LineUnknown | Reason::LineUnusable => Outcome::LineUnusable,
        Reason::Full
        | Reason::Draining
        | Reason::JournalFull
        | Reason::RecordingFailed
        | Reason::ScriptUnusable
        | Reason::Unspecified => Outcome::Shed,
        Reason::HungUp => Outcome::Canceled,
        // An order that can never be taken would come back for ever.
        Reason::BadOrder => Outcome::LocalFailure,
    })
}

pub(super) fn detail(reason: Reason, told: &str) -> String {
    let name = reason.as_str_name().to_lowercase();
    if told.is_empty() { name } else { format!("{name}: {told}") }
}

/// What should not be asked again at once.
pub(super) fn rests(reason: Reason, node: &NodeId, call: Option<&Call>) -> Vec<After> {
    match reason {
        Reason::Full | Reason::JournalFull | Reason::NoLease | Reason::OldEpoch | Reason::Expired => {
            vec![After::RestNode(node.clone(), NODE_REST)]
        }
        Reason::Draining => vec![After::NodeDrains(node.clone())],
        Reason::RecordingFailed => vec![After::NodeCannotRecord(node.clone())],
        Reason::LineUnknown => vec![After::TellLines, After::RestNode(node.clone(), NODE_REST)],
        Reason::ScriptUnusable => {
            call.map(|call| After::RestCampaign(call.campaign, CAMPAIGN_REST)).into_iter().collect()
        }
        Reason::LineUnusable
        | Reason::HungUp
        | Reason::BadOrder
        | Reason::SeenBefore
        | Reason::Unspecified => Vec::new(),
    }
}

/// How long the line should be left alone after this end.
pub(super) fn line_rest(line: LineId, end: &End) -> Option<After> {
    let facts = &end.facts;
    if facts.sip_status == 503 && facts.retry_after_s > 0 {
        Some(After::RestLine(line, Duration::from_secs(facts.retry_after_s.into())))
    } else if end.outcome == Outcome::LineUnusable {
        Some(After::RestLine(line, LINE_REST))
    } else {
        None
    }
}
