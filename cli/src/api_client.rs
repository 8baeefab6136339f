//! The control plane's REST API, as the command line uses it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

/// Where the control plane is, and who we are to it.
#[derive(Args, Clone)]
pub struct ApiArgs {
    /// Address of the control plane's API
    #[arg(
        long,
        global = true,
        env = "PEAL_API",
        default_value = "http://127.0.0.1:7300",
        value_name = "URL"
    )]
    api: String,
    /// API key; the one that `peal up` wrote into its data folder is found by itself in ./data
    #[arg(long, global = true, env = "PEAL_API_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: Option<String>,
}

/// A client of one control plane.
pub struct Api {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Api {
    /// A client as the arguments say. The key is looked for in `./data/api-key` when none is given.
    pub fn new(args: &ApiArgs) -> Result<Self> {
        let key = match &args.api_key {
            Some(key) => key.clone(),
            None => {
                std::fs::read_to_string("data/api-key").map(|key| key.trim().to_owned()).unwrap_or_default()
            }
        };
        Self::with_key(&args.api, key)
    }

    /// A client with a given key.
    pub fn with_key(base: &str, key: String) -> Result<Self> {
        let http = reqwest::Client::builder().connect_timeout(Duration::from_secs(5));
        // A proxy cannot reach our own loopback, and has no business with the key.
        let http = if is_loopback(base) { http.no_proxy() } else { http }.build()?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), key })
    }

    /// GET, decoded.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.decode(self.request(Method::GET, path)).await
    }

    /// POST of JSON, decoded.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.decode(self.request(Method::POST, path).json(body)).await
    }

    /// POST without a body, decoded.
    pub async fn act(&self, path: &str) -> Result<Value> {
        self.decode(self.request(Method::POST, path)).await
    }

    /// PUT of JSON, decoded.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.decode(self.request(Method::PUT, path).json(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Result<Value> {
        self.decode(self.request(Method::DELETE, path)).await
    }

    /// POST of a body that need not be JSON, decoded.
    pub async fn upload(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> Result<Value> {
        self.decode(self.request(Method::POST, path).header("content-type", content_type).body(body)).await
    }

    /// POST of text, with the answer still to be read.
    pub async fn stream(&self, path: &str, body: String) -> Result<Response> {
        self.send(self.request(Method::POST, path).header("content-type", "text/plain").body(body)).await
    }

    /// GET, with the answer still to be read.
    pub async fn open(&self, path: &str) -> Result<Response> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Every item of a paged collection.
    pub async fn all(&self, path: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut after = None;
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = match &after {
                None => format!("{path}{joint}limit=1000"),
                Some(cursor) => format!("{path}{joint}limit=1000&after={cursor}"),
            };
            let mut answer = self.get(&page).await?;
            if let Value::Array(page) = answer["items"].take() {
                items.extend(page);
            }
            match answer["next"].take() {
                Value::String(cursor) => after = Some(cursor),
                _ => return Ok(items),
            }
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/v1{path}", self.base)).bearer_auth(&self.key)
    }

    async fn decode(&self, request: RequestBuilder) -> Result<Value> {
        let response = self.send(request).await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        response.json().await.context("the control plane's answer is not JSON")
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.with_context(|| {
            format!("cannot reach the control plane at {}: is `peal up` running? (--api or PEAL_API sets the address)", self.base)
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        bail!("{}", refusal(status, &text))
    }
}

fn is_loopback(base: &str) -> bool {
    let host = reqwest::Url::parse(base).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// A problem document (RFC 9457): one line, and one more for each of several errors.
fn refusal(status: StatusCode, text: &str) -> String {
    let problem: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let title = problem["title"]
        .as_str()
        .map_or_else(|| format!("the control plane answered {status}"), str::to_owned);
    let mut line = title;
    match problem["errors"].as_array() {
        Some(errors) => {
            for error in errors {
                let part = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
                line.push_str(&format!("\n  {}: {}", part("field"), part("detail")));
            }
        }
        None => {
            for part in [problem["field"].as_str(), problem["detail"].as_str()].into_iter().flatten() {
                line.push_str(": ");
                line.push_str(part);
            }
        }
    }
    if status == StatusCode::UNAUTHORIZED {
        line.push_str(" (set PEAL_API_KEY or --api-key)");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_machine_is_known() {
        for own in ["http://127.0.0.1:7300", "http://localhost", "http://[::1]:1"] {
            assert!(is_loopback(own), "{own}");
        }
        assert!(!is_loopback("http://10.0.0.1:7300") && !is_loopback("nonsense"));
    }

    #[test]
    fn a_refusal_names_field_and_reason() {
        let text = r#"{"title":"Invalid request","field":"max_calls","detail":"must be 1 to 100000, not 0","status":422}"#;
        assert_eq!(
            refusal(StatusCode::UNPROCESSABLE_ENTITY, text),
            "Invalid request: max_calls: must be 1 to 100000, not 0"
        );
        assert!(refusal(StatusCode::UNAUTHORIZED, "").contains("PEAL_API_KEY"));
    }
}
