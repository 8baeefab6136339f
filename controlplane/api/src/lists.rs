//! `/lists`

use std::io;

use axum::{
    Json as Answer,
    body::Body,
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
};
use common::{ListId, TenantId};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use peal_core::{
    command::Command,
    import::{ImportError, Judged, Rows},
    model::{self, ImportReport},
    number::Region,
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::io::{StreamReader, SyncIoBridge};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState, Problem,
    calls::timestamp,
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

/// A contact list.
#[derive(Serialize, ToSchema)]
struct List {
    /// Its id.
    id: ListId,
    /// Whose it is.
    tenant: TenantId,
    /// Unique within the tenant.
    name: String,
    /// Contacts in it.
    contacts: u64,
    /// Rows that were rejected by its imports.
    rejected_rows: u64,
    /// Rows that repeated a number already in the list.
    duplicate_rows: u64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<model::List> for List {
    fn from(list: model::List) -> Self {
        let model::List { id, tenant, name, contacts, rejected_rows, duplicate_rows, created_at } = list;
        let created_at = timestamp(created_at);
        Self { id, tenant, name, contacts, rejected_rows, duplicate_rows, created_at }
    }
}

/// Make an empty list
#[utoipa::path(post, path = "/lists", operation_id = "create_list", tag = "lists", request_body = ListSpec,
    responses((status = 201, body = List), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    State(state): State<ApiState>,
    Json(spec): Json<ListSpec>,
) -> Result<(StatusCode, Answer<List>), Problem> {
    let list = state.store.create_list(state.tenant(), &spec.name, state.now()).await?;
    Ok((StatusCode::CREATED, Answer(list.into())))
}

/// All lists, by id
#[utoipa::path(get, path = "/lists", operation_id = "list_lists", tag = "lists", params(PageQuery), responses((status = 200, body = Page<List>)))]
async fn page(
    State(state): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<Answer<Page<List>>, Problem> {
    let page = state.store.lists(state.tenant(), query.after()?, query.limit()?).await?;
    Ok(Answer(Page::of(page, List::from)))
}

/// One list
#[utoipa::path(get, path = "/lists/{id}", operation_id = "get_list", tag = "lists", params(("id" = i64, Path)),
    responses((status = 200, body = List), (status = 404, body = Problem)))]
async fn one(State(state): State<ApiState>, Path(id): Path<ListId>) -> Result<Answer<List>, Problem> {
    Ok(Answer(state.store.list(state.tenant(), id).await?.into()))
}

/// Remove a list that no campaign uses
#[utoipa::path(delete, path = "/lists/{id}", operation_id = "delete_list", tag = "lists", params(("id" = i64, Path)),
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
#[utoipa::path(post, path = "/lists/{id}/contacts", operation_id = "import_contacts", tag = "lists", params(("id" = i64, Path), ImportQuery),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = ImportReport), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn import(
    State(state): State<ApiState>,
    Path(id): Path<ListId>,
    Query(query): Query<ImportQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer<ImportReport>, Problem> {
    let says = |name, start: &str| {
        headers.get(name).and_then(|v| v.to_str().ok()).is_some_and(|v| v.trim_start().starts_with(start))
    };
    if says(CONTENT_TYPE, "multipart/") {
        return Err(Problem::unsupported("send the file itself as the body, not as part of a form"));
    }
    if headers.contains_key(CONTENT_ENCODING) && !says(CONTENT_ENCODING, "identity") {
        return Err(Problem::unsupported("send the file without Content-Encoding"));
    }
    let region = query.default_region.as_deref().map(str::parse::<Region>).transpose();
    let region = region.map_err(|error| Problem::invalid("default_region", error.to_string()))?;
    state.store.list(state.tenant(), id).await?;

    // On a task of its own: a sender that goes away ends the handler, and what it had sent is kept all the same.
    let taken = tokio::spawn(async move { take(&state, id, region, body).await });
    Ok(Answer(taken.await.map_err(|panic| Problem::internal(&panic))??))
}

/// Reads a file and gives its rows to the store as they come.
async fn take(
    state: &ApiState,
    id: ListId,
    region: Option<Region>,
    body: Body,
) -> Result<ImportReport, Problem> {
    let bytes = StreamReader::new(body.into_data_stream().map_err(io::Error::other));
    let bytes = SyncIoBridge::new(Box::pin(bytes));
    // Rows are judged on a thread of their own; a full channel makes it wait, and with it whoever sends the file.
    let (judged, mut chunks) = mpsc::channel(2);
    let reading = tokio::task::spawn_blocking(move || read(bytes, region, &judged));

    let mut importer = state.store.import(id, state.now()).await?;
    while let Some(chunk) = chunks.recv().await {
        match importer.push(&chunk).await {
            Ok(done) => {
                for campaign in done.revived {
                    state.tell(Command::CampaignChanged(campaign)).await;
                }
                state.tell(Command::ContactsAdded(id)).await;
            }
            Err(error) => return Err(broken_off(error.into(), importer.report())),
        }
    }
    let report = importer.finish(state.now()).await?;
    match reading.await.map_err(|panic| Problem::internal(&panic))? {
        Ok(()) => Ok(report),
        Err(error @ ImportError::Read(_)) => Err(broken_off(Problem::bad_body(describe(&error)), &report)),
        Err(error) => Err(Problem::invalid("body", describe(&error))),
    }
}

/// Judges the rows of a file to its end, or until nobody wants them any more.
fn read(
    bytes: impl io::Read,
    region: Option<Region>,
    judged: &mpsc::Sender<Vec<Judged>>,
) -> Result<(), ImportError> {
    let mut rows = Rows::open(bytes, region)?;
    let mut end = None;
    while end.is_none() {
        let mut chunk = Vec::new();
        while chunk.len() < CHUNK_ROWS && end.is_none() {
            match rows.next() {
                Some(Ok(row)) => chunk.push(row),
                Some(Err(error)) => end = Some(Err(error)),
                None => end = Some(Ok(())),
            }
        }
        if !chunk.is_empty() && judged.blocking_send(chunk).is_err() {
            return Ok(());
        }
    }
    end.unwrap_or(Ok(()))
}

/// Adds to a problem what an import kept.
fn broken_off(problem: Problem, report: &ImportReport) -> Problem {
    let ImportReport { rows, imported, .. } = report;
    let detail = format!(
        "{}; {rows} rows were taken before, {imported} of them as new contacts: send the file again, what is there \
         already counts as duplicate",
        problem.detail
    );
    Problem { detail, ..problem }
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
#[utoipa::path(get, path = "/lists/{id}/problems", operation_id = "list_import_problems", tag = "lists", params(("id" = i64, Path), PageQuery),
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
