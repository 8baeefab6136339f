//! Servers: what they are asked, and what is made of their answers.

use std::sync::Arc;
use std::time::Instant;

use super::{
    Action, KEPT_MAX, REPLY_GRACE, RETRY_PAUSE, Reply, Request, Run, State, first_values, of_contact,
};
use crate::StepIndex;
use crate::document::Method;
use crate::program::{BUILT_IN, Http, Op, Program, Webhook};
use crate::template::Escape;

/// Whether the path of a URL has a segment `.` or `..` (RFC 3986 section 5.2.4).
pub fn leads_elsewhere(url: &str) -> bool {
    let mut segments = url.split(['?', '#']).next().unwrap_or_default().split('/');
    segments.any(|segment| matches!(segment, "." | ".."))
}

impl Run {
    pub(super) fn begin_http(&mut self, now: Instant, http: &Http) {
        let header = |(name, value): &(String, crate::Template)| {
            (name.clone(), self.render_for(value, Escape::Header))
        };
        let Some(url) = self.url(&http.url) else {
            return self.fail_in_time(now, "a variable makes another path of the URL");
        };
        let request = Request {
            url,
            method: http.method,
            headers: http.headers.iter().map(header).collect(),
            body: http.body.as_ref().map(|(body, escape)| self.render_for(body, *escape)),
            timeout: http.timeout,
            retries: 0,
            keep: http.keep,
            save: Some(http.save.iter().map(|(_, pointer)| pointer.clone()).collect()),
        };
        self.request(now, request);
    }

    /// `None` if a variable makes the path lead elsewhere.
    pub(super) fn url(&self, template: &crate::Template) -> Option<String> {
        let url = self.render_for(template, Escape::Url);
        (template.is_constant() || !leads_elsewhere(&url)).then_some(url)
    }

    pub(super) fn begin_webhook(&mut self, now: Instant, webhook: &Webhook) {
        let names = self.program.variables.iter().map(String::as_str);
        let values = names.zip(&self.values).filter(|(_, value)| !value.is_empty());
        let event = serde_json::json!({
            "script": self.program.name,
            "step": self.node().name,
            "number": self.steps_done,
            "variables": values.map(|(name, value)| (name.to_owned(), value.as_str().into())).collect::<serde_json::Map<String, _>>(),
        });
        let request = Request {
            url: webhook.url.clone(),
            method: Method::Post,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: Some(event.to_string()),
            timeout: webhook.timeout,
            retries: webhook.retries,
            keep: std::time::Duration::ZERO,
            save: None,
        };
        self.request(now, request);
    }

    fn request(&mut self, now: Instant, request: Request) {
        // 200, 400, 800 ms: one less than twice the last.
        let pauses = RETRY_PAUSE * ((1 << request.retries) - 1);
        let deadline = now + request.timeout * (request.retries + 1) + pauses + REPLY_GRACE;
        self.actions.push_back(Action::Request(Box::new(request)));
        self.state = State::AwaitingReply { deadline };
    }

    pub(super) fn on_reply(&mut self, now: Instant, reply: Reply) {
        if !matches!(self.state, State::AwaitingReply { .. }) {
            return;
        }
        let program = self.program.clone();
        match (&program.steps[usize::from(self.step.0)].op, reply) {
            (Op::Http(http), Reply::Saved(values)) => {
                for ((slot, _), value) in http.save.iter().zip(values) {
                    if let Some(value) = value {
                        self.values[*slot] = value;
                    }
                }
                self.enter_next(now);
            }
            (Op::Webhook(_), Reply::Steps(steps)) => {
                if let Some(prompt) = steps.prompts().difference(&self.first.prompts()).next() {
                    return self
                        .fail(now, format!("the answer plays prompt {prompt}, which the script does not"));
                }
                self.change_program(steps);
                self.enter(now, Some(StepIndex(0)));
            }
            (_, Reply::Failed(why)) => self.fail(now, why),
            (_, Reply::Saved(_) | Reply::Steps(_)) => {
                self.fail(now, "a reply of another kind".to_owned());
            }
        }
    }

    /// Goes on in another program. What a variable holds stays with its name, also where a program between does not name it.
    fn change_program(&mut self, program: Arc<Program>) {
        let values = std::mem::take(&mut self.values);
        for (name, value) in self.program.variables.iter().zip(values) {
            if self.kept.len() < KEPT_MAX || self.kept.contains_key(name) {
                self.kept.insert(name.clone(), value);
            }
        }
        self.values = first_values(&program, |name| {
            let kept = self.kept.get(name).filter(|value| !value.is_empty()).cloned();
            kept.or_else(|| of_contact(&self.contact, name))
        });
        debug_assert!(BUILT_IN.iter().all(|name| program.variable(name).is_some()));
        self.program = program;
    }
}
