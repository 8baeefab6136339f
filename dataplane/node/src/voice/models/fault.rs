//! What goes wrong with language models, and whether it is their server's failure.

use ::voice::http::HttpError;
use ::voice::model::ModelFault;
use ::voice::{Refusal, Verdict};

/// Why there is no answer.
#[derive(Debug)]
pub(in super::super) struct Fault {
    /// As it is counted.
    pub(in super::super) kind: &'static str,
    pub(in super::super) why: String,
    /// What it tells of the server.
    verdict: Verdict,
}

impl Fault {
    /// One that tells nothing of the server.
    pub(in super::super) fn ours(kind: &'static str, why: impl Into<String>) -> Self {
        Self::of_server(kind, why, Verdict::Nothing)
    }

    pub(super) fn of_server(kind: &'static str, why: impl Into<String>, verdict: Verdict) -> Self {
        Self { kind, why: why.into(), verdict }
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.verdict
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::ours("refused", format!("the model's server is not asked: {refusal}"))
    }
}

impl From<HttpError> for Fault {
    fn from(error: HttpError) -> Self {
        let (kind, verdict) = match error {
            HttpError::Request(_) => ("connect", Verdict::Nothing),
            HttpError::Unreachable(_) => ("connect", Verdict::Failed),
            HttpError::Broken(_) => ("broken", Verdict::Failed),
            HttpError::Slow => ("slow", Verdict::Late),
        };
        Self { kind, why: error.to_string(), verdict }
    }
}

impl From<ModelFault> for Fault {
    fn from(fault: ModelFault) -> Self {
        let (kind, verdict) = match fault {
            ModelFault::Rubbish(_) => ("rubbish", Verdict::Failed),
            // It began to answer and cannot go on.
            ModelFault::Refused(_) => ("refusal", Verdict::Failed),
            // The server works; the model does not know better.
            ModelFault::Tool(_) => ("tool", Verdict::Worked),
        };
        Self { kind, why: fault.to_string(), verdict }
    }
}
