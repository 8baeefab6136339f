//! JSON bodies, refused with the path of what is wrong.

use axum::{
    extract::{FromRequest, Request, rejection::JsonRejection},
    http::StatusCode,
};
use serde::de::DeserializeOwned;

use crate::Problem;

/// A JSON body.
pub(crate) struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(problem(&rejection)),
        }
    }
}

fn problem(rejection: &JsonRejection) -> Problem {
    match rejection {
        JsonRejection::JsonDataError(error) => {
            // "…target type: schedule.windows[0].from: invalid …": the path comes first where there is one.
            let text = error.body_text();
            let text = text.split_once("target type: ").map_or(text.as_str(), |(_, text)| text);
            match text.split_once(": ") {
                Some((path, what)) if !path.contains(' ') => Problem::invalid(path, what),
                _ => Problem::invalid("", text),
            }
        }
        JsonRejection::BytesRejection(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::too_large("a JSON body may have 1 MiB")
        }
        JsonRejection::MissingJsonContentType(_) => {
            Problem::bad_body("send JSON, with 'Content-Type: application/json'")
        }
        other => Problem::bad_body(other.body_text()),
    }
}
