//! `/campaigns`

mod variants;

use std::collections::BTreeMap;

use axum::{Json as Answer, extract::State, http::StatusCode};
use common::{CampaignId, E164, Outcome, TenantId};
use jiff::Timestamp;
use peal_core::{
    command::Command,
    model::{self, CampaignSpec, CampaignState, ContactState, Move},
};
use serde::Serialize;
use store::{AttemptFilter, CampaignCounts, ContactRef};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState, Problem,
    calls::{Call, RevealQuery, timestamp},
    json::Json,
    pages::{Page, PageQuery, Path, Query},
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create, page))
        .routes(routes!(one, replace, delete))
        .routes(routes!(start))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(cancel))
        .routes(routes!(progress))
        .routes(routes!(variants::variants))
        .routes(routes!(why))
}

/// A campaign.
#[derive(Serialize, ToSchema)]
struct Campaign {
    /// Its id.
    id: CampaignId,
    /// Whose it is.
    tenant: TenantId,
    /// Where it stands.
    state: CampaignState,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// What was configured.
    #[serde(flatten)]
    spec: CampaignSpec,
}

impl From<model::Campaign> for Campaign {
    fn from(campaign: model::Campaign) -> Self {
        let model::Campaign { id, tenant, state, created_at, spec } = campaign;
        Self { id, tenant, state, created_at: timestamp(created_at), spec }
    }
}

/// Add a campaign, as a draft
#[utoipa::path(post, path = "/campaigns", operation_id = "create_campaign", tag = "campaigns", request_body = CampaignSpec,
    responses((status = 201, body = Campaign), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    State(state): State<ApiState>,
    Json(spec): Json<CampaignSpec>,
) -> Result<(StatusCode, Answer<Campaign>), Problem> {
    let campaign = state.store.create_campaign(state.tenant(), &spec, state.now()).await?;
    Ok((StatusCode::CREATED, Answer(campaign.into())))
}

/// All campaigns, by id
#[utoipa::path(get, path = "/campaigns", operation_id = "list_campaigns", tag = "campaigns", params(PageQuery),
    responses((status = 200, body = Page<Campaign>)))]
async fn page(
    State(state): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<Answer<Page<Campaign>>, Problem> {
    let page = state.store.campaigns(state.tenant(), query.after()?, query.limit()?).await?;
    Ok(Answer(Page::of(page, Campaign::from)))
}

/// One campaign
#[utoipa::path(get, path = "/campaigns/{id}", operation_id = "get_campaign", tag = "campaigns", params(("id" = i64, Path)),
    responses((status = 200, body = Campaign), (status = 404, body = Problem)))]
async fn one(State(state): State<ApiState>, Path(id): Path<CampaignId>) -> Result<Answer<Campaign>, Problem> {
    Ok(Answer(state.store.campaign(state.tenant(), id).await?.into()))
}

/// Replace the settings of a campaign that is not over; one that was started keeps its lists and may get more
#[utoipa::path(put, path = "/campaigns/{id}", operation_id = "replace_campaign", tag = "campaigns", params(("id" = i64, Path)), request_body = CampaignSpec,
    responses((status = 200, body = Campaign), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn replace(
    State(state): State<ApiState>,
    Path(id): Path<CampaignId>,
    Json(spec): Json<CampaignSpec>,
) -> Result<Answer<Campaign>, Problem> {
    let campaign = state.store.update_campaign(state.tenant(), id, &spec).await?;
    state.tell(Command::CampaignChanged(id)).await;
    Ok(Answer(campaign.into()))
}

/// Remove a campaign that is a draft or over; its attempts stay in ClickHouse
#[utoipa::path(delete, path = "/campaigns/{id}", operation_id = "delete_campaign", tag = "campaigns", params(("id" = i64, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn delete(State(state): State<ApiState>, Path(id): Path<CampaignId>) -> Result<StatusCode, Problem> {
    state.store.delete_campaign(state.tenant(), id, state.now()).await?;
    state.tell(Command::CampaignChanged(id)).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn move_to(state: &ApiState, id: CampaignId, action: Move) -> Result<Answer<Campaign>, Problem> {
    let campaign = state.store.move_campaign(state.tenant(), id, action).await?;
    state.tell(Command::CampaignChanged(id)).await;
    Ok(Answer(campaign.into()))
}

/// Begin to dial, as soon as the schedule allows
#[utoipa::path(post, path = "/campaigns/{id}/start", operation_id = "start_campaign", tag = "campaigns", params(("id" = i64, Path)),
    responses((status = 200, body = Campaign), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn start(
    State(state): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<Answer<Campaign>, Problem> {
    move_to(&state, id, Move::Start).await
}

/// Stop dialling for now; calls in progress go on
#[utoipa::path(post, path = "/campaigns/{id}/pause", operation_id = "pause_campaign", tag = "campaigns", params(("id" = i64, Path)),
    responses((status = 200, body = Campaign), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn pause(
    State(state): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<Answer<Campaign>, Problem> {
    move_to(&state, id, Move::Pause).await
}

/// Dial again
#[utoipa::path(post, path = "/campaigns/{id}/resume", operation_id = "resume_campaign", tag = "campaigns", params(("id" = i64, Path)),
    responses((status = 200, body = Campaign), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn resume(
    State(state): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<Answer<Campaign>, Problem> {
    move_to(&state, id, Move::Resume).await
}

/// Give up for good: calls that were not answered yet are ended, the others go on
#[utoipa::path(post, path = "/campaigns/{id}/cancel", operation_id = "cancel_campaign", tag = "campaigns", params(("id" = i64, Path)),
    responses((status = 200, body = Campaign), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn cancel(
    State(state): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<Answer<Campaign>, Problem> {
    move_to(&state, id, Move::Cancel).await
}

/// How far a campaign is.
#[derive(Serialize, ToSchema)]
struct Progress {
    /// Contacts by where they stand.
    contacts: Contacts,
    /// Ended attempts by outcome.
    #[schema(value_type = std::collections::HashMap<Outcome, u64>)]
    outcomes: BTreeMap<Outcome, u64>,
    /// Why contacts that are ready were not dialled in the last round; empty when nothing holds it up.
    waiting_for: Vec<String>,
}

/// Contacts by where they stand.
#[derive(Serialize, ToSchema)]
struct Contacts {
    /// All; a number that two lists share counts once as far as it was come to.
    total: u64,
    /// Not called yet.
    new: u64,
    /// With an attempt under way.
    in_flight: u64,
    /// To be called again.
    retry_due: u64,
    /// Answered.
    reached: u64,
    /// Given up.
    exhausted: u64,
    /// Not called, because their numbers are suppressed.
    suppressed: u64,
}

impl Contacts {
    fn of(counts: &CampaignCounts) -> Self {
        Self {
            total: counts.contacts,
            new: counts.new,
            in_flight: counts.in_flight,
            retry_due: counts.retry,
            reached: counts.reached,
            exhausted: counts.exhausted,
            suppressed: counts.suppressed,
        }
    }
}

/// How far a campaign is
#[utoipa::path(get, path = "/campaigns/{id}/progress", operation_id = "get_campaign_progress", tag = "campaigns", params(("id" = i64, Path)),
    responses((status = 200, body = Progress), (status = 404, body = Problem)))]
async fn progress(
    State(state): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<Answer<Progress>, Problem> {
    state.store.campaign(state.tenant(), id).await?;
    let counts = state.store.campaign_counts(id).await?;
    Ok(Answer(Progress {
        contacts: Contacts::of(&counts),
        outcomes: counts.outcomes,
        waiting_for: held_up(&state, id),
    }))
}

fn held_up(state: &ApiState, id: CampaignId) -> Vec<String> {
    let status = state.status.borrow();
    status.passed_over.iter().filter(|held| held.campaign == id).map(|held| held.reason.clone()).collect()
}

/// Where a contact stands, and why.
#[derive(Serialize, ToSchema)]
struct Why {
    /// The number asked for, its middle masked unless `reveal` was asked for.
    number: String,
    /// Where it stands.
    state: ContactState,
    /// In words: what happened, or what it waits for.
    reasons: Vec<String>,
    /// Attempts that were used up.
    attempts: u32,
    /// When it is to be called again.
    #[schema(value_type = Option<String>, format = DateTime)]
    due_at: Option<Timestamp>,
    /// Its attempts, newest first, at most 20.
    calls: Vec<Call>,
}

/// Why a number of a campaign is, or is not, being dialled
#[utoipa::path(get, path = "/campaigns/{id}/contacts/{number}", operation_id = "get_campaign_contact", tag = "campaigns",
    params(("id" = i64, Path), ("number" = String, Path, example = "+8613800138000"), RevealQuery),
    responses((status = 200, body = Why), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn why(
    State(state): State<ApiState>,
    Path((id, number)): Path<(CampaignId, String)>,
    Query(RevealQuery { reveal }): Query<RevealQuery>,
) -> Result<Answer<Why>, Problem> {
    let number = E164::parse(&number).map_err(|error| Problem::invalid("number", error.to_string()))?;
    let campaign = state.store.campaign(state.tenant(), id).await?;
    let contact = state.store.contact_status(id, ContactRef::Number(number)).await?;

    let mut reasons = Vec::new();
    if let Some(other) = contact.duplicate_of {
        reasons
            .push(format!("another list of the campaign has the number: contact {other} is called instead"));
    }
    match contact.state {
        ContactState::New | ContactState::RetryDue => {
            reasons.push(format!("the campaign is {}", campaign.state.as_str()));
            if contact.due_at.is_some_and(|due| due > state.now()) {
                reasons.push("its time has not come".to_owned());
            } else {
                reasons.push(
                    if contact.queued { "it is among the next" } else { "others come first" }.to_owned(),
                );
            }
            reasons.extend(held_up(&state, id));
        }
        ContactState::InFlight => reasons.push("a call is under way".to_owned()),
        ContactState::Reached => reasons.push("it was answered".to_owned()),
        ContactState::Exhausted => reasons.push(match contact.last_outcome {
            Some(outcome) => {
                format!("given up after '{outcome}': attempts used up, or this outcome is not tried again")
            }
            None => "given up".to_owned(),
        }),
        ContactState::Suppressed => reasons.push("its number was suppressed when its turn came".to_owned()),
    }
    if let Some(suppression) = state.store.suppression(state.tenant(), number).await? {
        reasons.push(format!("the number is suppressed ({})", suppression.reason.as_str()));
    }
    let filter = AttemptFilter {
        tenant: Some(state.tenant()),
        campaign: Some(id),
        contact: Some(contact.contact.id),
        ..AttemptFilter::default()
    };
    let calls = state.store.attempts(&filter, None, 20).await?.items;
    Ok(Answer(Why {
        number: if reveal { number.expose() } else { number.to_string() },
        state: contact.state,
        reasons,
        attempts: contact.tally.attempts,
        due_at: contact.due_at.map(timestamp),
        calls: calls.iter().map(|attempt| Call::of(attempt, reveal)).collect(),
    }))
}
