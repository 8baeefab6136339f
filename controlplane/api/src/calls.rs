//! `/calls`: attempts, under way and ended.

mod dialogue;

use axum::{Json as Answer, extract::State, http::StatusCode};
use common::{
    AttemptId, CampaignId, ContactId, LineId, ListId, Outcome, ScriptId, UnixMicros, outcome::Answerable,
};
use jiff::Timestamp;
use peal_core::command::Command;
use serde::{Deserialize, Serialize};
use store::{Attempt, AttemptFilter, EndFacts, RouteTryRecord, Stage};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::dialogue::Dialogue;
use crate::{
    ApiState, Problem,
    pages::{Page, Path, Query, checked_limit, default_limit},
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(page)).routes(routes!(one)).routes(routes!(hang_up))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CallQuery {
    /// Calls, 1 to 1,000; 100 by default.
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: u32,
    /// `next` of the page before.
    #[param(value_type = Option<String>)]
    after: Option<AttemptId>,
    /// Of this campaign only.
    campaign: Option<CampaignId>,
    /// `active` or `ended` only.
    state: Option<CallState>,
    /// Ended with this outcome only.
    outcome: Option<Outcome>,
    /// Decided at this time (RFC 3339) or later.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Decided before this time (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// Whether an attempt is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallState {
    /// Under way.
    Active,
    /// Over.
    Ended,
}

/// One attempt.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Call {
    /// Its id.
    #[schema(value_type = String, example = "019f0000-0000-7000-8000-000000000000")]
    attempt: AttemptId,
    campaign: CampaignId,
    list: ListId,
    contact: ContactId,
    /// The number, its middle masked unless `reveal` was asked for.
    number: String,
    /// Counted from 1 within the contact.
    attempt_no: u32,
    state: CallState,
    /// How far it is: `intent`, `begun`, `invited`, `trying`, `ringing`, `early_media`, `answered`; of an ended call,
    /// how far it got.
    #[schema(value_type = String)]
    stage: Stage,
    outcome: Option<Outcome>,
    /// Who is answerable for the outcome.
    answerable: Option<Answerable>,
    /// The last line.
    line: Option<LineId>,
    /// Final SIP status; 0 when none came.
    sip_status: u16,
    /// Q.850 cause; 0 when none came.
    q850: u8,
    caller_id: String,
    script: ScriptId,
    priority: u8,
    epoch: u64,
    #[schema(value_type = String, format = DateTime)]
    planned_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    intent_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    invited_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    ringing_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    answered_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// When the first packet of something that the script says left; absent when it said nothing.
    #[schema(value_type = Option<String>, format = DateTime)]
    first_audio_at: Option<Timestamp>,
    /// When the first packet with the callee's voice came after the answer; absent when none did.
    #[schema(value_type = Option<String>, format = DateTime)]
    first_speech_at: Option<Timestamp>,
    /// From the answer to the end, or until now; absent when it was not answered.
    talk_ms: Option<u64>,
    /// Who ended it.
    hung_up_by: String,
    /// What was pressed; of several entries, commas between.
    digits: String,
    /// File of the recording within the node's folder.
    recording: String,
    codec: String,
    packets_sent: u64,
    packets_received: u64,
    packets_lost: u64,
    jitter_ms: f64,
    /// How long the callee spoke.
    speech_ms: u32,
    /// How often the callee began to speak.
    speech_bursts: u32,
    /// Packets of ours that the far end did not get, by its own word (RTCP); absent when it told nothing.
    far_lost: Option<u64>,
    /// Interarrival jitter at the far end by its last word.
    far_jitter_ms: Option<f64>,
    /// The last round trip; absent when the far end answered no report of ours.
    rtt_ms: Option<f64>,
    node: String,
    /// For the carrier's support: the Call-ID.
    call_id: String,
    /// What went wrong, in words.
    detail: String,
    /// What came of the call, as the script's `hang_up` says; empty for none.
    disposition: String,
    /// The callee said that they want no more calls.
    opted_out: bool,
    /// Every INVITE.
    tries: Vec<RouteTry>,
    /// What was said; only where one call is asked for, and absent when its script did not begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    dialogue: Option<Dialogue>,
}

/// One INVITE of an attempt.
#[derive(Debug, Serialize, ToSchema)]
struct RouteTry {
    route_try: u32,
    line: LineId,
    node: String,
    outcome: Option<Outcome>,
    sip_status: u16,
    q850: u8,
    call_id: String,
    #[schema(value_type = String, format = DateTime)]
    intent_at: Timestamp,
    /// When the slot on the line became free; absent while it is held.
    #[schema(value_type = Option<String>, format = DateTime)]
    released_at: Option<Timestamp>,
}

impl Call {
    pub(crate) fn of(attempt: &Attempt, reveal: bool) -> Self {
        let end = attempt.end.as_ref();
        let none = EndFacts::default();
        let facts = end.map_or(&none, |end| &end.facts);
        let stamp = |fact: Option<UnixMicros>, live| fact.or(live).map(timestamp);
        let answered = facts.answered_at.or(attempt.answered_at);
        let ended = end.map(|end| facts.ended_at.unwrap_or(end.at));
        let talked = answered.zip(ended).map(|(from, to)| to.since(from).as_millis() as u64);
        Self {
            attempt: attempt.id,
            campaign: attempt.campaign,
            list: attempt.list,
            contact: attempt.contact,
            number: if reveal { attempt.number.expose() } else { attempt.number.to_string() },
            attempt_no: attempt.attempt_no,
            state: if end.is_some() { CallState::Ended } else { CallState::Active },
            stage: attempt.stage,
            outcome: end.map(|end| end.outcome),
            answerable: end.map(|end| end.outcome.answerable()),
            line: attempt.tries.last().map(|last| last.line),
            sip_status: facts.sip_status,
            q850: facts.q850,
            caller_id: attempt.caller_id.clone(),
            script: attempt.script,
            priority: attempt.priority,
            epoch: attempt.epoch.0,
            planned_at: timestamp(attempt.planned_at),
            intent_at: timestamp(attempt.intent_at),
            invited_at: stamp(facts.invited_at, attempt.invited_at),
            ringing_at: stamp(facts.ringing_at, attempt.ringing_at),
            answered_at: answered.map(timestamp),
            ended_at: ended.map(timestamp),
            first_audio_at: facts.first_audio_at.map(timestamp),
            first_speech_at: facts.first_speech_at.map(timestamp),
            talk_ms: talked,
            hung_up_by: facts.hung_up_by.clone(),
            digits: facts.digits.clone(),
            recording: facts.recording.clone(),
            codec: facts.codec.clone(),
            packets_sent: facts.packets_sent,
            packets_received: facts.packets_received,
            packets_lost: facts.packets_lost,
            jitter_ms: facts.jitter_ms,
            speech_ms: facts.speech_ms,
            speech_bursts: facts.speech_bursts,
            far_lost: facts.far_lost,
            far_jitter_ms: facts.far_jitter_ms,
            rtt_ms: facts.rtt_ms,
            node: facts.node.clone(),
            call_id: facts.call_id.clone(),
            detail: facts.detail.clone(),
            disposition: facts.dialogue.as_ref().map(|said| said.disposition.clone()).unwrap_or_default(),
            opted_out: attempt.opted_out,
            tries: attempt.tries.iter().map(RouteTry::of).collect(),
            dialogue: None,
        }
    }
}

impl RouteTry {
    fn of(record: &RouteTryRecord) -> Self {
        let facts = record.facts.as_ref();
        Self {
            route_try: record.route_try,
            line: record.line,
            node: record.node.to_string(),
            outcome: record.outcome,
            sip_status: facts.map_or(0, |facts| facts.sip_status),
            q850: facts.map_or(0, |facts| facts.q850),
            call_id: facts.map(|facts| facts.call_id.clone()).unwrap_or_default(),
            intent_at: timestamp(record.intent_at),
            released_at: record.released_at.map(timestamp),
        }
    }
}

/// RFC 3339 with microseconds.
pub(crate) fn timestamp(at: UnixMicros) -> Timestamp {
    let end = if at.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_microsecond(at.0).unwrap_or(end)
}

/// Attempts, newest first
#[utoipa::path(get, path = "/calls", operation_id = "list_calls", tag = "calls", params(CallQuery),
    responses((status = 200, body = Page<Call>), (status = 422, body = Problem)))]
async fn page(
    State(state): State<ApiState>,
    Query(query): Query<CallQuery>,
) -> Result<Answer<Page<Call>>, Problem> {
    let filter = AttemptFilter {
        tenant: Some(state.tenant()),
        campaign: query.campaign,
        contact: None,
        open: query.state.map(|state| state == CallState::Active),
        outcome: query.outcome,
        from: query.since.map(|at| UnixMicros(at.as_microsecond())),
        until: query.until.map(|at| UnixMicros(at.as_microsecond())),
    };
    let page = state.store.attempts(&filter, query.after, checked_limit(query.limit)?).await?;
    Ok(Answer(Page::of(page, |attempt| Call::of(&attempt, false))))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RevealQuery {
    /// Show whole numbers, those that were said in a call too.
    #[serde(default)]
    pub(crate) reveal: bool,
}

/// One attempt
#[utoipa::path(get, path = "/calls/{attempt}", operation_id = "get_call", tag = "calls", params(("attempt" = String, Path), RevealQuery),
    responses((status = 200, body = Call), (status = 404, body = Problem)))]
async fn one(
    State(state): State<ApiState>,
    Path(id): Path<AttemptId>,
    Query(query): Query<RevealQuery>,
) -> Result<Answer<Call>, Problem> {
    let attempt = attempt(&state, id).await?;
    let said = attempt.end.as_ref().and_then(|end| end.facts.dialogue.as_deref());
    let dialogue = said.map(|said| Dialogue::of(said, query.reveal));
    Ok(Answer(Call { dialogue, ..Call::of(&attempt, query.reveal) }))
}

/// End a call, whatever its state; one that is over stays as it is
#[utoipa::path(post, path = "/calls/{attempt}/hang-up", operation_id = "hang_up_call", tag = "calls", params(("attempt" = String, Path)),
    responses((status = 202, body = Call), (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn hang_up(
    State(state): State<ApiState>,
    Path(id): Path<AttemptId>,
) -> Result<(StatusCode, Answer<Call>), Problem> {
    let attempt = attempt(&state, id).await?;
    if attempt.end.is_none() {
        state.order(Command::HangUp(id)).await?;
    }
    Ok((StatusCode::ACCEPTED, Answer(Call::of(&attempt, false))))
}

async fn attempt(state: &ApiState, id: AttemptId) -> Result<Attempt, Problem> {
    let attempt = state.store.attempt(id).await?;
    if attempt.tenant != state.tenant() {
        return Err(Problem::not_found(format!("there is no call {id}")));
    }
    Ok(attempt)
}
