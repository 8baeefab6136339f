//! Why an order was not made a call. In every case nothing has left the machine.

use proto::v1::refused::Reason;

/// Longest detail, bytes: some of them quote what others wrote.
const DETAIL_MAX: usize = 256;

/// A reason, and for a person what exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

impl Refusal {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        detail.truncate(detail.floor_char_boundary(DETAIL_MAX));
        Self { reason, detail }
    }
}

/// The name of a reason in metrics: a closed set.
pub(crate) fn label(reason: Reason) -> &'static str {
    match reason {
        Reason::Unspecified => "unspecified",
        Reason::Expired => "expired",
        Reason::OldEpoch => "old_epoch",
        Reason::NoLease => "no_lease",
        Reason::LineUnknown => "line_unknown",
        Reason::LineUnusable => "line_unusable",
        Reason::Full => "full",
        Reason::Draining => "draining",
        Reason::SeenBefore => "seen_before",
        Reason::BadOrder => "bad_order",
        Reason::ScriptUnusable => "script_unusable",
        Reason::JournalFull => "journal_full",
        Reason::RecordingFailed => "recording_failed",
        Reason::HungUp => "hung_up",
    }
}
