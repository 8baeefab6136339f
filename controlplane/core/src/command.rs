//! What the API tells the server.
//!
//! The API writes to the store first and sends a command then: a command is a nudge to look again, never the only copy
//! of a fact. One that is lost (the server was restarted in between) is made up for by the start, which reads all.

use common::{AttemptId, CampaignId, LineGroupId, LineId, ListId};

/// A nudge, or an order to end a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// A campaign was made, changed, started, paused, resumed, cancelled or deleted.
    CampaignChanged(CampaignId),
    /// A line was made, changed or deleted.
    LineChanged(LineId),
    /// A line group was made, changed or deleted.
    LineGroupChanged(LineGroupId),
    /// A list has new contacts.
    ContactsAdded(ListId),
    /// End this attempt's call, whatever its state.
    HangUp(AttemptId),
}
