//! Servers: what they are asked, and what is made of their answers.

use std::sync::Arc;
use std::time::Instant;

use super::{Action, REPLY_GRACE, Reply, Request, Run, State, first_values};
use crate::StepIndex;
use crate::document::Method;
use crate::program::{BUILT_IN, Http, Op, Program, Webhook};
use crate::template::Escape;

impl Run {
    pub(super) fn begin_http(&mut self, now: Instant, http: &Http) {
        let header = |(name, value): &(String, crate::Template)| {
            (name.clone(), self.render_for(value, Escape::Header))
        };
        let body_escape = if http.is_json { Escape::Json } else { Escape::Nothing };
        let request = Request {
            url: self.render_for(&http.url, Escape::Url),
            method: http.method,
            headers: http.headers.iter().map(header).collect(),
            body: http.body.as_ref().map(|body| self.render_for(body, body_escape)),
            timeout: http.timeout,
            retries: 0,
            keep: http.keep,
            save: Some(http.save.iter().map(|(_, pointer)| pointer.clone()).collect()),
        };
        self.request(now, request);
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
        let deadline = now + request.timeout * (request.retries + 1) + REPLY_GRACE;
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
                self.change_program(steps);
                self.enter(now, Some(StepIndex(0)));
            }
            (_, Reply::Failed(why)) => self.fail_request(now, why),
            (_, Reply::Saved(_) | Reply::Steps(_)) => {
                self.fail_request(now, "a reply of another kind".to_owned());
            }
        }
    }

    pub(super) fn fail_request(&mut self, now: Instant, why: String) {
        let failed = match &self.node().op {
            Op::Http(http) => http.failed,
            Op::Webhook(webhook) => webhook.failed,
            _ => None,
        };
        self.set_built_in("error", why);
        self.enter(now, failed);
    }

    /// Goes on in another program. What a variable holds stays with its name.
    fn change_program(&mut self, program: Arc<Program>) {
        let old = (self.program.clone(), std::mem::take(&mut self.values));
        let value = |name: &str| old.0.variable(name).map(|slot| old.1[slot].clone());
        self.values = first_values(&program, |name| value(name).filter(|value| !value.is_empty()));
        debug_assert!(BUILT_IN.iter().all(|name| program.variable(name).is_some()));
        self.program = program;
    }
}
