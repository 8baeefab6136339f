//! Language models, voices and recognisers that are down, or have as many requests as they may, from whatever shard: calls do not wait for them,
//! and take the script's way without. What happens in which order is held by servers that wait for what the calls tell them.

mod dialling;
mod talking;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use peal_node::voice::config::{ModelConfig, VoiceConfig, VoiceSource};
use serde_json::{Value, json};
use talking::{recogniser, reply, server, talk, talks, web_server, web_voice};
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use tokio_tungstenite::tungstenite::Message;

/// Failures after which a server is left alone.
const FAILURES: usize = 5;

/// Somebody who says something for a second, soon after the answer.
const SPEAKS: &str = "  acts:\n  - {do: say, wav: sound.wav, text: hm, after: {wait_ms: 300}}\n";

/// Something that calls tell by an `http` step, and servers wait for.
#[derive(Clone)]
struct Told(Arc<Semaphore>);

impl Told {
    fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// The step that tells it.
    fn step(&self) -> Value {
        let told = self.clone();
        let address = web_server(move |_, _, mut stream| {
            told.0.add_permits(1);
            async move {
                let _ = stream.write_all(&reply("200 OK", "application/json", b"{}")).await;
            }
        });
        json!({ "do": "http", "url": format!("http://{address}/"), "method": "POST", "body": "{}" })
    }

    /// Until so many calls have.
    async fn by(&self, calls: usize) {
        let _ = self.0.acquire_many(calls as u32).await.expect("it stays open");
    }
}

fn step(base: &Value, more: Value) -> Value {
    let mut step = base.clone();
    let (step_fields, more) = (step.as_object_mut().expect("a step"), more.as_object().expect("fields"));
    step_fields.extend(more.clone());
    step
}

/// A recogniser of many callees at once, each of whom says one thing. The one with this number is answered when so many calls have told of it.
fn hears(waits: usize, calls: usize, told: Told) -> SocketAddr {
    server(move |number, mut socket| {
        let told = told.clone();
        async move {
            tokio::spawn(async move {
                while let Some(Ok(message)) = socket.next().await {
                    if message.to_text().is_ok_and(|text| text.contains("eof")) {
                        if number == waits {
                            told.by(calls).await;
                        }
                        let _ = socket.send(Message::text(r#"{"text":"hello"}"#)).await;
                        let _ = socket.close(None).await;
                    }
                }
            });
        }
    })
}

/// With a model called `m` that may have so many requests.
fn with_model(voice: VoiceConfig, address: SocketAddr, requests_max: usize) -> VoiceConfig {
    let model = ModelConfig {
        url: format!("http://{address}/v1"),
        model: "small".to_owned(),
        key: Default::default(),
        requests_max,
        hides: Vec::new(),
    };
    let networks = vec!["127.0.0.0/8".to_owned()];
    VoiceConfig { models: BTreeMap::from([("m".to_owned(), model)]), networks, ..voice }
}

fn with_voice(address: SocketAddr, most: usize) -> VoiceConfig {
    let mut source = web_voice(address);
    let VoiceSource::Http { requests_max, .. } = &mut source else { unreachable!("it is one over HTTP") };
    *requests_max = most;
    let networks = vec!["127.0.0.0/8".to_owned()];
    let voices = BTreeMap::from([("v".to_owned(), source)]);
    VoiceConfig { voices, default_voice: "v".to_owned(), networks, ..VoiceConfig::default() }
}

/// A conversation, and what tells of its failure.
fn converses(failed: &Value) -> Value {
    json!([
        { "do": "converse", "prompt": "You sell boxes.", "end_silence_ms": 400, "tools": { "hang_up": "bye" }, "failed": "gone" },
        { "do": "hang_up", "id": "bye", "disposition": "over" },
        step(failed, json!({ "id": "gone" })),
        { "do": "hang_up", "disposition": "failed" },
    ])
}

fn audio() -> Vec<u8> {
    reply("200 OK", "audio/L16; rate=8000", &[0x10; 1_600])
}

#[test]
fn a_model_that_is_down_is_asked_by_nobody() {
    let failed = Told::new();
    let asked = Arc::new(Mutex::new(0));
    let count = asked.clone();
    let model = web_server(move |_, _, mut stream| {
        *count.lock().expect("nobody panics") += 1;
        async move {
            let _ = stream.write_all(&reply("503 Service Unavailable", "text/plain", b"")).await;
        }
    });
    // The last of six callees is understood when the model has failed the others.
    let voice = with_model(recogniser(hears(FAILURES, FAILURES, failed.clone())), model, 10);
    let (dialogues, faults) = talks(FAILURES + 1, converses(&failed.step()), voice, SPEAKS);
    assert!(dialogues.iter().all(|dialogue| dialogue.disposition == "failed"));
    assert_eq!(dialogues.iter().map(|dialogue| dialogue.server_errors).sum::<u32>(), 6);
    assert_eq!(faults, [("m: refused".to_owned(), 1), ("m: status".to_owned(), 5)].into());
    assert_eq!(*asked.lock().expect("nobody panics"), FAILURES);
}

#[test]
fn a_model_that_says_that_it_will_answer_and_does_not_is_down() {
    let failed = Told::new();
    let model = web_server(move |_, _, mut stream| async move {
        let begins = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let _ = stream.write_all(begins).await;
        // For as long as we keep the connection.
        while stream.write_all(b": still there\n\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let voice = with_model(recogniser(hears(FAILURES, FAILURES, failed.clone())), model, 10);
    let mut steps = converses(&failed.step());
    steps[0]["answer_ms_max"] = 1_600.into();
    let (dialogues, faults) = talks(FAILURES + 1, steps, voice, SPEAKS);
    assert!(dialogues.iter().all(|dialogue| dialogue.disposition == "failed"));
    assert_eq!(faults, [("m: refused".to_owned(), 1), ("m: slow".to_owned(), 5)].into());
}

#[test]
fn a_model_that_has_all_it_may_leaves_the_next_call_to_the_script() {
    let failed = Told::new();
    let other = failed.clone();
    let model = web_server(move |_, _, mut stream| {
        let other = other.clone();
        async move {
            // The first is answered once the second has failed.
            other.by(1).await;
            let call = json!({ "index": 0, "id": "c", "type": "function", "function": { "name": "hang_up", "arguments": "{}" } });
            let message = json!({ "choices": [{ "message": { "tool_calls": [call] } }] }).to_string();
            let _ = stream.write_all(&reply("200 OK", "application/json", message.as_bytes())).await;
        }
    });
    let nobody = usize::MAX;
    let voice = with_model(recogniser(hears(nobody, 0, Told::new())), model, 1);
    let (dialogues, faults) = talks(2, converses(&failed.step()), voice, SPEAKS);
    let mut dispositions: Vec<_> = dialogues.into_iter().map(|dialogue| dialogue.disposition).collect();
    dispositions.sort();
    assert_eq!(dispositions, ["failed", "over"]);
    assert_eq!(faults, [("m: refused".to_owned(), 1)].into());
}

#[test]
fn a_recogniser_that_has_all_it_may_leaves_the_next_call_to_the_script() {
    let failed = Told::new();
    // The first is answered once the second has failed.
    let mut voice = recogniser(hears(0, 1, failed.clone()));
    voice.recognisers.get_mut("r").expect("it is there").sessions_max = 1;
    let steps = json!([
        { "do": "listen", "save": "answer", "end_silence_ms": 400, "gone": "gone" },
        { "do": "hang_up", "disposition": "heard" },
        step(&failed.step(), json!({ "id": "gone" })),
        { "do": "hang_up", "disposition": "failed" },
    ]);
    let (dialogues, faults) =
        talks(2, steps, VoiceConfig { networks: vec!["127.0.0.0/8".to_owned()], ..voice }, SPEAKS);
    let mut dispositions: Vec<_> = dialogues.into_iter().map(|dialogue| dialogue.disposition).collect();
    dispositions.sort();
    assert_eq!(dispositions, ["failed", "heard"]);
    assert_eq!(faults, [("r: refused".to_owned(), 1)].into());
}

#[test]
fn a_voice_that_is_down_is_left_alone_and_tried_again() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let texts = asked.clone();
    let address = web_server(move |number, body, mut stream| {
        texts.lock().expect("nobody panics").push(body["text"].as_str().unwrap_or_default().to_owned());
        let answer = if number < FAILURES { reply("500 Oh", "text/plain", b"") } else { audio() };
        async move {
            let _ = stream.write_all(&answer).await;
        }
    });
    // Sentences that begin with a variable are spoken in the call.
    let mut steps: Vec<_> =
        (0..=FAILURES).map(|n| json!({ "do": "say", "text": format!("{{{{contact.name}}}} {n}") })).collect();
    steps.push(json!({ "do": "wait", "ms": 2_500 }));
    steps.push(json!({ "do": "say", "text": "{{contact.name}} again" }));
    steps.push(json!({ "do": "hang_up", "disposition": "said" }));
    let talk = talk(steps.into(), with_voice(address, 10), "");
    assert_eq!((talk.dialogue.disposition.as_str(), talk.dialogue.voice_errors), ("said", 6));
    assert_eq!(talk.faults, [("v: refused".to_owned(), 1), ("v: unavailable".to_owned(), 5)].into());
    let asked = asked.lock().expect("nobody panics");
    assert_eq!((asked.len(), asked.last().map(String::as_str)), (FAILURES + 1, Some("Ann again")));
}

#[test]
fn a_voice_that_has_all_it_may_is_not_waited_for() {
    let went_on = Told::new();
    let other = went_on.clone();
    let address = web_server(move |_, _, mut stream| {
        let other = other.clone();
        async move {
            // The first sentence is spoken once the second call has gone on without it.
            other.by(1).await;
            let _ = stream.write_all(&audio()).await;
        }
    });
    let steps = json!([
        { "do": "say", "text": "{{contact.name}} there" },
        went_on.step(),
        { "do": "hang_up", "disposition": "said" },
    ]);
    let (dialogues, faults) = talks(2, steps, with_voice(address, 1), "");
    let mut errors: Vec<_> = dialogues.iter().map(|dialogue| dialogue.voice_errors).collect();
    errors.sort();
    assert_eq!(errors, [0, 1]);
    assert_eq!(faults, [("v: refused".to_owned(), 1)].into());
}

#[test]
fn sentences_of_a_script_wait_for_a_voice_that_is_full_or_down() {
    let under_way = Arc::new(Mutex::new((0, 0)));
    let count = under_way.clone();
    let address = web_server(move |number, _, mut stream| {
        let count = count.clone();
        {
            let (now, most) = &mut *count.lock().expect("nobody panics");
            *now += 1;
            *most = usize::max(*now, *most);
        }
        async move {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            count.lock().expect("nobody panics").0 -= 1;
            let is_down = (2..2 + FAILURES).contains(&number);
            let answer = if is_down { reply("429 Busy", "text/plain", b"") } else { audio() };
            let _ = stream.write_all(&answer).await;
        }
    });
    let mut steps: Vec<_> =
        (0..8).map(|n| json!({ "do": "say", "text": format!("This is sentence {n}.") })).collect();
    steps.push(json!({ "do": "hang_up", "disposition": "said" }));
    let talk = talk(steps.into(), with_voice(address, 1), "");
    assert_eq!((talk.dialogue.disposition.as_str(), talk.dialogue.voice_errors), ("said", 0));
    assert_eq!(talk.faults, [("v: unavailable".to_owned(), 5)].into());
    assert_eq!(under_way.lock().expect("nobody panics").1, 1, "one at a time");
}
