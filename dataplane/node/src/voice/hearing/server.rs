//! Where a recogniser is, how it is spoken to, and what it is told of a question.

use ::voice::protocol::{deepgram::Deepgram, openai, vosk::Vosk};
use ::voice::session::Target;
use ::voice::{AudioFormat, CallFacts, Protocol};
use script::{Ask, Program};

use crate::voice::config::{RecogniserConfig, RecogniserProtocol};
use crate::voice::hub::CallKey;

/// What a recogniser is told at the beginning of a session.
pub(super) fn facts(call: CallKey, ask: &Ask, program: &Program) -> CallFacts {
    CallFacts {
        attempt: call.0.to_string(),
        language: ask.language.clone(),
        phrases: program.expected_phrases(ask.step).to_vec(),
        likely: program.likely_phrases(ask.step),
        parameters: Vec::new(),
    }
}

pub(in crate::voice) fn target(config: &RecogniserConfig, facts: &CallFacts, ask: &Ask) -> Target {
    let format = config.audio();
    let end_silence_ms = u32::try_from(ask.end_silence.as_millis()).unwrap_or(u32::MAX);
    let url = match config.protocol {
        RecogniserProtocol::Deepgram => Deepgram::new(format).address(&config.url, facts, end_silence_ms),
        RecogniserProtocol::Vosk | RecogniserProtocol::Openai => config.url.clone(),
    };
    let mut headers = Vec::new();
    if !config.authorization.0.is_empty() {
        headers.push(("authorization".to_owned(), config.authorization.0.clone()));
    }
    let (protocol, model) = (config.protocol, config.model().to_owned());
    let protocol = move || machine(protocol, format, &model);
    Target { url, headers, protocol: Box::new(protocol) }
}

fn machine(protocol: RecogniserProtocol, format: AudioFormat, model: &str) -> Box<dyn Protocol> {
    match protocol {
        RecogniserProtocol::Vosk => Box::new(Vosk::new(format)),
        RecogniserProtocol::Deepgram => Box::new(Deepgram::new(format)),
        RecogniserProtocol::Openai => {
            let purpose = openai::Purpose::Transcription { model: model.to_owned() };
            Box::new(openai::OpenAi::new(purpose))
        }
    }
}
