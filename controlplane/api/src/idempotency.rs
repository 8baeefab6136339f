//! `Idempotency-Key`: a POST that is sent again gets the answer of the first.

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequest, MatchedPath, Request, State},
    http::{HeaderValue, Method, StatusCode, header::CONTENT_TYPE},
    middleware::Next,
    response::Response,
};
use sha2::{Digest, Sha256};
use store::Claim;

use crate::{ApiState, Problem, problem::PROBLEM_JSON};

/// The header.
pub(crate) const KEY: &str = "Idempotency-Key";

/// Largest answer that is kept.
const ANSWER_MAX: usize = 1 << 20;

/// Routes that stream, where a key is ignored: an import that is repeated finds its contacts there already, and a
/// question to ClickHouse changes nothing.
const STREAMS: [&str; 2] = ["/api/v1/lists/{id}/contacts", "/api/v1/analytics/query"];

/// Whether requests of this kind are done once for a key.
pub(crate) fn applies(method: &Method, path: &str) -> bool {
    method == Method::POST && !STREAMS.contains(&path)
}

/// Runs a POST with a key once, and gives its answer to all repetitions for 24 hours.
pub(crate) async fn once(
    State(state): State<ApiState>,
    path: MatchedPath,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let key = match request.headers().get(KEY) {
        Some(key) if applies(request.method(), path.as_str()) => key.clone(),
        _ => return Ok(next.run(request).await),
    };
    let key = key.to_str().ok().filter(|key| (1..=200).contains(&key.len()));
    let key = key.ok_or_else(|| Problem::invalid(KEY, "must be 1 to 200 visible characters"))?.to_owned();

    let (parts, body) = request.into_parts();
    let body = Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await;
    let body = body.map_err(|rejection| Problem::body(&rejection, "50 MiB"))?;
    let mut hash = Sha256::new();
    hash.update(parts.uri.to_string());
    hash.update([0]);
    hash.update(&body);
    let hash = hash.finalize();
    match state.store.claim_key(state.tenant(), &key, &hash, state.now()).await? {
        Claim::Fresh => {}
        Claim::Replay { status, body } => return Ok(replayed(status, body)),
        Claim::Busy => {
            return Err(Problem::conflict("in_progress", "a request with this Idempotency-Key is under way"));
        }
        Claim::Different => {
            return Err(Problem::conflict("key_reused", "this Idempotency-Key was used for another request"));
        }
    }
    // On a task of its own: whoever hangs up half-way finds under the key what was done.
    let request = Request::from_parts(parts, Body::from(body));
    let answer = tokio::spawn(async move { settle(&state, &key, next.run(request).await).await });
    answer.await.map_err(|panic| Problem::internal(&panic))?
}

/// Keeps an answer under its key, and passes it on.
async fn settle(state: &ApiState, key: &str, answer: Response) -> Result<Response, Problem> {
    let (mut parts, body) = answer.into_parts();
    let kept = to_bytes(body, ANSWER_MAX).await;
    match &kept {
        // What failed on our side may be tried again under the same key.
        Ok(body) if !parts.status.is_server_error() => {
            state.store.settle_key(state.tenant(), key, parts.status.as_u16(), body).await?;
        }
        _ => state.store.abandon_key(state.tenant(), key).await?,
    }
    let body = kept.map_err(|error| Problem::internal(&error))?;
    parts.headers.remove("content-length");
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn replayed(status: u16, body: Vec<u8>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let kind = if status.is_success() { "application/json" } else { PROBLEM_JSON };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}
