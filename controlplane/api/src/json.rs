//! JSON bodies, refused with the path of what is wrong.

use axum::extract::{FromRequest, Request, rejection::JsonRejection};
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
            let text = error.body_text();
            Problem::misread(text.split_once("target type: ").map_or(text.as_str(), |(_, text)| text))
        }
        JsonRejection::BytesRejection(error) => Problem::body(error, "1 MiB"),
        JsonRejection::MissingJsonContentType(_) => {
            Problem::unsupported("send JSON, with 'Content-Type: application/json'")
        }
        other => Problem::bad_body(other.body_text()),
    }
}
