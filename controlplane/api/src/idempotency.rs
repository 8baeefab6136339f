//! `Idempotency-Key`: a POST that is sent again gets the answer of the first.

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header::CONTENT_TYPE},
    middleware::Next,
    response::Response,
};
use sha2::{Digest, Sha256};
use store::Claim;

use crate::{ApiState, Problem};

/// Largest body of a request with a key. Streams (imports) repeat themselves without harm and need none.
const BODY_MAX: usize = 50 << 20;

/// Largest answer that is kept.
const ANSWER_MAX: usize = 1 << 20;

/// Runs a POST with a key once, and gives its answer to all repetitions for 24 hours.
pub(crate) async fn once(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let key = match request.headers().get("idempotency-key") {
        Some(key) if request.method() == Method::POST => key.clone(),
        _ => return Ok(next.run(request).await),
    };
    let key = key.to_str().ok().filter(|key| (1..=200).contains(&key.len()));
    let key = key
        .ok_or_else(|| Problem::invalid("Idempotency-Key", "must be 1 to 200 visible characters"))?
        .to_owned();

    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_MAX).await.map_err(|_| {
        Problem::too_large("a request with an Idempotency-Key may have 50 MiB; imports need no key")
    })?;
    let mut hash = Sha256::new();
    hash.update(parts.uri.to_string());
    hash.update([0]);
    hash.update(&body);
    let tenant = state.tenant();
    match state.store.claim_key(tenant, &key, &hash.finalize(), state.now()).await? {
        Claim::Fresh => {}
        Claim::Replay { status, body } => return Ok(replayed(status, body)),
        Claim::Busy => {
            return Err(Problem::conflict("in_progress", "a request with this Idempotency-Key is under way"));
        }
        Claim::Different => {
            return Err(Problem::conflict("key_reused", "this Idempotency-Key was used for another request"));
        }
    }

    let (mut parts, body) = next.run(Request::from_parts(parts, Body::from(body))).await.into_parts();
    let kept = to_bytes(body, ANSWER_MAX).await;
    match &kept {
        // What failed on our side may be tried again under the same key.
        Ok(body) if !parts.status.is_server_error() => {
            state.store.settle_key(tenant, &key, parts.status.as_u16(), body).await?;
        }
        _ => state.store.abandon_key(tenant, &key).await?,
    }
    let body = kept.map_err(|error| Problem::internal(&error))?;
    parts.headers.remove("content-length");
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn replayed(status: u16, body: Vec<u8>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}
