//! Cursor pages.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Problem;

/// Which part of a collection.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// Items, 1 to 1,000; 100 by default.
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: u32,
    /// `next` of the page before.
    after: Option<String>,
}

pub(crate) fn default_limit() -> u32 {
    100
}

/// A limit that can be used.
pub(crate) fn checked_limit(limit: u32) -> Result<u32, Problem> {
    if (1..=1_000).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::invalid("limit", format!("must be 1 to 1000, not {limit}")))
    }
}

impl PageQuery {
    pub(crate) fn limit(&self) -> Result<u32, Problem> {
        checked_limit(self.limit)
    }

    /// The cursor, read back.
    pub(crate) fn after<K: FromStr>(&self) -> Result<Option<K>, Problem> {
        let cursor = self.after.as_deref().map(str::parse).transpose();
        cursor.map_err(|_| Problem::invalid("after", "is not the 'next' of a page before"))
    }
}

/// A part of a collection.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// In order.
    items: Vec<T>,
    /// What to send as `after` for the next page; null at the end.
    next: Option<String>,
}

impl<T> Page<T> {
    pub(crate) fn of<U, K: ToString>(page: store::Page<U, K>, show: impl Fn(U) -> T) -> Self {
        Self {
            items: page.items.into_iter().map(show).collect(),
            next: page.next.map(|cursor| cursor.to_string()),
        }
    }
}

/// Query parameters, refused with their name.
pub(crate) struct Query<T>(pub T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned> axum::extract::FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        let axum::extract::Query(query) = query.map_err(|error| {
            let text = error.body_text();
            Problem::misread(text.split_once("query string: ").map_or(text.as_str(), |(_, text)| text))
        })?;
        Ok(Self(query))
    }
}

/// A path parameter, refused with what it should be.
pub(crate) struct Path<T>(pub T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned + Send> axum::extract::FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        let axum::extract::Path(value) = path.map_err(|e| Problem::not_found(e.body_text()))?;
        Ok(Self(value))
    }
}
