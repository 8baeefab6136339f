//! `/lists`

use std::io;

use axum::{Json as Answer, body::Body, extract::State, http::StatusCode};
use common::ListId;
use futures_util::TryStreamExt;
use peal_core::{
    command::Command,
    import::{Judged, Rows},
    model::{ImportReport, List},
    number::Region,
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::io::{StreamReader, SyncIoBridge};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState, Problem,
    json::Json,
    pages::{Page, PageQuery, Path, Query},
};

/// Rows handed to the store at once. Some tens of thousands make one transaction worth its sync.
const CHUNK_ROWS: usize = 20_000;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create, page))
        .routes(routes!(one, delete))
        .routes(routes!(import))
        .routes(routes!(problems))
}

/// A new list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ListSpec {
    /// Unique.
    name: String,
}

/// Make an empty list
#[utoipa::path(post, path = "/lists", tag = "lists", request_body = ListSpec,
    responses((status = 201, body = List), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    State(state): State<ApiState>,
    Json(spec): Json<ListSpec>,
) -> Result<(StatusCode, Answer<List>), Problem> {
    let list = state.store.create_list(state.tenant(), &spec.name, state.now()).await?;
    Ok((StatusCode::CREATED, Answer(list)))
}

/// All lists, by id
#[utoipa::path(get, path = "/lists", tag = "lists", params(PageQuery), responses((status = 200, body = Page<List>)))]
async fn page(
    State(state): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<Answer<Page<List>>, Problem> {
    let page = state.store.lists(state.tenant(), query.after()?, query.limit()?).await?;
    Ok(Answer(Page::of(page, |list| list)))
}

/// One list
#[utoipa::path(get, path = "/lists/{id}", tag = "lists", params(("id" = i64, Path)),
    responses((status = 200, body = List), (status = 404, body = Problem)))]
async fn one(State(state): State<ApiState>, Path(id): Path<ListId>) -> Result<Answer<List>, Problem> {
    Ok(Answer(state.store.list(state.tenant(), id).await?))
}

/// Remove a list that no campaign uses
#[utoipa::path(delete, path = "/lists/{id}", tag = "lists", params(("id" = i64, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn delete(State(state): State<ApiState>, Path(id): Path<ListId>) -> Result<StatusCode, Problem> {
    state.store.delete_list(state.tenant(), id, state.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    /// Country of the numbers that are written without one, such as `CN` (ISO 3166-1).
    default_region: Option<String>,
}

/// Append contacts: the body is a CSV file of any size
///
/// It is read as it arrives. Bad rows and repeated numbers are reported by line and never stop the others. An import
/// that breaks off keeps what was read, and can be repeated: what is there already counts as duplicate.
#[utoipa::path(post, path = "/lists/{id}/contacts", tag = "lists", params(("id" = i64, Path), ImportQuery),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = ImportReport), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn import(
    State(state): State<ApiState>,
    Path(id): Path<ListId>,
    Query(query): Query<ImportQuery>,
    body: Body,
) -> Result<Answer<ImportReport>, Problem> {
    let region = query.default_region.as_deref().map(str::parse::<Region>).transpose();
    let region = region.map_err(|error| Problem::invalid("default_region", error.to_string()))?;
    state.store.list(state.tenant(), id).await?;

    let bytes = StreamReader::new(body.into_data_stream().map_err(io::Error::other));
    let bytes = SyncIoBridge::new(Box::pin(bytes));
    // Rows are judged on a thread of their own; a full channel makes it wait, and with it whoever sends the file.
    let (judged, mut chunks) = mpsc::channel::<Vec<Judged>>(2);
    let reading = tokio::task::spawn_blocking(move || -> Result<(), Problem> {
        let refuse = |error: peal_core::import::ImportError| Problem::invalid("body", describe(&error));
        let mut rows = Rows::open(bytes, region).map_err(refuse)?;
        loop {
            let chunk = rows.by_ref().take(CHUNK_ROWS).collect::<Result<Vec<_>, _>>().map_err(refuse)?;
            if chunk.is_empty() || judged.blocking_send(chunk).is_err() {
                return Ok(());
            }
        }
    });

    let mut importer = state.store.import(id, state.now()).await?;
    while let Some(chunk) = chunks.recv().await {
        let done = importer.push(&chunk).await?;
        for campaign in done.revived {
            state.tell(Command::CampaignChanged(campaign)).await;
        }
        state.tell(Command::ContactsAdded(id)).await;
    }
    let report = importer.finish(state.now()).await?;
    reading.await.map_err(|panic| Problem::internal(&panic))??;
    Ok(Answer(report))
}

fn describe(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// A row that did not become a contact.
#[derive(Serialize, ToSchema)]
struct RowProblem {
    /// Number of the import.
    import: i64,
    /// Line of the file, from 1.
    line: u64,
    /// `number`, `duplicate`, `columns`, `not_utf8` or `too_long`.
    kind: String,
    /// Why, in words.
    reason: String,
}

/// Rows of this list's imports that did not become contacts
#[utoipa::path(get, path = "/lists/{id}/problems", tag = "lists", params(("id" = i64, Path), PageQuery),
    responses((status = 200, body = Page<RowProblem>), (status = 404, body = Problem)))]
async fn problems(
    State(state): State<ApiState>,
    Path(id): Path<ListId>,
    Query(query): Query<PageQuery>,
) -> Result<Answer<Page<RowProblem>>, Problem> {
    state.store.list(state.tenant(), id).await?;
    let page = state.store.list_problems(id, query.after()?, query.limit()?).await?;
    Ok(Answer(Page::of(page, |problem| RowProblem {
        import: problem.import,
        line: problem.row.line,
        kind: problem.row.reason.kind().to_owned(),
        reason: problem.row.reason.to_string(),
    })))
}
