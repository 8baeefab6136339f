//! The OpenAPI document: what routes have in common, and what the derives cannot say.
//!
//! A handler's macro names the answers that are its own; [`complete`] adds those that come of the layers around it, so
//! that a new route cannot forget them.

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use utoipa::openapi::{
    AllOf, Components, Content, InfoBuilder, Object, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr, Required,
    Response, Schema,
    path::{Operation, ParameterBuilder, ParameterIn},
    schema::{AdditionalProperties, ObjectBuilder, Type},
    security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
};

use crate::{idempotency, problem::PROBLEM_JSON};

/// The document without routes.
pub(crate) fn base() -> OpenApi {
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

/// Adds what every route has.
pub(crate) fn complete(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            complete_operation(path, &method, operation);
        }
    }
    if let Some(components) = &mut document.components {
        complete_schemas(components);
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let PathItem { get, put, post, delete, .. } = item;
    [(Method::GET, get), (Method::PUT, put), (Method::POST, post), (Method::DELETE, delete)]
        .into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn complete_operation(path: &str, method: &Method, operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    let mut may_be = |status: StatusCode| {
        responses.entry(status.as_str().to_owned()).or_insert_with(|| Response::new("").into());
    };
    may_be(StatusCode::UNAUTHORIZED);
    may_be(StatusCode::INTERNAL_SERVER_ERROR);
    may_be(StatusCode::SERVICE_UNAVAILABLE);
    if path.contains('{') {
        may_be(StatusCode::NOT_FOUND);
    }
    if operation.request_body.is_some() {
        may_be(StatusCode::BAD_REQUEST);
        may_be(StatusCode::PAYLOAD_TOO_LARGE);
        may_be(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    if operation.request_body.is_some() || operation.parameters.is_some() {
        may_be(StatusCode::UNPROCESSABLE_ENTITY);
    }
    if idempotency::applies(method, path) {
        may_be(StatusCode::CONFLICT);
        may_be(StatusCode::UNPROCESSABLE_ENTITY);
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(200));
        let key = ParameterBuilder::new()
            .name(idempotency::KEY)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The request is done once; a repetition within 24 hours gets the same answer."))
            .schema(Some(text));
        operation.parameters.get_or_insert_default().push(RefOr::T(key.build()));
    }
    for (status, response) in responses {
        let RefOr::T(response) = response else { continue };
        let Some(status) = status.parse().ok().and_then(|code| StatusCode::from_u16(code).ok()) else {
            continue;
        };
        if response.description.is_empty() {
            status.canonical_reason().unwrap_or_default().clone_into(&mut response.description);
        }
        if status.is_client_error() || status.is_server_error() {
            let problem = Content::new(Some(Ref::from_schema_name("Problem")));
            response.content = [(PROBLEM_JSON.to_owned(), RefOr::T(problem))].into_iter().collect();
        }
    }
}

fn complete_schemas(components: &mut Components) {
    // An entity is its specification with an id in the same object. The derive says so with allOf, which nothing can
    // satisfy, because the specification refuses every other field.
    let merged: Vec<_> = components
        .schemas
        .iter()
        .filter_map(|(name, schema)| match schema {
            RefOr::T(Schema::AllOf(all)) => Some((name.clone(), merge(&components.schemas, all))),
            _ => None,
        })
        .collect();
    for (name, object) in merged {
        components.schemas.insert(name, object.into());
    }
    // The derive writes the item of a page out; the page names it instead.
    let names: Vec<String> = components.schemas.keys().cloned().collect();
    for item in &names {
        if let Some(RefOr::T(Schema::Object(page))) = components.schemas.get_mut(&format!("Page_{item}"))
            && let Some(RefOr::T(Schema::Array(items))) = page.properties.get_mut("items")
        {
            items.items = utoipa::openapi::schema::ArrayItems::RefOrSchema(Box::new(
                Ref::from_schema_name(item.as_str()).into(),
            ));
        }
    }
    // Maps by outcome have outcomes for keys, and not any text.
    if let Some(RefOr::T(outcome)) = components.schemas.get("Outcome").cloned() {
        for (name, property) in [("RetryPolicy", "rules"), ("Progress", "outcomes")] {
            if let Some(RefOr::T(Schema::Object(object))) = components.schemas.get_mut(name)
                && let Some(RefOr::T(Schema::Object(map))) = object.properties.get_mut(property)
            {
                map.property_names = Some(Box::new(outcome.clone()));
            }
        }
    }
}

/// One object with the properties of all parts.
fn merge(schemas: &BTreeMap<String, RefOr<Schema>>, all: &AllOf) -> Object {
    let mut whole = Object::with_type(Type::Object);
    whole.description.clone_from(&all.description);
    for part in &all.items {
        let part = match part {
            RefOr::Ref(part) => part.ref_location.rsplit('/').next().and_then(|name| schemas.get(name)),
            part => Some(part),
        };
        if let Some(RefOr::T(Schema::Object(part))) = part {
            whole.properties.extend(part.properties.clone());
            whole.required.extend(part.required.iter().cloned());
        }
    }
    whole.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    whole
}
