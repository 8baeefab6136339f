//! All routes in one place.

use axum::{Router, extract::DefaultBodyLimit, middleware, routing::get};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{
    ApiState, Problem, analytics_query, auth, calls, campaigns, document, events, idempotency, line_groups,
    lines, lists, prompts, scripts, status, suppressions,
};

/// Largest JSON body, and the largest statement for ClickHouse.
const BODY_MAX: usize = 1 << 20;

/// Everything under `/api/v1`, the OpenAPI document with its page, and the answers for load balancers.
pub fn router(state: ApiState) -> Router {
    let (api, document) = routes().split_for_parts();
    // A layer is around those before it: the key is asked for first, and a handler that panics is an answer like any
    // other by the time its idempotency key is settled.
    let api = api
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(state.clone(), idempotency::once))
        .layer(DefaultBodyLimit::max(prompts::WAV_MAX))
        .layer(middleware::from_fn_with_state(state.clone(), auth::require_key));
    // The page would have a service on the internet judge the document.
    let config = Config::default().validator_url("none");
    let ui = SwaggerUi::new("/docs").config(config).url("/openapi.json", document::complete(document));
    Router::new()
        .merge(api)
        .merge(ui)
        .route("/healthz", get(status::healthy))
        .route("/readyz", get(status::ready))
        .fallback(async || Problem::not_found("there is nothing at this path; see /docs"))
        .method_not_allowed_fallback(async || Problem::method())
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(state)
}

/// The OpenAPI document.
pub fn openapi() -> OpenApi {
    document::complete(routes().into_openapi())
}

fn routes() -> OpenApiRouter<ApiState> {
    let v1 = OpenApiRouter::new()
        .merge(campaigns::routes())
        .merge(lists::routes())
        .merge(lines::routes())
        .merge(line_groups::routes())
        .merge(scripts::routes())
        .merge(suppressions::routes())
        .merge(calls::routes())
        .merge(events::routes())
        .merge(analytics_query::routes())
        .merge(status::routes())
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .merge(prompts::routes());
    OpenApiRouter::with_openapi(document::base()).nest("/api/v1", v1)
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> axum::response::Response {
    axum::response::IntoResponse::into_response(Problem::internal(&"a handler panicked"))
}
