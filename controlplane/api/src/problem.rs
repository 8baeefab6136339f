//! Errors, with one shape on the wire: a problem document (RFC 9457).

use axum::{
    Json,
    extract::rejection::BytesRejection,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use peal_core::model::Invalid;
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

/// Content type of a [`Problem`].
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// What went wrong, for the caller. What only we should know stays in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Kind of problem, stable: `invalid`, `not_found`, `name_taken`, `in_use`, `conflict`, `unauthorized`, …
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// One sentence.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What exactly, and what to do.
    pub detail: String,
    /// The field of the request that is wrong, as it is written in the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Everything that is wrong, where it is found out at once; `field` and `detail` are the first of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// One of several things that are wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field, as it is written in the request; empty for the whole.
    pub field: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, title, status: status.as_u16(), detail: detail.into(), field: None, errors: Vec::new() }
    }

    /// The request cannot be understood or used.
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let field = Some(field.into()).filter(|field| !field.is_empty());
        Self { field, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Invalid request", detail) }
    }

    /// The body is not what it should be.
    pub fn bad_body(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_body", "The body cannot be read", detail)
    }

    /// The body is of a kind that is not read here.
    pub fn unsupported(detail: impl Into<String>) -> Self {
        let title = "The body is of another kind";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", title, detail)
    }

    /// The body did not come, or is larger than `allowed`.
    pub(crate) fn body(rejection: &BytesRejection, allowed: &str) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Self::too_large(format!("it may have {allowed}"))
        } else {
            Self::bad_body(rejection.body_text())
        }
    }

    /// What serde says against a request: `schedule.windows[0].from: what`, or `what` alone about the whole.
    pub(crate) fn misread(text: &str) -> Self {
        let (path, what) = match text.split_once(": ") {
            Some((path, what)) if !path.contains([' ', '`']) => (path, what),
            _ => ("", text),
        };
        let quoted = |start| what.strip_prefix(start)?.split_once('`').map(|(name, _)| name);
        // The path of a missing field ends above it, and so does that of an unknown one in a tagged object.
        let below = quoted("missing field `")
            .or_else(|| quoted("unknown field `").filter(|name| path.rsplit('.').next() != Some(name)));
        let field = match below {
            Some(name) if path.is_empty() => name.to_owned(),
            Some(name) => format!("{path}.{name}"),
            None => path.to_owned(),
        };
        // A key that is an outcome is not known to the path: the map itself is named, the rest is in the words.
        let known = field.split_once(".?").map_or(field.as_str(), |(map, _)| map);
        Self::invalid(known, what)
    }

    /// The body is larger than allowed.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too large", detail)
    }

    /// There is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail)
    }

    /// The method is not one of this path.
    pub fn method() -> Self {
        let detail = "this path does not know the method; see /docs";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed", detail)
    }

    /// No key, or a wrong one.
    pub fn unauthorized() -> Self {
        let detail = "send the API key of the configuration as 'Authorization: Bearer <key>'";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "The API key is missing or wrong", detail)
    }

    /// The state of things does not allow it.
    pub fn conflict(kind: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, kind, "Conflict", detail)
    }

    /// It may work later.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not possible at the moment", detail)
    }

    /// A fault of ours; the cause goes to the log.
    pub fn internal(cause: &(dyn std::fmt::Display + Send + Sync)) -> Self {
        tracing::error!(%cause, "a request failed");
        let detail = "the fault is in the server's log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server failed", detail)
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::invalid(invalid.field, invalid.problem)
    }
}

impl From<Vec<script::Fault>> for Problem {
    fn from(faults: Vec<script::Fault>) -> Self {
        let error = |fault: script::Fault| FieldError { field: fault.path(), detail: fault.problem };
        let errors: Vec<_> = faults.into_iter().map(error).collect();
        let (field, detail) = match errors.first() {
            Some(first) => (first.field.clone(), first.detail.clone()),
            None => (String::new(), "the script cannot be used".to_owned()),
        };
        Self { errors, ..Self::invalid(field, detail) }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::not_found(error.to_string()),
            StoreError::NameTaken { .. } => Self::conflict("name_taken", error.to_string()),
            StoreError::InUse { .. } => Self::conflict("in_use", error.to_string()),
            StoreError::Invalid(invalid) => invalid.into(),
            StoreError::Faulty(faults) => faults.into(),
            StoreError::Conflict(detail) => Self::conflict("conflict", detail),
            StoreError::Full => {
                Self::unavailable("the disk of the database is full: free some space and try again")
            }
            StoreError::Busy | StoreError::Io(_) => {
                tracing::error!(%error, "the store failed");
                Self::unavailable("the database cannot be used at the moment")
            }
            StoreError::StaleEpoch { .. }
            | StoreError::NewerSchema { .. }
            | StoreError::Corrupt(_)
            | StoreError::Closed
            | StoreError::Sql(_) => Self::internal(&error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 section 11.6.1: a 401 says how to do better.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_serde_says_names_the_field() {
        for (text, field) in [
            ("missing field `name` at line 1 column 2", Some("name")),
            (
                "schedule.windows[0]: missing field `from` at line 1 column 2",
                Some("schedule.windows[0].from"),
            ),
            ("colour: unknown field `colour`, expected `name`", Some("colour")),
            ("steps[1]: unknown field `colour`, expected `prompt`", Some("steps[1].colour")),
            ("retry.rules.?: missing field `delay_s`", Some("retry.rules")),
            ("max_calls: invalid type: string \"a: b\", expected u32", Some("max_calls")),
            ("invalid type: string \"a: b\", expected struct LineSpec", None),
        ] {
            assert_eq!(Problem::misread(text).field.as_deref(), field, "{text}");
        }
    }
}
