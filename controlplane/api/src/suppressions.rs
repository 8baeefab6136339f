//! `/suppressions`: numbers that are not called.

use axum::{Json as Answer, extract::State, http::StatusCode};
use common::{AttemptId, E164};
use jiff::Timestamp;
use peal_core::{
    model::{self, SuppressionReason},
    number::{self, Region},
    spoken_number,
};
use serde::{Deserialize, Serialize};
use store::{SUPPRESS_MAX, SuppressionRef};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState, Problem,
    calls::{RevealQuery, timestamp},
    json::Json,
    pages::{Page, PageQuery, Path, Query},
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(page, add)).routes(routes!(one, lift))
}

/// A number that is not called.
#[derive(Serialize, ToSchema)]
struct Suppression {
    /// Its id.
    id: i64,
    /// The number, its middle masked unless `reveal` was asked for.
    number: String,
    /// Why.
    reason: SuppressionReason,
    /// The attempt in whose call the callee asked for it; null when it was not in a call.
    #[schema(value_type = Option<String>)]
    attempt: Option<AttemptId>,
    /// In the words of who asked for it.
    words: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl Suppression {
    fn of(suppression: model::Suppression, reveal: bool) -> Self {
        let model::Suppression { id, number, reason, attempt, words, at, .. } = suppression;
        let number = if reveal { number.expose() } else { number.to_string() };
        let words = if reveal { words } else { spoken_number::mask(&words) };
        Self { id, number, reason, attempt, words, at: timestamp(at) }
    }
}

/// Numbers to suppress.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Suppress {
    /// 1 to 10,000, as people write them.
    #[schema(min_items = 1, max_items = 10000)]
    numbers: Vec<String>,
    /// Country of the numbers that are written without one, such as `CN` (ISO 3166-1).
    #[serde(default)]
    default_region: Option<String>,
    /// Why; `operator` by default.
    #[serde(default)]
    reason: SuppressionReason,
    /// In the words of who asked for it; at most 1,000 characters.
    #[serde(default)]
    #[schema(max_length = 1000)]
    words: String,
}

/// What became of the numbers.
#[derive(Serialize, ToSchema)]
struct SuppressReport {
    /// Not suppressed before.
    added: u64,
    /// Suppressed already; they stay as they were.
    known: u64,
    /// Contacts of campaigns that waited for a call and get none.
    contacts_settled: u64,
    /// Entries that are no numbers.
    rejected: Vec<RejectedNumber>,
}

/// An entry that is no number.
#[derive(Serialize, ToSchema)]
struct RejectedNumber {
    /// Its place, from 0.
    index: usize,
    /// What is wrong with it.
    problem: String,
}

/// Numbers that are not called, by id
#[utoipa::path(get, path = "/suppressions", operation_id = "list_suppressions", tag = "suppressions", params(PageQuery),
    responses((status = 200, body = Page<Suppression>)))]
async fn page(
    State(state): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<Answer<Page<Suppression>>, Problem> {
    let page = state.store.suppressions(state.tenant(), query.after()?, query.limit()?).await?;
    Ok(Answer(Page::of(page, |suppression| Suppression::of(suppression, false))))
}

/// Stop calling numbers, in every campaign, from this moment on
///
/// Calls that are up go on. Contacts that wait are settled as `suppressed`; entries that are no numbers are reported and never stop
/// the others.
#[utoipa::path(post, path = "/suppressions", operation_id = "suppress", tag = "suppressions", request_body = Suppress,
    responses((status = 200, body = SuppressReport), (status = 422, body = Problem)))]
async fn add(
    State(state): State<ApiState>,
    Json(asked): Json<Suppress>,
) -> Result<Answer<SuppressReport>, Problem> {
    if !(1..=SUPPRESS_MAX).contains(&asked.numbers.len()) {
        let problem = format!("must have 1 to {SUPPRESS_MAX} entries, not {}", asked.numbers.len());
        return Err(Problem::invalid("numbers", problem));
    }
    if asked.words.chars().count() > 1_000 {
        return Err(Problem::invalid("words", "must have at most 1000 characters"));
    }
    let region = asked.default_region.as_deref().map(str::parse::<Region>).transpose();
    let region = region.map_err(|error| Problem::invalid("default_region", error.to_string()))?;
    let mut numbers = Vec::with_capacity(asked.numbers.len());
    let mut rejected = Vec::new();
    for (index, text) in asked.numbers.iter().enumerate() {
        match number::normalise(text, region) {
            Ok(number) => numbers.push(number),
            Err(problem) => rejected.push(RejectedNumber { index, problem: problem.to_string() }),
        }
    }
    let done =
        state.store.suppress(state.tenant(), &numbers, asked.reason, &asked.words, state.now()).await?;
    Ok(Answer(SuppressReport {
        added: done.added,
        known: numbers.len() as u64 - done.added,
        contacts_settled: done.settled,
        rejected,
    }))
}

/// Whether a number is suppressed, and why
#[utoipa::path(get, path = "/suppressions/{number}", operation_id = "get_suppression", tag = "suppressions",
    params(("number" = String, Path, example = "+8613800138000"), RevealQuery),
    responses((status = 200, body = Suppression), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn one(
    State(state): State<ApiState>,
    Path(text): Path<String>,
    Query(query): Query<RevealQuery>,
) -> Result<Answer<Suppression>, Problem> {
    let number = number_of(&text)?;
    match state.store.suppression(state.tenant(), number).await? {
        Some(suppression) => Ok(Answer(Suppression::of(suppression, query.reveal))),
        None => Err(Problem::not_found(format!("{number} is not suppressed"))),
    }
}

/// Let a number be called again, by its id or the number; contacts that were settled because of it stay settled
#[utoipa::path(delete, path = "/suppressions/{number}", operation_id = "lift_suppression", tag = "suppressions",
    params(("number" = String, Path, example = "+8613800138000")),
    responses((status = 204), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn lift(State(state): State<ApiState>, Path(text): Path<String>) -> Result<StatusCode, Problem> {
    // An id has no sign in front; a number has one.
    let which = match text.parse::<i64>() {
        Ok(id) if !text.starts_with('+') => SuppressionRef::Id(id),
        _ => SuppressionRef::Number(number_of(&text)?),
    };
    state.store.lift_suppression(state.tenant(), which, state.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn number_of(text: &str) -> Result<E164, Problem> {
    E164::parse(text).map_err(|error| Problem::invalid("number", error.to_string()))
}
