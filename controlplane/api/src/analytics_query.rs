//! `/analytics/query`: questions to ClickHouse.

use analytics::AnalyticsError;
use axum::{
    body::{Body, Bytes},
    extract::{State, rejection::BytesRejection},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{ApiState, Problem, pages::Query};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(query))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FormatQuery {
    /// A ClickHouse output format, such as `JSON`, `CSVWithNames` or `PrettyCompact`; `JSON` by default.
    #[serde(default = "json")]
    format: String,
}

fn json() -> String {
    "JSON".to_owned()
}

/// Ask ClickHouse: the body is one statement that reads (SELECT, WITH, SHOW, DESCRIBE, EXPLAIN)
///
/// Tables: `attempt_final` has one row an attempt; `outcome_hourly`, `line_hourly` and `campaign_hourly` sum it up. Numbers
/// stand in full in `number`, masked in `number_masked`.
#[utoipa::path(post, path = "/analytics/query", operation_id = "query_analytics", tag = "analytics", params(FormatQuery),
    request_body(content = String, content_type = "text/plain"),
    responses((status = 200, body = String), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn query(
    State(state): State<ApiState>,
    Query(FormatQuery { format }): Query<FormatQuery>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body.map_err(|rejection| Problem::body(&rejection, "1 MiB"))?;
    let statement =
        str::from_utf8(&body).map_err(|_| Problem::bad_body("the statement is not UTF-8 text"))?;
    if format.is_empty() || !format.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Problem::invalid("format", "is not the name of a ClickHouse format"));
    }
    let kind = match format.as_str() {
        format if format.starts_with("JSON") => "application/json",
        format if format.starts_with("CSV") => "text/csv; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    };
    let mut answer = state.analytics.query(statement, &format).await.map_err(refused)?;
    // The first piece tells whether the statement can be run at all; later errors can only break the answer off.
    let first = answer.next().await.map_err(refused)?;
    let rest = stream::unfold(answer, async |mut answer| match answer.next().await {
        Ok(piece) => piece.map(|piece| (Ok(piece), answer)),
        Err(error) => Some((Err(error), answer)),
    });
    let body = stream::iter(first.map(Ok)).chain(rest);
    Ok(([(CONTENT_TYPE, kind)], Body::from_stream(body)).into_response())
}

fn refused(error: AnalyticsError) -> Problem {
    let text = error.to_string();
    // ClickHouse's own words begin so; everything else is a matter of reaching it.
    if text.contains("DB::Exception") {
        Problem::invalid("statement", text)
    } else {
        tracing::warn!(%error, "ClickHouse cannot be asked");
        Problem::unavailable(format!("ClickHouse cannot be asked: {text}"))
    }
}
