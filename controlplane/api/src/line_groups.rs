//! `/line-groups`

use axum::{Json as Answer, extract::State, http::StatusCode};
use common::LineGroupId;
use peal_core::{
    command::Command,
    model::{LineGroup, LineGroupSpec},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState, Problem,
    json::Json,
    pages::{Page, PageQuery, Path, Query},
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(create, page)).routes(routes!(one, replace, delete))
}

/// Make a group of lines that stand in for each other
#[utoipa::path(post, path = "/line-groups", operation_id = "create_line_group", tag = "lines", request_body = LineGroupSpec,
    responses((status = 201, body = LineGroup), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    State(state): State<ApiState>,
    Json(spec): Json<LineGroupSpec>,
) -> Result<(StatusCode, Answer<LineGroup>), Problem> {
    let group = state.store.create_line_group(state.tenant(), &spec).await?;
    state.tell(Command::LineGroupChanged(group.id)).await;
    Ok((StatusCode::CREATED, Answer(group)))
}

/// All line groups, by id
#[utoipa::path(get, path = "/line-groups", operation_id = "list_line_groups", tag = "lines", params(PageQuery),
    responses((status = 200, body = Page<LineGroup>)))]
async fn page(
    State(state): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<Answer<Page<LineGroup>>, Problem> {
    let page = state.store.line_groups(state.tenant(), query.after()?, query.limit()?).await?;
    Ok(Answer(Page::of(page, |group| group)))
}

/// One line group
#[utoipa::path(get, path = "/line-groups/{id}", operation_id = "get_line_group", tag = "lines", params(("id" = i64, Path)),
    responses((status = 200, body = LineGroup), (status = 404, body = Problem)))]
async fn one(
    State(state): State<ApiState>,
    Path(id): Path<LineGroupId>,
) -> Result<Answer<LineGroup>, Problem> {
    Ok(Answer(state.store.line_group(state.tenant(), id).await?))
}

/// Replace a line group's settings
#[utoipa::path(put, path = "/line-groups/{id}", operation_id = "replace_line_group", tag = "lines", params(("id" = i64, Path)), request_body = LineGroupSpec,
    responses((status = 200, body = LineGroup), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn replace(
    State(state): State<ApiState>,
    Path(id): Path<LineGroupId>,
    Json(spec): Json<LineGroupSpec>,
) -> Result<Answer<LineGroup>, Problem> {
    let group = state.store.update_line_group(state.tenant(), id, &spec).await?;
    state.tell(Command::LineGroupChanged(id)).await;
    Ok(Answer(group))
}

/// Remove a line group that no campaign uses
#[utoipa::path(delete, path = "/line-groups/{id}", operation_id = "delete_line_group", tag = "lines", params(("id" = i64, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn delete(State(state): State<ApiState>, Path(id): Path<LineGroupId>) -> Result<StatusCode, Problem> {
    state.store.delete_line_group(state.tenant(), id).await?;
    state.tell(Command::LineGroupChanged(id)).await;
    Ok(StatusCode::NO_CONTENT)
}
