//! Every attempt into ClickHouse, exactly one row each, whatever breaks on the way.
//!
//! [`Spool`] keeps rows on disk from the moment an attempt has ended; [`Shipper`] carries them over in batches that a
//! repetition cannot double; [`Analytics`] is the ClickHouse at the other end, embedded or a server, with its schema and
//! the questions that we ask it. The crate decides nothing: how full the spool may get before dialling slows is the
//! planner's matter, and it gets the numbers from [`Spool::fill`] and [`Shipper::stats`].
//!
//! ```text
//! attempt ends ─▶ Spool::append ─▶ segment files ─▶ Shipper ─▶ INSERT … (insert_deduplication_token) ─▶ attempt
//!                 durable on return                   └─ cursor file: what was sent, what is under way
//! ```

mod batch;
mod clickhouse_config;
mod crc_frame;
mod cursor;
mod private;
mod row;
mod row_binary;
mod schema;
mod segment;
mod shipper;
mod spool;
mod summary;
mod warehouse;

pub use crate::{
    clickhouse_config::{ClickHouse, Secret},
    row::{AttemptRow, RouteTry, Turn},
    shipper::{Shipper, ShipperConfig, ShipperStats},
    spool::{Position, Spool, SpoolConfig, SpoolError},
    summary::{Count, LineSummary, OutcomeSummary, Scope},
    warehouse::{Analytics, AnalyticsError, QueryStream},
};
