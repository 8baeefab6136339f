//! The `[node.voice]` table: recognisers, voices, and which servers scripts may ask.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use voice::AudioFormat;
use voice::fetch::Network;

use crate::config::{InvalidConfig, Secret};

/// How calls hear, speak and ask. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VoiceConfig {
    /// Folder of spoken sentences, kept by what they say. Default the folder `voice` in `node.data`. It may be deleted at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<PathBuf>,
    /// Bytes that the files in the folder may have. Default 1 GiB. When they have more, what was not used for longest goes, an eighth of them
    /// at a time; a few sentences may be written meanwhile.
    pub cache_bytes_max: u64,
    /// The recogniser of scripts that name none. Default: the only one there is; empty if there are several.
    pub default_recogniser: String,
    /// The voice of scripts that name none of [`VoiceConfig::voices`]. Default `espeak`.
    pub default_voice: String,
    /// Networks within our own that scripts may reach, such as `10.1.0.0/16`, beside the public internet. Default none.
    pub networks: Vec<String>,
    /// Signs what `webhook` steps post (Standard Webhooks 1.0.0). Default none: nothing is signed.
    pub webhook_secret: Secret,
    /// Recognisers by the names that scripts give them.
    pub recognisers: BTreeMap<String, RecogniserConfig>,
    /// Voice bots by the names that scripts give them; the only one there is serves scripts that name none.
    pub bots: BTreeMap<String, BotConfig>,
    /// Language models by the names that scripts give them; the only one there is serves scripts that name none.
    pub models: BTreeMap<String, ModelConfig>,
    /// Voices by the names that scripts may give them. Default `espeak`, which runs `espeak-ng`.
    pub voices: BTreeMap<String, VoiceSource>,
}

/// A recogniser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecogniserConfig {
    /// How it is spoken to.
    pub protocol: RecogniserProtocol,
    /// `ws://` or `wss://`.
    pub url: String,
    /// Most sessions at once; calls beyond take the script's way without a recogniser. Default 1,000.
    #[serde(default = "thousand")]
    pub sessions_max: usize,
    /// The model, for `openai`. Default `gpt-4o-transcribe`. Those of `deepgram` are named in `url`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// Sent as `Authorization`, such as `Token …` or `Bearer …`. Default none.
    #[serde(default)]
    pub authorization: Secret,
    /// What audio it gets: `linear16` (16 kHz), `linear8` (8 kHz) or `mulaw`. Default `linear16` for `vosk`, which takes no `mulaw`, and `mulaw` for others;
    /// `openai` takes nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<Audio>,
}

/// A voice bot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "protocol", rename_all = "snake_case", deny_unknown_fields)]
pub enum BotConfig {
    /// Twilio Media Streams, both directions.
    Twilio {
        /// `ws://` or `wss://`.
        url: String,
        /// Most calls at once; others take the script's way without it. Default 1,000.
        #[serde(default = "thousand")]
        sessions_max: usize,
        /// Sent as `Authorization`, such as `Bearer …`. Default none.
        #[serde(default)]
        authorization: Secret,
        /// Other header fields of the handshake. Default none.
        #[serde(default)]
        headers: BTreeMap<String, Secret>,
    },
    /// OpenAI Realtime, speech to speech.
    OpenaiSpeech {
        /// With the model, such as `wss://api.openai.com/v1/realtime?model=gpt-realtime`.
        url: String,
        /// As that of `twilio`.
        #[serde(default = "thousand")]
        sessions_max: usize,
        /// As that of `twilio`.
        #[serde(default)]
        authorization: Secret,
        /// As those of `twilio`.
        #[serde(default)]
        headers: BTreeMap<String, Secret>,
        /// How it speaks, what it knows and wants, unless the script's step says. Default nothing.
        #[serde(default)]
        instructions: String,
        /// Who speaks, unless the script's step says. Default `marin`.
        #[serde(default = "marin")]
        voice: String,
        /// The model that writes down what callees say, for the record and for those who want no more calls; empty for none. Default
        /// `gpt-4o-mini-transcribe`.
        #[serde(default = "small_transcriber")]
        transcription: String,
        /// Silence that ends what the callee says, milliseconds, 200 to 5,000. Default 500.
        #[serde(default = "half_a_second")]
        end_silence_ms: u32,
        /// Whether it speaks without having been spoken to. Default true.
        #[serde(default = "yes")]
        speaks_first: bool,
    },
}

/// A language model behind OpenAI's chat completions, which many servers speak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Up to the version, such as `https://api.openai.com/v1`.
    pub url: String,
    /// Its name there.
    pub model: String,
    /// Sent as `Authorization: Bearer`. Default none.
    #[serde(default)]
    pub key: Secret,
    /// Most requests at once; a conversation has one while the model answers. Calls beyond take the script's way without it. Default 200.
    #[serde(default = "two_hundred")]
    pub requests_max: usize,
    /// Columns of contacts that it must not see, such as `["mobile"]`: in what scripts tell it of them, all but the last two characters are `*`.
    /// Default none.
    #[serde(default)]
    pub hides: Vec<String>,
}

/// Protocols of recognisers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecogniserProtocol {
    /// That of vosk-server.
    Vosk,
    /// Deepgram's live API.
    Deepgram,
    /// OpenAI's Realtime API, transcription.
    Openai,
}

/// Audio as a recogniser gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audio {
    /// G.711 μ-law, 8 kHz.
    Mulaw,
    /// 16 bits, 8 kHz.
    Linear8,
    /// 16 bits, 16 kHz.
    Linear16,
}

/// Where speech comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum VoiceSource {
    /// The program `espeak-ng` on this machine.
    Espeak {
        /// Path or name of the program. Default `espeak-ng`.
        #[serde(default = "espeak")]
        program: String,
        /// Words a minute, 80 to 450. Default 160.
        #[serde(default = "pace")]
        words_a_minute: u32,
        /// Most processes that speak at once; as many wait for a sentence of each shard's calls, some 2 MiB each. Default 4.
        #[serde(default = "four")]
        processes_max: usize,
    },
    /// A server with OpenAI's `/v1/audio/speech`.
    Openai {
        /// Up to the version, such as `https://api.openai.com/v1`.
        url: String,
        /// Sent as `Authorization: Bearer`. Default none.
        #[serde(default)]
        key: Secret,
        /// Such as `gpt-4o-mini-tts`.
        model: String,
        /// Who speaks where the script does not say.
        voice: String,
        /// How to speak, for models that can be told. Default nothing.
        #[serde(default)]
        instructions: String,
        /// Most sentences that are asked for at once. Default 200.
        #[serde(default = "two_hundred")]
        requests_max: usize,
    },
    /// A server that is posted `{"text", "language", "voice"}` and answers with WAV, L16 or μ-law audio.
    Http {
        /// Where is posted.
        url: String,
        /// Sent as `Authorization`. Default none.
        #[serde(default)]
        authorization: Secret,
        /// To be changed when the server begins to sound different: what was kept is then made anew. Default `1`.
        #[serde(default = "one")]
        version: String,
        /// As that of `openai`.
        #[serde(default = "two_hundred")]
        requests_max: usize,
    },
}

impl Default for VoiceConfig {
    fn default() -> Self {
        let espeak = VoiceSource::Espeak { program: espeak(), words_a_minute: pace(), processes_max: four() };
        Self {
            cache: None,
            cache_bytes_max: 1 << 30,
            default_recogniser: String::new(),
            default_voice: "espeak".to_owned(),
            networks: Vec::new(),
            webhook_secret: Secret::default(),
            recognisers: BTreeMap::new(),
            bots: BTreeMap::new(),
            models: BTreeMap::new(),
            voices: BTreeMap::from([("espeak".to_owned(), espeak)]),
        }
    }
}

impl VoiceConfig {
    /// Checks what can be checked without asking anybody.
    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        let refuse = |field, what: String| Err(InvalidConfig { field, what });
        for (name, recogniser) in &self.recognisers {
            if !recogniser.url.starts_with("ws://") && !recogniser.url.starts_with("wss://") {
                return refuse("voice.recognisers", format!("{name}: url must begin with ws:// or wss://"));
            }
            if !(1..=100_000).contains(&recogniser.sessions_max) {
                return refuse("voice.recognisers", format!("{name}: sessions_max must be 1 to 100000"));
            }
            if let Some(what) = recogniser.useless() {
                return refuse("voice.recognisers", format!("{name}: {what}"));
            }
        }
        for (name, bot) in &self.bots {
            let url = bot.url();
            if !url.starts_with("ws://") && !url.starts_with("wss://") {
                return refuse("voice.bots", format!("{name}: url must begin with ws:// or wss://"));
            }
            if !(1..=100_000).contains(&bot.sessions_max()) {
                return refuse("voice.bots", format!("{name}: sessions_max must be 1 to 100000"));
            }
            if let BotConfig::OpenaiSpeech { end_silence_ms, .. } = bot
                && !(200..=5_000).contains(end_silence_ms)
            {
                return refuse("voice.bots", format!("{name}: end_silence_ms must be 200 to 5000"));
            }
        }
        for (name, model) in &self.models {
            if !model.url.starts_with("http://") && !model.url.starts_with("https://") {
                return refuse("voice.models", format!("{name}: url must begin with http:// or https://"));
            }
            if !(1..=100_000).contains(&model.requests_max) {
                return refuse("voice.models", format!("{name}: requests_max must be 1 to 100000"));
            }
        }
        if !self.default_recogniser.is_empty() && !self.recognisers.contains_key(&self.default_recogniser) {
            return refuse(
                "voice.default_recogniser",
                format!("there is no recogniser `{}`", self.default_recogniser),
            );
        }
        if !self.voices.contains_key(&self.default_voice) {
            return refuse("voice.default_voice", format!("there is no voice `{}`", self.default_voice));
        }
        for (name, source) in &self.voices {
            source
                .check()
                .map_err(|what| InvalidConfig { field: "voice.voices", what: format!("{name}: {what}") })?;
        }
        self.own_networks().map(drop)
    }

    pub(crate) fn own_networks(&self) -> Result<Vec<Network>, InvalidConfig> {
        let network =
            |text: &String| text.parse().map_err(|what| InvalidConfig { field: "voice.networks", what });
        self.networks.iter().map(network).collect()
    }

    /// Calls at once that recognisers and bots hear.
    pub(crate) fn sessions_max(&self) -> u64 {
        let recognisers = self.recognisers.values().map(|recogniser| recogniser.sessions_max);
        let bots = self.bots.values().map(BotConfig::sessions_max);
        recognisers.chain(bots).map(|sessions| sessions as u64).sum()
    }

    /// Connections at once to models and to voices, and to the processes of voices that are programs, of a node with so many shards.
    pub(crate) fn descriptors_max(&self, shards: u64) -> u64 {
        let models = self.models.values().map(|model| model.requests_max as u64);
        let voices = self.voices.values().map(|voice| voice.descriptors_max(shards));
        models.chain(voices).sum()
    }

    /// The recogniser of scripts that name none.
    pub(crate) fn default_recogniser(&self) -> Option<&str> {
        match self.default_recogniser.as_str() {
            "" if self.recognisers.len() == 1 => self.recognisers.keys().next().map(String::as_str),
            "" => None,
            name => Some(name),
        }
    }
}

impl VoiceSource {
    fn descriptors_max(&self, shards: u64) -> u64 {
        match self {
            // Three pipes and the process itself, of each that speaks, and of each that waits for a shard's calls.
            Self::Espeak { processes_max, .. } => 4 * (1 + shards) * *processes_max as u64,
            Self::Openai { requests_max, .. } | Self::Http { requests_max, .. } => *requests_max as u64,
        }
    }

    fn check(&self) -> Result<(), &'static str> {
        let is_good = match self {
            Self::Espeak { words_a_minute, processes_max, .. } => {
                (80..=450).contains(words_a_minute) && (1..=1_000).contains(processes_max)
            }
            Self::Openai { requests_max, .. } | Self::Http { requests_max, .. } => {
                (1..=100_000).contains(requests_max)
            }
        };
        match self {
            _ if is_good => Ok(()),
            Self::Espeak { .. } => Err("words_a_minute must be 80 to 450, processes_max 1 to 1000"),
            Self::Openai { .. } | Self::Http { .. } => Err("requests_max must be 1 to 100000"),
        }
    }
}

impl RecogniserConfig {
    /// What is configured and would change nothing.
    fn useless(&self) -> Option<&'static str> {
        match (self.protocol, self.audio) {
            (RecogniserProtocol::Vosk, Some(Audio::Mulaw)) => Some("audio: vosk takes linear16 and linear8"),
            (RecogniserProtocol::Openai, Some(Audio::Linear8 | Audio::Linear16)) => {
                Some("audio: openai takes mulaw")
            }
            (RecogniserProtocol::Vosk, _) if !self.model.is_empty() => {
                Some("model: a vosk server has one model, which nobody chooses")
            }
            (RecogniserProtocol::Deepgram, _) if !self.model.is_empty() => {
                Some("model: deepgram takes it in `url`, as …/listen?model=nova-3")
            }
            _ => None,
        }
    }

    /// The model, where the protocol names one.
    pub(crate) fn model(&self) -> &str {
        if self.model.is_empty() { "gpt-4o-transcribe" } else { &self.model }
    }

    pub(crate) fn audio(&self) -> AudioFormat {
        match (self.audio, self.protocol) {
            (Some(Audio::Mulaw), _) => AudioFormat::Mulaw,
            (Some(Audio::Linear8), _) => AudioFormat::Linear8,
            (Some(Audio::Linear16), _) | (None, RecogniserProtocol::Vosk) => AudioFormat::Linear16,
            (None, _) => AudioFormat::Mulaw,
        }
    }
}

impl BotConfig {
    pub(crate) fn url(&self) -> &str {
        let (Self::Twilio { url, .. } | Self::OpenaiSpeech { url, .. }) = self;
        url
    }

    pub(crate) fn sessions_max(&self) -> usize {
        let (Self::Twilio { sessions_max, .. } | Self::OpenaiSpeech { sessions_max, .. }) = self;
        *sessions_max
    }

    /// Header fields of the handshake.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let (Self::Twilio { authorization, headers, .. } | Self::OpenaiSpeech { authorization, headers, .. }) =
            self;
        let key =
            Some(("authorization".to_owned(), authorization.0.clone())).filter(|(_, key)| !key.is_empty());
        let others = headers.iter().map(|(name, value)| (name.clone(), value.0.clone()));
        key.into_iter().chain(others).collect()
    }
}

fn marin() -> String {
    "marin".to_owned()
}
fn small_transcriber() -> String {
    "gpt-4o-mini-transcribe".to_owned()
}
fn half_a_second() -> u32 {
    500
}
fn yes() -> bool {
    true
}
fn one() -> String {
    "1".to_owned()
}
fn espeak() -> String {
    "espeak-ng".to_owned()
}
fn pace() -> u32 {
    160
}
fn four() -> usize {
    4
}
fn two_hundred() -> usize {
    200
}
fn thousand() -> usize {
    1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_a_request_at_least() {
        for (table, field) in [
            (r#"models.m = { url = "http://h/v1", model = "m" }"#, "voice.models"),
            (r#"voices.espeak = { kind = "http", url = "http://h/" }"#, "voice.voices"),
            (
                r#"voices.espeak = { kind = "openai", url = "http://h/", model = "m", voice = "v" }"#,
                "voice.voices",
            ),
        ] {
            let read = |table: &str| toml::from_str::<VoiceConfig>(table).expect("a configuration");
            assert!(read(table).check().is_ok(), "{table}");
            for (requests_max, is_good) in [(0, false), (1, true), (100_000, true), (100_001, false)] {
                let checked =
                    read(&table.replace(" }", &format!(", requests_max = {requests_max} }}"))).check();
                assert_eq!(checked.map_err(|error| error.field).err(), Some(field).filter(|_| !is_good));
            }
        }
    }
}
