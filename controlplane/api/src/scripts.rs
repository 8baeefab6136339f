//! `/scripts`

use axum::{
    Json as Answer,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};
use common::ScriptId;
use peal_core::model::Script;
use script::Document;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState, Problem,
    json::Json,
    pages::{Page, PageQuery, Path, Query},
};

/// Content type of a JSON Schema.
const SCHEMA_JSON: &str = "application/schema+json";

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(create, page)).routes(routes!(schema)).routes(routes!(one, delete))
}

/// Add a script, or the next version of the one with this name; an unchanged one keeps its version
#[utoipa::path(post, path = "/scripts", operation_id = "create_script", tag = "scripts", request_body = Document,
    responses((status = 201, body = Script), (status = 422, body = Problem)))]
async fn create(
    State(state): State<ApiState>,
    Json(document): Json<Document>,
) -> Result<(StatusCode, Answer<Script>), Problem> {
    Ok((StatusCode::CREATED, Answer(state.store.put_script(state.tenant(), &document).await?)))
}

/// All versions of all scripts, by id
#[utoipa::path(get, path = "/scripts", operation_id = "list_scripts", tag = "scripts", params(PageQuery),
    responses((status = 200, body = Page<Script>)))]
async fn page(
    State(state): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<Answer<Page<Script>>, Problem> {
    let page = state.store.scripts(state.tenant(), query.after()?, query.limit()?).await?;
    Ok(Answer(Page::of(page, |script| script)))
}

/// The JSON Schema (draft 2020-12) of scripts, for editors and other programs
#[utoipa::path(get, path = "/scripts/schema", operation_id = "script_schema", tag = "scripts",
    responses((status = 200, body = serde_json::Value, content_type = SCHEMA_JSON)))]
async fn schema() -> impl IntoResponse {
    ([(CONTENT_TYPE, SCHEMA_JSON)], script::json_schema().to_string())
}

/// One version of a script
#[utoipa::path(get, path = "/scripts/{id}", operation_id = "get_script", tag = "scripts", params(("id" = i64, Path)),
    responses((status = 200, body = Script), (status = 404, body = Problem)))]
async fn one(State(state): State<ApiState>, Path(id): Path<ScriptId>) -> Result<Answer<Script>, Problem> {
    Ok(Answer(state.store.script(state.tenant(), id).await?))
}

/// Remove a version that nothing used
#[utoipa::path(delete, path = "/scripts/{id}", operation_id = "delete_script", tag = "scripts", params(("id" = i64, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn delete(State(state): State<ApiState>, Path(id): Path<ScriptId>) -> Result<StatusCode, Problem> {
    state.store.delete_script(state.tenant(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
