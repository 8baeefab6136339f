//! `/lines`

use axum::{Json as Answer, extract::State, http::StatusCode};
use common::LineId;
use peal_core::{
    command::Command,
    model::{Line, LineAuth, LineSpec},
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

/// What stands in place of a password in answers. Sent back in a PUT it leaves the password as it is.
const HIDDEN: &str = "********";

/// Passwords go in and never come out.
fn shown(mut line: Line) -> Line {
    if let LineAuth::Digest { password, .. } = &mut line.spec.auth {
        HIDDEN.clone_into(password);
    }
    line
}

/// Add a line
#[utoipa::path(post, path = "/lines", operation_id = "create_line", tag = "lines", request_body = LineSpec,
    responses((status = 201, body = Line), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    State(state): State<ApiState>,
    Json(spec): Json<LineSpec>,
) -> Result<(StatusCode, Answer<Line>), Problem> {
    if let LineAuth::Digest { password, .. } = &spec.auth
        && password == HIDDEN
    {
        return Err(Problem::invalid(
            "auth.password",
            "give the password itself: this line has none to keep",
        ));
    }
    let line = state.store.create_line(state.tenant(), &spec).await?;
    state.tell(Command::LineChanged(line.id)).await;
    Ok((StatusCode::CREATED, Answer(shown(line))))
}

/// All lines, by id
#[utoipa::path(get, path = "/lines", operation_id = "list_lines", tag = "lines", params(PageQuery), responses((status = 200, body = Page<Line>)))]
async fn page(
    State(state): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<Answer<Page<Line>>, Problem> {
    let page = state.store.lines(state.tenant(), query.after()?, query.limit()?).await?;
    Ok(Answer(Page::of(page, shown)))
}

/// One line
#[utoipa::path(get, path = "/lines/{id}", operation_id = "get_line", tag = "lines", params(("id" = i64, Path)),
    responses((status = 200, body = Line), (status = 404, body = Problem)))]
async fn one(State(state): State<ApiState>, Path(id): Path<LineId>) -> Result<Answer<Line>, Problem> {
    Ok(Answer(shown(state.store.line(state.tenant(), id).await?)))
}

/// Replace a line's settings; calls in progress go on as they began
#[utoipa::path(put, path = "/lines/{id}", operation_id = "replace_line", tag = "lines", params(("id" = i64, Path)), request_body = LineSpec,
    responses((status = 200, body = Line), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn replace(
    State(state): State<ApiState>,
    Path(id): Path<LineId>,
    Json(mut spec): Json<LineSpec>,
) -> Result<Answer<Line>, Problem> {
    if let LineAuth::Digest { password, .. } = &mut spec.auth
        && password == HIDDEN
    {
        match state.store.line(state.tenant(), id).await?.spec.auth {
            LineAuth::Digest { password: kept, .. } => *password = kept,
            LineAuth::Ip {} => {
                return Err(Problem::invalid("auth.password", "the line has no password to keep: give one"));
            }
        }
    }
    let line = state.store.update_line(state.tenant(), id, &spec).await?;
    state.tell(Command::LineChanged(id)).await;
    Ok(Answer(shown(line)))
}

/// Remove a line that no group uses
#[utoipa::path(delete, path = "/lines/{id}", operation_id = "delete_line", tag = "lines", params(("id" = i64, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn delete(State(state): State<ApiState>, Path(id): Path<LineId>) -> Result<StatusCode, Problem> {
    state.store.delete_line(state.tenant(), id).await?;
    state.tell(Command::LineChanged(id)).await;
    Ok(StatusCode::NO_CONTENT)
}
