//! What the nodes tell, taken in.

use common::{AttemptId, CampaignId, NodeId, Outcome, UnixMicros};
use peal_core::retry::{Settlement, Tally};
use sqlx::SqliteConnection;

use crate::{EndFacts, Result, Stage, Store, campaign_counts::Changes, read, suppression, variant};

/// A batch of what happened, applied in one transaction in the order of the fields. All of it may be repeated: what
/// is known already changes nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intake {
    /// How far attempts got.
    pub stages: Vec<StageNote>,
    /// Callees who want no more calls.
    pub opt_outs: Vec<OptOut>,
    /// Route tries that ended while their attempt may go on over another line.
    pub tries_ended: Vec<TryEnded>,
    /// Attempts that ended.
    pub finished: Vec<Finished>,
    /// Recordings that were closed. They may come long after the end.
    pub recordings: Vec<Recording>,
    /// Slots that became free.
    pub released: Vec<Released>,
    /// The last event of a node in this batch: safe with the commit, so that it may be acknowledged.
    pub node_seq: Option<NodeSeq>,
}

/// An attempt got further. One that goes backwards, or comes after the end, is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageNote {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Which of its tries.
    pub route_try: u32,
    /// Where it is now.
    pub stage: Stage,
    /// Since when, by the node's clock.
    pub at: UnixMicros,
}

/// The callee of a call said that they want no more calls: the number is suppressed for the whole tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptOut {
    /// In which attempt.
    pub attempt: AttemptId,
    /// In their words.
    pub words: String,
    /// When, by the node's clock.
    pub at: UnixMicros,
}

/// A route try ended. The attempt stays open: either [`crate::Store::begin_route_try`] or [`Finished`] follows.
#[derive(Clone, Debug, PartialEq)]
pub struct TryEnded {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Which of its tries.
    pub route_try: u32,
    /// How.
    pub outcome: Outcome,
    /// When, by the clock of who decided it.
    pub at: UnixMicros,
    /// What the node told.
    pub facts: EndFacts,
}

/// An attempt ended: its last try, itself, and its contact's turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Its last try.
    pub route_try: u32,
    /// How.
    pub outcome: Outcome,
    /// When, by the clock of who decided it.
    pub at: UnixMicros,
    /// What the node told.
    pub facts: EndFacts,
    /// Attempts at the contact, this one counted as [`Tally::settle`] does.
    pub tally: Tally,
    /// What becomes of the contact.
    pub settlement: Settlement,
    /// Of an answered call of a campaign that compares variants: whether it reached the goal.
    pub goal_reached: Option<bool>,
}

/// A recording was closed, or failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Of which attempt.
    pub attempt: AttemptId,
    /// Of which of its tries.
    pub route_try: u32,
    /// Path within the node's folder.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// Length.
    pub duration_ms: u64,
    /// Why it failed; empty when it did not.
    pub error: String,
}

/// No message of a route try is outstanding any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Released {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Which of its tries.
    pub route_try: u32,
    /// When, by the clock of who says so.
    pub at: UnixMicros,
}

/// How far the events of a node are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSeq {
    /// The node.
    pub node: NodeId,
    /// The start of its process, as it said in its Hello.
    pub boot: Vec<u8>,
    /// Number of its last event. It never goes back.
    pub seq: u64,
}

/// What [`crate::Store::take_in`] changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenIn {
    /// Attempts that ended with this batch.
    pub finished: Vec<AttemptId>,
    /// Slots that became free with this batch: attempt and route try.
    pub released: Vec<(AttemptId, u32)>,
    /// Items that were known already, or of attempts that nobody knows.
    pub ignored: u64,
}

impl Store {
    /// Takes in a batch. Once this returns, [`Intake::node_seq`] may be acknowledged to the node.
    pub async fn take_in(&self, batch: &Intake) -> Result<TakenIn> {
        let mut tx = self.write().await?;
        let mut taken = TakenIn::default();
        for note in &batch.stages {
            taken.ignored += u64::from(!note_stage(&mut tx, note).await?);
        }
        let mut changes = Changes::default();
        for OptOut { attempt, words, at } in &batch.opt_outs {
            let done = suppression::opt_out(&mut tx, *attempt, words, *at, &mut changes).await?;
            taken.ignored += u64::from(done != Some(true));
        }
        for ended in &batch.tries_ended {
            let done =
                end_try(&mut tx, ended.attempt, ended.route_try, ended.outcome, ended.at, &ended.facts);
            taken.ignored += u64::from(!done.await?);
        }
        for finished in &batch.finished {
            if finish(&mut tx, finished, &mut changes).await? {
                taken.finished.push(finished.attempt);
            } else {
                taken.ignored += 1;
            }
        }
        changes.write(&mut tx).await?;
        for recording in &batch.recordings {
            taken.ignored += u64::from(!note_recording(&mut tx, recording).await?);
        }
        for released in &batch.released {
            if release(&mut tx, released).await? {
                taken.released.push((released.attempt, released.route_try));
            } else {
                taken.ignored += 1;
            }
        }
        if let Some(node_seq) = &batch.node_seq {
            note_seq(&mut tx, node_seq).await?;
        }
        tx.commit().await?;
        Ok(taken)
    }

    /// Number of the last event of a node that is safe here; 0 for a node that nobody knows.
    pub async fn node_seq(&self, node: &NodeId) -> Result<u64> {
        let seq: Option<i64> = sqlx::query_scalar("SELECT seq FROM node_seq WHERE node = ?")
            .bind(&node.0)
            .fetch_optional(&self.readers)
            .await?;
        Ok(seq.map_or(0, |seq| seq.unsigned_abs()))
    }
}

async fn note_stage(connection: &mut SqliteConnection, note: &StageNote) -> Result<bool> {
    let changed = sqlx::query(
        "UPDATE attempt SET stage = ?1, stage_at = ?2, \
         invited_at = CASE WHEN ?1 = 2 THEN ?2 ELSE invited_at END, \
         ringing_at = CASE WHEN ?1 = 4 THEN ?2 ELSE ringing_at END, \
         answered_at = CASE WHEN ?1 = 6 THEN ?2 ELSE answered_at END \
         WHERE id = ?3 AND route_try = ?4 AND outcome IS NULL AND stage < ?1",
    )
    .bind(note.stage.rank())
    .bind(note.at.0)
    .bind(&note.attempt.as_bytes()[..])
    .bind(note.route_try)
    .execute(&mut *connection)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// The first end of a try is the one that holds.
async fn end_try(
    connection: &mut SqliteConnection,
    attempt: AttemptId,
    route_try: u32,
    outcome: Outcome,
    at: UnixMicros,
    facts: &EndFacts,
) -> Result<bool> {
    let changed = sqlx::query(
        "UPDATE route_try SET outcome = ?, ended_at = ?, facts = ? WHERE attempt = ? AND route_try = ? AND outcome IS NULL",
    )
    .bind(outcome.as_str())
    .bind(at.0)
    .bind(read::to_json(facts))
    .bind(&attempt.as_bytes()[..])
    .bind(route_try)
    .execute(&mut *connection)
    .await?;
    Ok(changed.rows_affected() > 0)
}

async fn finish(
    connection: &mut SqliteConnection,
    finished: &Finished,
    changes: &mut Changes,
) -> Result<bool> {
    let ended: Option<(i64, i64, i64, bool)> = sqlx::query_as(
        "UPDATE attempt SET outcome = ?, ended_at = ?, spent = ? WHERE id = ? AND outcome IS NULL \
         RETURNING campaign, contact, script, EXISTS (SELECT 1 FROM suppression s WHERE s.tenant = attempt.tenant \
         AND s.number = attempt.number AND s.lifted_at IS NULL)",
    )
    .bind(finished.outcome.as_str())
    .bind(finished.at.0)
    .bind(finished.outcome.may_have_dialled())
    .bind(&finished.attempt.as_bytes()[..])
    .fetch_optional(&mut *connection)
    .await?;
    let Some((campaign, contact, script, suppressed)) = ended else { return Ok(false) };
    let Finished { attempt, route_try, outcome, at, ref facts, ref tally, settlement, .. } = *finished;
    end_try(connection, attempt, route_try, outcome, at, facts).await?;

    let (state, due_at) = match settlement {
        Settlement::Reached => ("reached", None),
        Settlement::Exhausted => ("exhausted", None),
        Settlement::RetryDue { .. } if suppressed => ("suppressed", None),
        Settlement::RetryDue { at } => ("waiting", Some(at.0)),
    };
    sqlx::query(
        "UPDATE progress SET state = ?, due_at = ?, attempts = ?, outcomes = ?, last_outcome = ? \
         WHERE campaign = ? AND contact = ? AND state = 'in_flight'",
    )
    .bind(state)
    .bind(due_at)
    .bind(tally.attempts)
    .bind(if tally.by_outcome.is_empty() { String::new() } else { read::to_json(&tally.by_outcome) })
    .bind(outcome.as_str())
    .bind(campaign)
    .bind(contact)
    .execute(&mut *connection)
    .await?;

    if let Some(reached) = finished.goal_reached {
        variant::count(connection, campaign, script, reached).await?;
    }
    let campaign = CampaignId(campaign);
    changes.ended(campaign, outcome);
    let change = changes.of(campaign);
    change.in_flight -= 1;
    match settlement {
        Settlement::Reached => change.reached += 1,
        Settlement::Exhausted => change.exhausted += 1,
        Settlement::RetryDue { .. } if suppressed => change.suppressed += 1,
        Settlement::RetryDue { .. } => change.retry += i64::from(tally.attempts > 0),
    }
    Ok(true)
}

async fn note_recording(connection: &mut SqliteConnection, recording: &Recording) -> Result<bool> {
    let changed = sqlx::query(
        "UPDATE route_try SET facts = json_set(coalesce(facts, '{}'), '$.recording', ?, '$.recording_bytes', ?, \
         '$.recording_ms', ?, '$.recording_error', ?) WHERE attempt = ? AND route_try = ?",
    )
    .bind(&recording.path)
    .bind(read::count_value(recording.bytes))
    .bind(read::count_value(recording.duration_ms))
    .bind(&recording.error)
    .bind(&recording.attempt.as_bytes()[..])
    .bind(recording.route_try)
    .execute(&mut *connection)
    .await?;
    Ok(changed.rows_affected() > 0)
}

async fn release(connection: &mut SqliteConnection, released: &Released) -> Result<bool> {
    let changed = sqlx::query(
        "UPDATE route_try SET released_at = ? WHERE attempt = ? AND route_try = ? AND released_at IS NULL",
    )
    .bind(released.at.0)
    .bind(&released.attempt.as_bytes()[..])
    .bind(released.route_try)
    .execute(&mut *connection)
    .await?;
    Ok(changed.rows_affected() > 0)
}

async fn note_seq(connection: &mut SqliteConnection, node_seq: &NodeSeq) -> Result<()> {
    sqlx::query(
        "INSERT INTO node_seq (node, boot, seq) VALUES (?, ?, ?) ON CONFLICT (node) DO UPDATE \
         SET boot = excluded.boot, seq = excluded.seq WHERE excluded.seq > node_seq.seq",
    )
    .bind(&node_seq.node.0)
    .bind(&node_seq.boot)
    .bind(read::count_value(node_seq.seq))
    .execute(&mut *connection)
    .await?;
    Ok(())
}
