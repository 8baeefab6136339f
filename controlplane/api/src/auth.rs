//! Who may call: whoever shows the key.

use axum::{
    extract::{Request, State},
    http::header::AUTHORIZATION,
    middleware::Next,
    response::Response,
};
use sha2::{Digest, Sha256};

use crate::{ApiState, Problem};

/// Lets a request with the right key pass.
pub(crate) async fn require_key(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let shown = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key);
    match shown {
        Some(shown) if same(shown.trim(), &state.api_key) => Ok(next.run(request).await),
        _ => Err(Problem::unauthorized()),
    }
}

/// Compares without telling by its duration how much was right: digests of both are compared, byte by byte to the end.
fn same(shown: &str, key: &str) -> bool {
    let (shown, key) = (Sha256::digest(shown), Sha256::digest(key));
    shown.iter().zip(key.iter()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_is_the_key() {
        assert!(same("secret", "secret"));
        for other in ["", "secre", "secret ", "Secret"] {
            assert!(!same(other, "secret"), "{other}");
        }
    }
}
