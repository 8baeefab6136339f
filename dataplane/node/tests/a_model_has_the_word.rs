//! Conversations with language models on real sockets: what a model may do, what it is told of an interruption, and models that misbehave.

mod dialling;
mod talking;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use peal_node::voice::config::{ModelConfig, VoiceConfig, VoiceSource};
use serde_json::{Value, json};
use talking::{Talk, recogniser, reply, server, talk, web_server, web_voice};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// Somebody who says something for a second, soon after the answer.
const SPEAKS: &str = "  acts:\n  - {do: say, wav: sound.wav, text: hm, after: {wait_ms: 300}}\n";

/// What models were asked.
type Asked = Arc<Mutex<Vec<Value>>>;

/// A recogniser that hears these words in every answer.
fn hears(words: &'static str) -> SocketAddr {
    server(move |_, mut socket| async move {
        while let Some(Ok(message)) = socket.next().await {
            if message.to_text().is_ok_and(|text| text.contains("eof")) {
                let _ = socket.send(Message::text(json!({ "text": words }).to_string())).await;
                let _ = socket.close(None).await;
            }
        }
    })
}

/// A model called `m` that answers like this.
fn model<F, Fut>(answer: F) -> (ModelConfig, Asked)
where
    F: Fn(usize, Value, TcpStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send,
{
    let asked = Asked::default();
    let heard = asked.clone();
    let address = web_server(move |number, body, stream| {
        heard.lock().expect("nobody panics").push(body.clone());
        answer(number, body, stream)
    });
    let url = format!("http://{address}/v1");
    let config = ModelConfig {
        url,
        model: "small".to_owned(),
        key: Default::default(),
        requests_max: 10,
        hides: Vec::new(),
    };
    (config, asked)
}

#[test]
fn what_a_model_must_not_see_is_hidden() {
    let (seeing, asked) = model(|_, _, mut stream| async move {
        let text = chunk(json!({ "tool_calls": [tool(0, "hang_up", "{}")] })) + "data: [DONE]\n\n";
        let _ = stream.write_all(&reply("200 OK", "text/event-stream", text.as_bytes())).await;
    });
    let model = ModelConfig { hides: vec!["name".to_owned()], ..seeing };
    converse(model, recogniser(hears("who am I")), SPEAKS);
    let asked = asked.lock().expect("nobody panics");
    let prompt = asked[0]["messages"][0]["content"].as_str().expect("a prompt");
    assert!(prompt.starts_with("You sell boxes to *nn."), "{prompt}");
}

fn chunk(delta: Value) -> String {
    format!("data: {}\n\n", json!({ "choices": [{ "index": 0, "delta": delta }] }))
}

fn tool(index: usize, name: &str, arguments: &str) -> Value {
    json!({ "index": index, "id": format!("c{index}"), "type": "function", "function": { "name": name, "arguments": arguments } })
}

/// A call that leaves the word to this model.
fn converse(model: ModelConfig, voice: VoiceConfig, acts: &str) -> Talk {
    let steps = json!([
        { "do": "converse", "prompt": "You sell boxes to {{contact.name}}.", "end_silence_ms": 400,
          "tools": { "hang_up": "bye", "opt_out": "out" }, "fields": ["size"], "failed": "gone" },
        { "do": "hang_up", "disposition": "over" },
        { "do": "say", "id": "bye", "text": "Size: {{size}}." },
        { "do": "hang_up", "disposition": "sold" },
        { "do": "hang_up", "id": "out", "disposition": "opted out" },
        { "do": "hang_up", "id": "gone", "disposition": "failed" },
    ]);
    talk(steps, VoiceConfig { models: BTreeMap::from([("m".to_owned(), model)]), ..voice }, acts)
}

/// What a model is told of the call, after its prompt.
fn history(asked: &Asked, request: usize) -> Vec<(String, String)> {
    let asked = asked.lock().expect("nobody panics");
    let messages = asked[request]["messages"].as_array().expect("messages").clone();
    let text = |message: &Value, name: &str| message[name].as_str().unwrap_or_default().to_owned();
    messages.iter().skip(1).map(|message| (text(message, "role"), text(message, "content"))).collect()
}

#[test]
fn who_tells_a_model_is_not_called_again() {
    let (model, asked) = model(|_, _, mut stream| async move {
        let deltas = [
            json!({ "role": "assistant", "content": "", "tool_calls": null }),
            json!({ "content": "I am sorry to hear that. " }),
            json!({ "tool_calls": [tool(0, "set_field", r#"{"name":"size","value":"none"}"#)] }),
            json!({ "tool_calls": [tool(1, "hang_up", r#"{"disposition":"angry"}"#)] }),
            json!({ "tool_calls": [tool(2, "opt_out", "{}")] }),
        ];
        let text: String = deltas.into_iter().map(chunk).chain(["data: [DONE]\n\n".to_owned()]).collect();
        let _ = stream.write_all(&reply("200 OK", "text/event-stream", text.as_bytes())).await;
    });
    // Words in which only a model finds the wish.
    let talk = converse(model, recogniser(hears("what a nuisance you are")), SPEAKS);
    assert_eq!(talk.dialogue.disposition, "opted out");
    assert_eq!(talk.opt_outs, ["what a nuisance you are"], "once, in the callee's words");
    let said: Vec<_> = talk.dialogue.turns.iter().map(|turn| turn.text.as_str()).collect();
    assert_eq!(said, ["what a nuisance you are", "I am sorry to hear that."]);
    assert_eq!(history(&asked, 0), [("user".to_owned(), "what a nuisance you are".to_owned())]);
    let asked = asked.lock().expect("nobody panics");
    assert_eq!(asked[0]["messages"][0]["content"], "You sell boxes to Ann.\n\nFields that you can set: size");
    assert_eq!((asked.len(), talk.faults.len()), (1, 0), "{:?}", talk.faults);
}

#[test]
fn a_model_that_streams_nothing_is_heard() {
    let (model, asked) = model(|_, body, mut stream| async move {
        // A server that refuses what it does not know.
        let answer = if body.get("stream_options").is_some() || body.get("parallel_tool_calls").is_some() {
            reply("400 Bad Request", "application/json", br#"{"error":{"message":"unknown field"}}"#)
        } else {
            let calls = [
                tool(0, "set_field", r#"{"name":"size","value":"small"}"#),
                tool(1, "hang_up", r#"{"disposition":"sold"}"#),
            ];
            let message = json!({ "content": "A small box it shall be.", "tool_calls": calls });
            let answer = json!({ "choices": [{ "index": 0, "message": message }] }).to_string();
            reply("200 OK", "application/json; charset=utf-8", answer.as_bytes())
        };
        let _ = stream.write_all(&answer).await;
    });
    let talk = converse(model, recogniser(hears("a small one")), SPEAKS);
    assert_eq!((talk.dialogue.disposition.as_str(), talk.opt_outs.len()), ("sold", 0));
    let said: Vec<_> = talk.dialogue.turns.iter().map(|turn| turn.text.as_str()).collect();
    assert_eq!(said, ["a small one", "A small box it shall be.", "Size: small."]);
    assert_eq!(talk.dialogue.turns[1].value, "size=small");
    assert_eq!(asked.lock().expect("nobody panics").len(), 2);
}

fn fails(answer: Vec<u8>, kind: &str) {
    let (model, _) = model(move |_, _, mut stream| {
        let answer = answer.clone();
        async move {
            let _ = stream.write_all(&answer).await;
        }
    });
    let talk = converse(model, recogniser(hears("hello")), SPEAKS);
    assert_eq!((talk.dialogue.disposition.as_str(), talk.dialogue.server_errors), ("failed", 1));
    assert_eq!(talk.faults, [(format!("m: {kind}"), 1)].into());
}

#[test]
fn a_model_that_answers_a_page() {
    fails(reply("200 OK", "text/html", b"<!DOCTYPE html>\n<html>\n\n</html>\n\n"), "rubbish");
}

#[test]
fn a_model_that_answers_nothing() {
    fails(reply("200 OK", "text/event-stream", b""), "rubbish");
}

#[test]
fn a_model_that_is_overloaded() {
    fails(reply("503 Service Unavailable", "text/plain", b"later"), "status");
}

/// A voice of 100 ms a letter, so that everybody knows how far it has come.
fn slow_voice() -> VoiceSource {
    let address = web_server(|_, body, mut stream| async move {
        let letters = body["text"].as_str().unwrap_or_default().chars().count();
        let audio: Vec<u8> = (0..letters * 800)
            .flat_map(|n| ((6_000.0 * (n as f64 * 0.3).sin()) as i16).to_be_bytes())
            .collect();
        let _ = stream.write_all(&reply("200 OK", "audio/L16; rate=8000", &audio)).await;
    });
    web_voice(address)
}

#[test]
fn a_model_knows_what_was_heard_of_it() {
    let (model, asked) = model(|number, _, mut stream| async move {
        let _ = stream.write_all(&reply("200 OK", "text/event-stream", b"")).await;
        if number > 0 {
            let _ =
                stream.write_all(chunk(json!({ "tool_calls": [tool(0, "hang_up", "{}")] })).as_bytes()).await;
            return;
        }
        let said = "Well, there are boxes of nine sizes. The first of them is ";
        let _ = stream.write_all(chunk(json!({ "content": said })).as_bytes()).await;
        // It is interrupted while it still writes.
        while stream.read(&mut [0]).await.is_ok_and(|bytes| bytes > 0) {}
    });
    let voices = BTreeMap::from([("slow".to_owned(), slow_voice())]);
    let voice = VoiceConfig { voices, default_voice: "slow".to_owned(), ..recogniser(hears("the first")) };
    let acts = format!(
        "{SPEAKS}  - {{do: say, wav: sound.wav, text: hm, after: {{interrupt_ms: 1700}}}}\n  - {{do: hang_up, after: {{wait_ms: 20000}}}}\n"
    );
    let talk = converse(model, voice, &acts);
    assert_eq!(talk.dialogue.barge_ins, 1);
    let history = history(&asked, 1);
    let [(user, first), (assistant, heard), (again, second)] = &history[..] else { panic!("{history:?}") };
    assert_eq!([user, assistant, again], ["user", "assistant", "user"]);
    assert_eq!([first, second], ["the first", "the first"]);
    // 1.7 s are 17 letters; with the time it takes to notice some more.
    let is_beginning = ["Well, there are —", "Well, there are boxes —", "Well, there are boxes of —"];
    assert!(is_beginning.contains(&heard.as_str()), "{heard}");
    assert_eq!(talk.faults.len(), 0, "{:?}", talk.faults);
}

/// A model that says a sentence, and a second after it wants these tools; and a callee who hangs up between both.
fn hangs_up_on(tools: Value) -> (Talk, Asked, Asked) {
    let (model, asked) = model(move |_, _, mut stream| {
        let tools = chunk(json!({ "tool_calls": tools }));
        async move {
            let said = chunk(json!({ "content": "I am sorry to hear that. Nobody " }));
            let _ = stream.write_all(&reply("200 OK", "text/event-stream", said.as_bytes())).await;
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            let said = chunk(json!({ "content": "hears this. " }));
            let _ = stream.write_all((said + &tools + "data: [DONE]\n\n").as_bytes()).await;
        }
    });
    let spoken = Asked::default();
    let heard = spoken.clone();
    // A voice that fails after the first sentence.
    let address = web_server(move |number, body, mut stream| {
        heard.lock().expect("nobody panics").push(body);
        async move {
            let status = if number == 0 { "200 OK" } else { "500 Internal Server Error" };
            let _ = stream.write_all(&reply(status, "audio/L16; rate=8000", &[0x10; 1_600])).await;
        }
    });
    let voices = BTreeMap::from([("v".to_owned(), web_voice(address))]);
    let voice = VoiceConfig { voices, default_voice: "v".to_owned(), ..recogniser(hears("what a nuisance")) };
    let acts = format!("{SPEAKS}  - {{do: hang_up, after: {{wait_ms: 1200}}}}\n");
    (converse(model, voice, &acts), asked, spoken)
}

#[test]
fn a_model_is_read_to_its_end_after_the_call() {
    let (talk, asked, spoken) = hangs_up_on(json!([tool(0, "hang_up", "{}"), tool(1, "opt_out", "{}")]));
    assert_eq!(talk.opt_outs, [""], "once, though nobody has these words");
    assert_eq!(talk.faults.len(), 0, "{:?}", talk.faults);
    assert_eq!(asked.lock().expect("nobody panics").len(), 1);
    assert_eq!(spoken.lock().expect("nobody panics").len(), 1, "nothing is said to nobody");
}

#[test]
fn a_model_is_asked_nothing_more_after_the_call() {
    let (talk, asked, spoken) =
        hangs_up_on(json!([tool(0, "set_field", r#"{"name":"size","value":"small"}"#)]));
    assert_eq!((talk.opt_outs.len(), talk.faults.len()), (0, 0), "{:?}", talk.faults);
    assert_eq!(asked.lock().expect("nobody panics").len(), 1);
    assert_eq!(spoken.lock().expect("nobody panics").len(), 1);
}

#[test]
fn a_slow_model_has_its_time_after_the_line_that_asks_for_patience() {
    let (model, asked) = model(|_, _, mut stream| async move {
        // Longer than a sentence may take that goes on.
        tokio::time::sleep(Duration::from_millis(6_500)).await;
        let deltas =
            [json!({ "content": "It is this." }), json!({ "tool_calls": [tool(0, "hang_up", "{}")] })];
        let text: String = deltas.into_iter().map(chunk).chain(["data: [DONE]\n\n".to_owned()]).collect();
        let _ = stream.write_all(&reply("200 OK", "text/event-stream", text.as_bytes())).await;
    });
    let steps = json!([
        { "do": "converse", "prompt": "Sell.", "end_silence_ms": 400, "tools": { "hang_up": "bye" },
          "slow_line": "One moment.", "slow_ms": 500, "answer_ms_max": 12_000, "failed": "gone" },
        { "do": "hang_up", "id": "bye", "disposition": "said" },
        { "do": "hang_up", "id": "gone", "disposition": "failed" },
    ]);
    let voice =
        VoiceConfig { models: BTreeMap::from([("m".to_owned(), model)]), ..recogniser(hears("what is it")) };
    let talk = talk(steps, voice, SPEAKS);
    assert_eq!(talk.dialogue.disposition, "said");
    let said: Vec<_> = talk.dialogue.turns.iter().map(|turn| turn.text.as_str()).collect();
    assert_eq!(said, ["what is it", "One moment. It is this."]);
    assert_eq!((asked.lock().expect("nobody panics").len(), talk.faults.len()), (1, 0));
}
