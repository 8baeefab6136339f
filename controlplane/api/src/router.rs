//! All routes in one place.

use axum::{Router, extract::DefaultBodyLimit, middleware, routing::get};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::{
    InfoBuilder, OpenApi, OpenApiBuilder,
    security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use crate::{
    ApiState, Problem, analytics_query, auth, calls, campaigns, events, idempotency, line_groups, lines,
    lists, prompts, scripts, status,
};

/// Largest JSON body.
const BODY_MAX: usize = 1 << 20;

/// Everything under `/api/v1`, the OpenAPI document with its page, and the answers for load balancers.
pub fn router(state: ApiState) -> Router {
    let (api, document) = documented().split_for_parts();
    let api = api
        .layer(middleware::from_fn_with_state(state.clone(), idempotency::once))
        .layer(middleware::from_fn_with_state(state.clone(), auth::require_key));
    let ui = SwaggerUi::new("/docs").url("/openapi.json", document);
    Router::new()
        .merge(api)
        .merge(ui)
        .route("/healthz", get(status::healthy))
        .route("/readyz", get(status::ready))
        .fallback(async || Problem::not_found("there is nothing at this path; see /docs"))
        .method_not_allowed_fallback(async || Problem::method())
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            axum::response::IntoResponse::into_response(Problem::internal(&"a handler panicked"))
        }))
        .with_state(state)
}

/// The OpenAPI document.
pub fn openapi() -> OpenApi {
    documented().into_openapi()
}

fn documented() -> OpenApiRouter<ApiState> {
    let v1 = OpenApiRouter::new()
        .merge(campaigns::routes())
        .merge(lists::routes().layer(DefaultBodyLimit::disable()))
        .merge(lines::routes())
        .merge(line_groups::routes())
        .merge(scripts::routes())
        .merge(calls::routes())
        .merge(events::routes())
        .merge(analytics_query::routes())
        .merge(status::routes())
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .merge(prompts::routes());
    OpenApiRouter::with_openapi(document()).nest("/api/v1", v1)
}

fn document() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Peal")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Outbound calling: campaigns, lists, lines, calls and what became of them."));
    let mut document = OpenApiBuilder::new().info(info).build();
    let key = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document.components.get_or_insert_default().add_security_scheme("api_key", key);
    document.security = Some(vec![SecurityRequirement::new("api_key", Vec::<String>::new())]);
    document
}
