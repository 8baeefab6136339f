//! `http` and `webhook` steps against servers on real sockets: what they are told, how often, and what becomes of their answers.

mod dialling;
mod talking;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use peal_node::Secret;
use peal_node::voice::config::VoiceConfig;
use serde_json::{Value, json};
use talking::{Talk, reply, talk, tcp_server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use voice::fetch::sign;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Somebody who listens.
const LISTENS: &str = "  acts:\n  - {do: hang_up, after: {wait_ms: 20000}}\n";

/// A request as it came: its first line, its header fields in lower case, its body.
#[derive(Clone, Debug)]
struct Asked {
    line: String,
    fields: Vec<(String, String)>,
    body: String,
}

impl Asked {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

type All = Arc<Mutex<Vec<Asked>>>;

/// A server that answers the n-th request, from 0, like this; nothing is a connection that is closed.
fn server(answer: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static) -> (SocketAddr, All) {
    let (asked, answer) = (All::default(), Arc::new(answer));
    let all = asked.clone();
    let address = tcp_server(move |_, stream| {
        let (all, answer) = (all.clone(), answer.clone());
        tokio::spawn(serve(stream, all, answer));
        async {}
    });
    (address, asked)
}

async fn serve(mut stream: TcpStream, all: All, answer: Arc<impl Fn(usize) -> Vec<u8>>) {
    let mut bytes = Vec::new();
    let asked = loop {
        if stream.read_buf(&mut bytes).await.is_ok_and(|read| read == 0) {
            return;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let mut lines = head.lines();
        let line = lines.next().unwrap_or_default().to_owned();
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        let asked = Asked { line, fields: lines.filter_map(field).collect(), body: body.to_owned() };
        let length: usize =
            asked.field("content-length").map_or(0, |length| length.parse().expect("a length"));
        if body.len() >= length {
            break asked;
        }
    };
    let number = {
        let mut all = all.lock().expect("nobody panics");
        all.push(asked);
        all.len() - 1
    };
    let _ = stream.write_all(&answer(number)).await;
}

fn ok(answer: &Value) -> Vec<u8> {
    reply("200 OK", "application/json", answer.to_string().as_bytes())
}

fn call(steps: Value) -> Talk {
    let networks = vec!["127.0.0.1/32".to_owned()];
    let config =
        VoiceConfig { networks, webhook_secret: Secret(SECRET.to_owned()), ..VoiceConfig::default() };
    talk(steps, config, LISTENS)
}

fn ends() -> Value {
    json!({ "name": "next", "steps": [{ "do": "set", "values": { "size": "42" } }, { "do": "hang_up", "disposition": "done as told" }] })
}

#[test]
fn a_webhook_is_told_of_the_call_and_its_steps_are_done() {
    let (address, asked) = server(|_| ok(&ends()));
    let talk = call(json!([
        { "do": "wait", "ms": 100 },
        { "do": "webhook", "id": "ask", "url": format!("http://{address}/next?x=1"), "failed": "gone" },
        { "do": "hang_up", "id": "gone", "disposition": "gone" },
    ]));
    assert_eq!((talk.dialogue.disposition.as_str(), talk.faults.len()), ("done as told", 0));
    let asked = asked.lock().expect("nobody panics");
    let [asked] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(asked.line, "POST /next?x=1 HTTP/1.1");
    let event: Value = serde_json::from_str(&asked.body).expect("JSON");
    assert_eq!((&event["script"], &event["step"]), (&"t".into(), &"ask".into()));
    let (id, attempt) = (event["id"].as_str().expect("a name"), event["attempt"].as_str().expect("a call"));
    assert!(attempt.len() == 36 && id.starts_with(attempt), "{event}");
    let field = |name| asked.field(name).unwrap_or_else(|| panic!("{name} in {asked:?}"));
    assert_eq!(field("webhook-id"), id);
    let timestamp = field("webhook-timestamp").parse().expect("seconds");
    assert_eq!(field("webhook-signature"), sign(SECRET, id, timestamp, &asked.body).signature);
}

#[test]
fn a_webhook_is_tried_again_as_the_same_event() {
    let (address, asked) = server(|number| match number {
        0 => reply("503 Service Unavailable", "text/plain", b""),
        1 => reply("429 Too Many Requests", "text/plain", b""),
        // Gone without a word.
        2 => Vec::new(),
        _ => ok(&ends()),
    });
    let talk = call(json!([
        { "do": "webhook", "url": format!("http://{address}/"), "retries": 3, "failed": "gone" },
        { "do": "hang_up", "id": "gone", "disposition": "gone" },
    ]));
    assert_eq!((talk.dialogue.disposition.as_str(), talk.faults.len()), ("done as told", 0));
    let asked = asked.lock().expect("nobody panics");
    assert_eq!(asked.len(), 4);
    assert!(asked.iter().all(|each| each.body == asked[0].body), "{asked:?}");
    assert!(asked.iter().all(|each| each.field("webhook-id") == asked[0].field("webhook-id")));
}

#[test]
fn what_is_wrong_with_a_webhook_is_not_tried_again_and_is_counted() {
    for (answer, kind) in [
        (reply("404 Not Found", "application/json", b"{}"), "status"),
        (ok(&json!({ "name": "x", "steps": [{ "do": "dance" }] })), "script"),
    ] {
        let (address, asked) = server(move |_| answer.clone());
        let talk = call(json!([
            { "do": "webhook", "url": format!("http://{address}/"), "retries": 3, "failed": "gone" },
            { "do": "hang_up", "id": "gone", "disposition": "gone" },
        ]));
        assert_eq!((talk.dialogue.disposition.as_str(), talk.dialogue.server_errors), ("gone", 1));
        assert_eq!(asked.lock().expect("nobody panics").len(), 1, "{kind}");
        assert_eq!(talk.faults, [(format!("webhook: {kind}"), 1)].into());
    }
}

#[test]
fn what_a_server_knows_decides_the_way() {
    let (address, asked) = server(|number| {
        let tier = ["gold", "iron"][number % 2];
        ok(&json!({ "customer": { "tier": tier } }))
    });
    let look_up = |id: &str| {
        json!({ "do": "http", "id": id, "url": format!("http://{address}/c/{{{{contact.name}}}}"), "headers": { "x-key": "k" },
                "save": { "tier": "/customer/tier" }, "keep_s": 60, "failed": "gone" })
    };
    let talk = call(json!([
        look_up("first"),
        { "do": "set", "values": { "tier": "none" } },
        // The same question, which need not be asked again.
        look_up("second"),
        { "do": "http", "method": "PUT", "url": format!("http://{address}/seen"), "body": "{\"tier\": {{tier}}, \"who\": \"{{contact.name}}\"}", "failed": "gone" },
        { "do": "branch", "cases": [{ "when": { "variable": "tier", "is": "gold" }, "to": "gold" }] },
        { "do": "hang_up", "disposition": "plain" },
        { "do": "hang_up", "id": "gold", "disposition": "gold" },
        { "do": "hang_up", "id": "gone", "disposition": "gone" },
    ]));
    assert_eq!((talk.dialogue.disposition.as_str(), talk.faults.len()), ("gold", 0), "{:?}", talk.faults);
    let asked = asked.lock().expect("nobody panics");
    let lines: Vec<_> = asked.iter().map(|asked| asked.line.as_str()).collect();
    assert_eq!(lines, ["GET /c/Ann HTTP/1.1", "PUT /seen HTTP/1.1"]);
    assert_eq!((asked[0].field("x-key"), asked[0].field("webhook-signature")), (Some("k"), None));
    assert_eq!(asked[1].body, r#"{"tier": "gold", "who": "Ann"}"#);
}

#[test]
fn a_server_that_knows_nothing_leaves_what_was_known() {
    for (answer, way, faults) in [
        (reply("500 Internal Server Error", "text/plain", b""), "gone", 1),
        (ok(&json!({ "other": 1 })), "none", 0),
    ] {
        let (address, _) = server(move |_| answer.clone());
        let talk = call(json!([
            { "do": "set", "values": { "tier": "none" } },
            { "do": "http", "url": format!("http://{address}/"), "save": { "tier": "/tier" }, "failed": "gone" },
            { "do": "branch", "cases": [{ "when": { "variable": "tier", "is": "none" }, "to": "none" }] },
            { "do": "hang_up", "disposition": "?" },
            { "do": "hang_up", "id": "none", "disposition": "none" },
            { "do": "hang_up", "id": "gone", "disposition": "gone" },
        ]));
        assert_eq!(talk.dialogue.disposition, way);
        assert_eq!(talk.faults.values().sum::<u64>(), faults, "{:?}", talk.faults);
    }
}
