//! Who is called next, over which line and node, and why the others are not.
//!
//! [`Snapshot`] is what the planner knows: lines and their groups, nodes, campaigns with a bounded queue of ready contacts,
//! the attempts under way and the slots they hold. Its owner keeps it up to date with what happens, one method for each
//! kind of news. [`Snapshot::plan`] changes nothing: it gives orders *and* the reason for each campaign or contact passed
//! over, so planning twice does no harm. The owner makes the orders durable, tells the snapshot which of them
//! ([`Snapshot::issue`]), and only then lets them leave.
//!
//! ```text
//! loop {
//!     for news in everything_that_happened { snapshot.…(now, news) }
//!     let plan = snapshot.plan(now);
//!     let kept = make_durable(&plan.orders);
//!     snapshot.issue(now, &plan, kept);
//!     for order in kept { send(order) }
//! }
//! ```
//!
//! # How it chooses
//!
//! Lines hand out their room, not campaigns: each free slot of a line goes to the campaigns that may use the line, by
//! turns weighted 16 : 8 : 4 : 2 : 1 for priorities 1 to 5 times the campaign's own weight. Turns are counted for each
//! line on its own, so a campaign that was served well elsewhere has not used up its turns here, and nobody starves.
//! Among lines with room, turns go by the weights of the lines. Attempts that failed over come first: somebody's turn was
//! spent on them already.
//!
//! The cost of a plan grows with lines, campaigns and orders, never with the contacts of a campaign.

mod campaign;
mod line;
mod open;
mod order;
mod pace;
mod reason;
mod round;
mod shares;
mod snapshot;
mod turns;

use std::time::Instant;

use common::UnixMicros;

pub use campaign::{Drawn, Ready, Wanted};
pub use open::{MAX_LIFE_BEYOND, Restored, RestoredTry};
pub use order::{Deferral, NoRoute, Plan, PlannedOrder};
pub use reason::{PassedOver, Reason};
pub use snapshot::{LineUse, NodeStatus, Pressure, Share, Snapshot};

/// The two clocks: one for rates and ages, which nobody can set, and the wall's for schedules and retries.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Monotonic.
    pub mono: Instant,
    /// Wall.
    pub wall: UnixMicros,
}
