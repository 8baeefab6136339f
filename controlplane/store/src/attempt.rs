//! Attempts as they are kept: who was to be called over which lines, how far it got, how it ended.

use common::{
    AttemptId, CampaignId, ContactId, E164, Epoch, LineId, ListId, NodeId, Outcome, ScriptId, TenantId,
    UnixMicros,
};
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, sqlite::SqliteRow};

use crate::{Dialogue, Page, Result, Store, StoreError, page::rows_for, read};

/// One attempt. Stamps of `invited_at` to `answered_at` are those of the route try under way, by the node's clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// Whose it is.
    pub tenant: TenantId,
    /// For which campaign.
    pub campaign: CampaignId,
    /// The list of the contact.
    pub list: ListId,
    /// Whom it calls.
    pub contact: ContactId,
    /// The number it calls.
    pub number: E164,
    /// Counted from 1 within the contact.
    pub attempt_no: u32,
    /// Epoch of the planner that decided.
    pub epoch: Epoch,
    /// When the planner decided.
    pub planned_at: UnixMicros,
    /// When the intent was committed.
    pub intent_at: UnixMicros,
    /// Priority of the campaign at that time.
    pub priority: u8,
    /// What the call does.
    pub script: ScriptId,
    /// The caller id that is shown; empty for anonymous.
    pub caller_id: String,
    /// See [`crate::Intent::verdicts`].
    pub verdicts: String,
    /// How far it got. Not written any more once it has ended.
    pub stage: Stage,
    /// When it got there; `intent_at` at first.
    pub stage_at: UnixMicros,
    /// When the INVITE left.
    pub invited_at: Option<UnixMicros>,
    /// When it first rang.
    pub ringing_at: Option<UnixMicros>,
    /// When it was answered.
    pub answered_at: Option<UnixMicros>,
    /// Its INVITEs in the order of the tries; the first comes with the intent.
    pub tries: Vec<RouteTryRecord>,
    /// The callee said in this call that they want no more.
    pub opted_out: bool,
    /// How it ended; set once, by [`crate::Store::take_in`].
    pub end: Option<AttemptEnd>,
}

/// How far an attempt got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Committed; nobody said yet that it left.
    Intent,
    /// A node took the order.
    Begun,
    /// The INVITE left.
    Invited,
    /// The carrier answered 100.
    Trying,
    /// It rings.
    Ringing,
    /// The carrier plays audio before the answer.
    EarlyMedia,
    /// Answered.
    Answered,
}

/// One INVITE of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteTryRecord {
    /// Counted from 1 within the attempt.
    pub route_try: u32,
    /// Over which line.
    pub line: LineId,
    /// To which node the order went.
    pub node: NodeId,
    /// When the intent of the try was committed.
    pub intent_at: UnixMicros,
    /// Until when the slot is held at the most, when its release is never heard of.
    pub slot_until: UnixMicros,
    /// When its end was taken in.
    pub ended_at: Option<UnixMicros>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// What the node told about its end.
    pub facts: Option<EndFacts>,
    /// When the slot on the line became free; `None` while it is held.
    pub released_at: Option<UnixMicros>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptEnd {
    /// How.
    pub outcome: Outcome,
    /// When, by the clock of who decided it.
    pub at: UnixMicros,
    /// Whether it counted as an attempt at the contact; not so when nothing left the machine.
    pub spent: bool,
    /// What the node told, with the recording as far as it is known by now.
    pub facts: EndFacts,
}

/// What a node tells about the end of a route try: the fields of `Ended` and `Recorded` of the link protocol, under the same
/// names. Kept as JSON; what is zero or empty is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "snake_case")]
pub struct EndFacts {
    /// Final SIP status; 0 if none came.
    #[serde(skip_serializing_if = "is_default")]
    pub sip_status: u16,
    /// Q.850 cause; 0 if none came.
    #[serde(skip_serializing_if = "is_default")]
    pub q850: u8,
    /// The callee may have been rung.
    #[serde(skip_serializing_if = "is_default")]
    pub may_have_rung: bool,
    /// Seconds of a 503's Retry-After; 0 for none.
    #[serde(skip_serializing_if = "is_default")]
    pub retry_after_s: u32,
    /// When the INVITE left.
    #[serde(skip_serializing_if = "is_default")]
    pub invited_at: Option<UnixMicros>,
    /// When the first response came.
    #[serde(skip_serializing_if = "is_default")]
    pub trying_at: Option<UnixMicros>,
    /// When the first 180 came.
    #[serde(skip_serializing_if = "is_default")]
    pub ringing_at: Option<UnixMicros>,
    /// When the first provisional answer with SDP came.
    #[serde(skip_serializing_if = "is_default")]
    pub early_media_at: Option<UnixMicros>,
    /// When the 2xx came.
    #[serde(skip_serializing_if = "is_default")]
    pub answered_at: Option<UnixMicros>,
    /// When it was over.
    #[serde(skip_serializing_if = "is_default")]
    pub ended_at: Option<UnixMicros>,
    /// When the first packet of something that the script says left.
    #[serde(skip_serializing_if = "is_default")]
    pub first_audio_at: Option<UnixMicros>,
    /// When the first packet with the callee's voice came after the answer.
    #[serde(skip_serializing_if = "is_default")]
    pub first_speech_at: Option<UnixMicros>,
    /// `callee`, `script`, `max_length`, `operator`, `media_timeout`, `silence`; empty before the answer.
    #[serde(skip_serializing_if = "is_default")]
    pub hung_up_by: String,
    /// Keys that the callee pressed.
    #[serde(skip_serializing_if = "is_default")]
    pub digits: String,
    /// RTP packets sent.
    #[serde(skip_serializing_if = "is_default")]
    pub packets_sent: u64,
    /// RTP packets received.
    #[serde(skip_serializing_if = "is_default")]
    pub packets_received: u64,
    /// RTP packets that never came.
    #[serde(skip_serializing_if = "is_default")]
    pub packets_lost: u64,
    /// Interarrival jitter, ms.
    #[serde(skip_serializing_if = "is_default")]
    pub jitter_ms: f64,
    /// Longest gap between two received packets, ms.
    #[serde(skip_serializing_if = "is_default")]
    pub max_gap_ms: f64,
    /// How long the callee spoke, ms.
    #[serde(skip_serializing_if = "is_default")]
    pub speech_ms: u32,
    /// How often the callee began to speak.
    #[serde(skip_serializing_if = "is_default")]
    pub speech_bursts: u32,
    /// RTP packets of ours that the far end did not get, by its own word (RTCP); `None` when it told nothing.
    #[serde(skip_serializing_if = "is_default")]
    pub far_lost: Option<u64>,
    /// Interarrival jitter at the far end by its last word, ms.
    #[serde(skip_serializing_if = "is_default")]
    pub far_jitter_ms: Option<f64>,
    /// The last round trip, ms; `None` when the far end answered no report of ours.
    #[serde(skip_serializing_if = "is_default")]
    pub rtt_ms: Option<f64>,
    /// Path of the recording within the node's folder; empty for none.
    #[serde(skip_serializing_if = "is_default")]
    pub recording: String,
    /// Size of the recording; 0 until its file is closed.
    #[serde(skip_serializing_if = "is_default")]
    pub recording_bytes: u64,
    /// Length of the recording, ms; 0 until its file is closed.
    #[serde(skip_serializing_if = "is_default")]
    pub recording_ms: u64,
    /// Why the recording failed; empty when it did not.
    #[serde(skip_serializing_if = "is_default")]
    pub recording_error: String,
    /// For a person: what went wrong, without numbers.
    #[serde(skip_serializing_if = "is_default")]
    pub detail: String,
    /// The node.
    #[serde(skip_serializing_if = "is_default")]
    pub node: String,
    /// Shard of the node.
    #[serde(skip_serializing_if = "is_default")]
    pub shard: u32,
    /// Codec of the audio; empty for none.
    #[serde(skip_serializing_if = "is_default")]
    pub codec: String,
    /// Call-ID of the dialog.
    #[serde(skip_serializing_if = "is_default")]
    pub call_id: String,
    /// What the script made of the call; `None` when it did not begin.
    #[serde(skip_serializing_if = "is_default")]
    pub dialogue: Option<Box<Dialogue>>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Which attempts to show. Empty fields let everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptFilter {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// At this contact.
    pub contact: Option<ContactId>,
    /// `true`: not ended; `false`: ended.
    pub open: Option<bool>,
    /// Ended so.
    pub outcome: Option<Outcome>,
    /// Decided at or after; to the millisecond, which is what an [`AttemptId`] tells.
    pub from: Option<UnixMicros>,
    /// Decided before.
    pub until: Option<UnixMicros>,
}

impl Stage {
    const ALL: [Self; 7] = [
        Self::Intent,
        Self::Begun,
        Self::Invited,
        Self::Trying,
        Self::Ringing,
        Self::EarlyMedia,
        Self::Answered,
    ];

    /// Its number in the store; a call only goes upwards.
    pub(crate) fn rank(self) -> i64 {
        self as i64
    }
}

impl Store {
    /// An attempt of any tenant.
    pub async fn attempt(&self, id: AttemptId) -> Result<Attempt> {
        let mut query = QueryBuilder::new(SELECT);
        query.push("WHERE id = ").push_bind(id.as_bytes().to_vec()).push(WITH_TRIES);
        let rows = query.build().fetch_all(&self.readers).await?;
        collect(&rows)?.pop().ok_or_else(|| StoreError::not_found("attempt", id))
    }

    /// Attempts that pass the filter, newest first, without the turns of their dialogues.
    pub async fn attempts(
        &self,
        filter: &AttemptFilter,
        before: Option<AttemptId>,
        limit: u32,
    ) -> Result<Page<Attempt, AttemptId>> {
        let (limit, rows) = rows_for(limit);
        let mut query = QueryBuilder::new(SELECT_WITHOUT_TURNS);
        query.push("WHERE TRUE");
        filter.push(&mut query);
        if let Some(before) = before {
            query.push(" AND id < ").push_bind(before.as_bytes().to_vec());
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(rows).push(WITH_TRIES);
        let rows = query.build().fetch_all(&self.readers).await?;
        let mut items = collect(&rows)?;
        items.reverse();
        Ok(Page::cut(items, limit, |attempt| attempt.id))
    }
}

/// Attempts that have not ended or that hold a slot, by id.
pub(crate) async fn open(connection: &mut SqliteConnection) -> Result<Vec<Attempt>> {
    let mut query = QueryBuilder::new(SELECT);
    query
        .push(
            "WHERE id IN (SELECT id FROM attempt WHERE outcome IS NULL \
             UNION SELECT attempt FROM route_try WHERE released_at IS NULL)",
        )
        .push(WITH_TRIES);
    collect(&query.build().fetch_all(&mut *connection).await?)
}

impl AttemptFilter {
    fn push(&self, query: &mut QueryBuilder<Sqlite>) {
        if let Some(tenant) = self.tenant {
            query.push(" AND tenant = ").push_bind(tenant.0);
        }
        if let Some(campaign) = self.campaign {
            query.push(" AND campaign = ").push_bind(campaign.0);
        }
        if let Some(contact) = self.contact {
            query.push(" AND contact = ").push_bind(contact.0);
        }
        match self.open {
            Some(true) => query.push(" AND outcome IS NULL"),
            Some(false) => query.push(" AND outcome IS NOT NULL"),
            None => query,
        };
        if let Some(outcome) = self.outcome {
            query.push(" AND outcome = ").push_bind(outcome.as_str());
        }
        if let Some(from) = self.from {
            query.push(" AND id >= ").push_bind(first_id_of(from));
        }
        if let Some(until) = self.until {
            query.push(" AND id < ").push_bind(first_id_of(until));
        }
    }
}

/// The lowest id of a millisecond.
fn first_id_of(at: UnixMicros) -> Vec<u8> {
    let ms = u64::try_from(at.as_millis()).unwrap_or(0);
    AttemptId::new(ms, &[0; 10]).as_bytes().to_vec()
}

/// A row for each try of the attempts of the subselect.
const SELECT: &str = "SELECT a.*, t.route_try AS try, t.line AS try_line, t.node AS try_node, \
    t.intent_at AS try_intent_at, t.slot_until AS try_slot_until, t.outcome AS try_outcome, t.ended_at AS try_ended_at, \
    t.facts AS try_facts, t.released_at AS try_released_at FROM (SELECT * FROM attempt ";

/// The same without what was said, which is much beside the rest.
const SELECT_WITHOUT_TURNS: &str = "SELECT a.*, t.route_try AS try, t.line AS try_line, t.node AS try_node, \
    t.intent_at AS try_intent_at, t.slot_until AS try_slot_until, t.outcome AS try_outcome, t.ended_at AS try_ended_at, \
    json_remove(t.facts, '$.dialogue.turns') AS try_facts, t.released_at AS try_released_at \
    FROM (SELECT * FROM attempt ";

const WITH_TRIES: &str = ") a JOIN route_try t ON t.attempt = a.id ORDER BY a.id, t.route_try";

fn collect(rows: &[SqliteRow]) -> Result<Vec<Attempt>> {
    let mut attempts: Vec<Attempt> = Vec::new();
    for row in rows {
        let id: &[u8] = read::column(row, "id")?;
        let id = AttemptId::from_slice(id)
            .ok_or_else(|| StoreError::Corrupt("an attempt's id has not 16 bytes".to_owned()))?;
        if attempts.last().is_none_or(|last| last.id != id) {
            attempts.push(from_row(id, row)?);
        }
        let last = attempts.last_mut().expect("one was pushed if there was none");
        last.tries.push(try_from_row(row)?);
    }
    for attempt in &mut attempts {
        if let Some(end) = &mut attempt.end {
            end.facts = attempt.tries.last().and_then(|last| last.facts.clone()).unwrap_or_default();
        }
    }
    Ok(attempts)
}

fn from_row(id: AttemptId, row: &SqliteRow) -> Result<Attempt> {
    let stage: i64 = read::column(row, "stage")?;
    let end = match read::outcome(row, "outcome")? {
        Some(outcome) => Some(AttemptEnd {
            outcome,
            at: read::at(row, "ended_at")?,
            spent: read::column(row, "spent")?,
            facts: EndFacts::default(),
        }),
        None => None,
    };
    Ok(Attempt {
        id,
        tenant: TenantId(read::column(row, "tenant")?),
        campaign: CampaignId(read::column(row, "campaign")?),
        list: ListId(read::column(row, "list")?),
        contact: ContactId(read::column(row, "contact")?),
        number: read::number(row, "number")?,
        attempt_no: read::column(row, "attempt_no")?,
        epoch: Epoch(read::count(row, "epoch")?),
        planned_at: read::at(row, "planned_at")?,
        intent_at: read::at(row, "intent_at")?,
        priority: read::column(row, "priority")?,
        script: ScriptId(read::column(row, "script")?),
        caller_id: read::column(row, "caller_id")?,
        verdicts: read::column(row, "verdicts")?,
        stage: usize::try_from(stage)
            .ok()
            .and_then(|rank| Stage::ALL.get(rank).copied())
            .ok_or_else(|| StoreError::Corrupt(format!("stage {stage}")))?,
        stage_at: read::at(row, "stage_at")?,
        invited_at: read::maybe_at(row, "invited_at")?,
        ringing_at: read::maybe_at(row, "ringing_at")?,
        answered_at: read::maybe_at(row, "answered_at")?,
        tries: Vec::new(),
        opted_out: read::column(row, "opted_out")?,
        end,
    })
}

fn try_from_row(row: &SqliteRow) -> Result<RouteTryRecord> {
    let facts: Option<&str> = read::column(row, "try_facts")?;
    Ok(RouteTryRecord {
        route_try: read::column(row, "try")?,
        line: LineId(read::column(row, "try_line")?),
        node: NodeId(read::column(row, "try_node")?),
        intent_at: read::at(row, "try_intent_at")?,
        slot_until: read::at(row, "try_slot_until")?,
        ended_at: read::maybe_at(row, "try_ended_at")?,
        outcome: read::outcome(row, "try_outcome")?,
        facts: facts.map(read::from_json).transpose()?,
        released_at: read::maybe_at(row, "try_released_at")?,
    })
}
