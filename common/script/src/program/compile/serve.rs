//! Steps that need somebody else: a server, another telephone.

use std::time::Duration;

use super::{BODY_MAX, CONTACT, Compiler, URL_MAX, ms};
use crate::document;
use crate::program::{Http, Target, Transfer, Webhook, Whom};
use crate::template::Escape;

impl Compiler<'_> {
    pub(super) fn http(&mut self, http: &document::Http, next: Target) -> Option<Http> {
        self.faults.range("timeout_ms", http.timeout_ms as usize, 100..=30_000);
        self.faults.range("keep_s", http.keep_s as usize, 0..=86_400);
        self.faults.count("headers", http.headers.len(), 0..=20);
        self.faults.count("save", http.save.len(), 0..=20);
        if http.keep_s > 0 && http.method != document::Method::Get {
            self.faults.add("keep_s", "only answers to GET are kept");
        }
        let url = self.template("url", &http.url, URL_MAX)?;
        self.check_url("url", url.literal_start(), url.is_constant());
        let mut headers = Vec::new();
        for (name, value) in &http.headers {
            let field = format!("headers.{name}");
            self.header_name(field.clone(), name);
            headers.push((name.clone(), self.template(&field, value, URL_MAX)?));
        }
        let body = match &http.body {
            None => None,
            Some(body) => Some((self.template("body", body, BODY_MAX)?, body_escape(&http.headers))),
        };
        if let Some((template, None)) = &body
            && !template.is_constant()
        {
            self.faults.add(
                "body",
                "has variables, whose content cannot be escaped in this `content-type`: only JSON and \
                 `application/x-www-form-urlencoded` take variables",
            );
        }
        let body = body.map(|(template, escape)| (template, escape.unwrap_or(Escape::Nothing)));
        let mut save = Vec::new();
        for (name, pointer) in &http.save {
            let field = format!("save.{name}");
            if !pointer.is_empty() && !pointer.starts_with('/') {
                self.faults.add(field.clone(), "must be a JSON pointer (RFC 6901), such as `/customer/name`");
            }
            save.push((self.saved_in(&field, name)?, pointer.clone()));
        }
        Some(Http {
            url,
            method: http.method,
            headers: headers.into(),
            body,
            timeout: ms(http.timeout_ms),
            keep: Duration::from_secs(http.keep_s.into()),
            save: save.into(),
            failed: self.target_or("failed", http.failed.as_ref(), next),
        })
    }

    pub(super) fn webhook(&mut self, webhook: &document::Webhook) -> Webhook {
        self.faults.range("timeout_ms", webhook.timeout_ms as usize, 100..=10_000);
        self.faults.range("retries", webhook.retries as usize, 0..=3);
        self.faults.text("url", &webhook.url, URL_MAX);
        self.check_url("url", &webhook.url, true);
        Webhook {
            url: webhook.url.clone(),
            timeout: ms(webhook.timeout_ms),
            retries: webhook.retries,
            failed: self.target_or("failed", webhook.failed.as_ref(), None),
        }
    }

    /// `start` is what of the URL is known before the call: scheme and host must be.
    pub(super) fn check_url(&mut self, field: &str, start: &str, is_whole: bool) {
        let rest = start.strip_prefix("https://").or_else(|| start.strip_prefix("http://"));
        let Some(rest) = rest else {
            return self.faults.add(field, "must begin with `http://` or `https://`");
        };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.len() == rest.len() && !is_whole {
            self.faults.add(field, "must name the host itself: no variable before the first `/` after it");
        }
        if host.is_empty() || host.contains('@') || host.chars().any(|c| c.is_whitespace() || c.is_control())
        {
            self.faults
                .add(field, "must have a host, without user name and password (a header carries those)");
        }
    }

    pub(super) fn header_name(&mut self, field: String, name: &str) {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(is_token) {
            self.faults.add(field, "is no name of a header field (RFC 9110 section 5.1)");
        }
    }

    pub(super) fn transfer(&mut self, transfer: &document::Transfer, next: Target) -> Option<Transfer> {
        self.faults.range("timeout_ms", transfer.timeout_ms as usize, 1_000..=120_000);
        let to = self.template("to", &transfer.to, 200)?;
        let whom = Whom::new(to, |slot| self.variables[slot].starts_with(CONTACT));
        Some(Transfer {
            to: whom.map_err(|problem| self.faults.add("to", problem)).ok()?,
            mode: transfer.mode,
            timeout: ms(transfer.timeout_ms),
            failed: self.target_or("failed", transfer.failed.as_ref(), next),
        })
    }
}

/// How a variable is escaped in the body of a request with these header fields; `None` if nobody knows.
fn body_escape(headers: &document::Headers) -> Option<Escape> {
    let content_type = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let Some((_, content_type)) = content_type else { return Some(Escape::Json) };
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "application/x-www-form-urlencoded" => Some(Escape::Url),
        "application/json" | "text/json" => Some(Escape::Json),
        // RFC 6839 section 3.1.
        other if other.ends_with("+json") && !other.contains('{') => Some(Escape::Json),
        _ => None,
    }
}
