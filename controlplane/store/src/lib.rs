//! What the control plane remembers: SQLite, embedded.
//!
//! Owns the one database file, its schema and its transactions. Decides nothing: rules live in `peal_core`, time comes
//! in as an argument ([`common::UnixMicros`]), ids of attempts are made by the caller. Driven by `api` (entities, pages) and
//! `server` (draws, intents, events of the nodes).
//!
//! One connection writes, under `BEGIN IMMEDIATE`, so that nobody ever fails half-way for want of the write lock; a
//! pool of others reads. The journal is a WAL, and every commit is synced before it returns: what a method said is
//! done survives a power cut. A method that returns an error has done nothing, unless it says otherwise.
//!
//! # Methods of [`Store`]
//!
//! All are `async` and return `Result<_, `[`StoreError`]`>`. `page` is `after: Option<Id>, limit: u32` and gives a
//! [`Page`]; a limit outside 1 to 1,000 is taken as the nearest of the two. A row of another tenant is not found.
//!
//! | subject | methods |
//! |---|---|
//! | life | `Store::open(&StoreOptions)`, `close(self)` |
//! | tenants | `create_tenant(name, now)`, `tenant(id)`, `tenants(page)`, `rename_tenant(id, name)` |
//! | lines | `create_line(tenant, &LineSpec)`, `line(tenant, id)`, `lines(tenant, page)`, `update_line(tenant, id, &LineSpec)`, `delete_line(tenant, id)` |
//! | line groups | `create_line_group`, `line_group`, `line_groups`, `update_line_group`, `delete_line_group`: as for lines |
//! | prompts | `create_prompt(tenant, name, wav, duration_ms)`, `prompt(tenant, id)`, `prompt_wav(id)`, `prompts(tenant, page)`, `delete_prompt(tenant, id)` |
//! | scripts | `put_script(tenant, &Document)` (a new version when it differs from the newest), `script(tenant, id)`, `script_by_id(id)`, `scripts(tenant, page)`, `delete_script(tenant, id)` |
//! | lists | `create_list(tenant, name, now)`, `list(tenant, id)`, `lists(tenant, page)`, `rename_list`, `delete_list(tenant, id, now)`, `list_contacts(list, page)`, `list_problems(list, page)` |
//! | import | `import(list, now)` gives an [`Importer`]: `push(&[Judged])` in chunks of any size, then `finish(now)` gives the report |
//! | campaigns | `create_campaign(tenant, &CampaignSpec, now)`, `campaign(tenant, id)`, `campaigns(tenant, page)`, `update_campaign(tenant, id, &spec)`, `move_campaign(tenant, id, Move)`, `delete_campaign(tenant, id, now)`, `campaign_counts(id)`, `variant_counts(id)` |
//! | for the planner | `planner_config()`, `draw(campaign, now, limit)`, `put_back(campaign, &[(ContactId, due)])`, `open_attempts()` |
//! | lease | `acquire_planner_lease(holder, now, ttl)`, `renew_planner_lease(epoch, now, ttl)`, `release_planner_lease(epoch)`, `planner_lease()` |
//! | suppressions | `suppress(tenant, numbers, reason, words, now)`, `lift_suppression(tenant, which, now)`, `suppression(tenant, number)`, `suppressions(tenant, page)` |
//! | intents | `commit_intents(epoch, now, &[Intent])`, `begin_route_try(epoch, now, &RouteTry)` |
//! | events of nodes | `take_in(&Intake)` (stages, opt-outs, ended tries, finished attempts, recordings, released slots, the acknowledged number: one transaction), `node_seq(&NodeId)` |
//! | attempts | `attempt(id)`, `attempts(&AttemptFilter, before, limit)` newest first, `contact_status(campaign, ContactRef)` |
//! | API | `claim_key(tenant, key, hash, now)`, `settle_key(tenant, key, status, body)`, `abandon_key(tenant, key)` (idempotency), `setting(key)`, `put_setting(key, value)` |
//!
//! # Life of a contact in a campaign
//!
//! ```text
//!            draw               commit_intents           take_in (finished)
//! (no row) ────────▶ queued ─────────────────▶ in_flight ─────────────────▶ reached, exhausted
//!                     ▲  │ put_back, pause,        │
//!            draw     │  ▼ a new planner           │ retry, or given back unspent
//!                   waiting ◀──────────────────────┘
//! ```
//!
//! A contact that nobody drew yet has no row: each list of a campaign has a cursor instead, so that a campaign over a
//! million contacts starts at once. Drawing makes the rows of the next few, and leaves out a number that the campaign
//! already has from another of its lists. From queued or waiting, and from in flight instead of waiting, a contact whose number is
//! suppressed becomes suppressed.

mod attempt;
mod bulk;
mod campaign;
mod campaign_counts;
mod dialogue;
mod draw;
mod error;
mod idempotency;
mod import;
mod intake;
mod intent;
mod lease;
mod line;
mod line_group;
mod list;
mod open;
mod page;
mod planner;
mod prompt;
mod read;
mod script;
mod setting;
mod suppression;
mod sweep;
mod tenant;
mod variant;

pub use attempt::{Attempt, AttemptEnd, AttemptFilter, EndFacts, RouteTryRecord, Stage};
pub use campaign_counts::CampaignCounts;
pub use dialogue::{Dialogue, Latency, Prosody, Speaker, Turn};
pub use draw::{ContactRef, ContactStatus, Draw, ReadyContact};
pub use error::StoreError;
pub use idempotency::Claim;
pub use import::{ImportChunk, Importer};
pub use intake::{Finished, Intake, NodeSeq, OptOut, Recording, Released, StageNote, TakenIn, TryEnded};
pub use intent::{Committed, Intent, Refusal, RouteTry};
pub use lease::{Acquired, PlannerLease};
pub use list::ListProblem;
pub use open::{Store, StoreOptions};
pub use page::Page;
pub use planner::{OpenAttempt, PlannerConfig};
pub use suppression::{SUPPRESS_MAX, Suppressed, SuppressionRef};
pub use tenant::Tenant;
pub use variant::VariantCount;

/// What every method gives.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
