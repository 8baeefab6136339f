//! `/status`, and the answers for load balancers.

use axum::{Json as Answer, extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{ApiState, Problem, Status};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(status))
}

/// Nodes, lines, planner and spool at a glance
#[utoipa::path(get, path = "/status", operation_id = "get_status", tag = "operations", responses((status = 200, body = Status)))]
async fn status(State(state): State<ApiState>) -> Answer<Status> {
    Answer(state.status.borrow().clone())
}

/// The process answers.
pub(crate) async fn healthy() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// The store answers too.
pub(crate) async fn ready(State(state): State<ApiState>) -> Result<StatusCode, Problem> {
    state.store.tenant(state.tenant()).await?;
    Ok(StatusCode::NO_CONTENT)
}
