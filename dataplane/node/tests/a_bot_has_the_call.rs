//! A call that a voice bot has, over real sockets: what both ends hear, keys, marks, silence on demand, and the end.

mod dialling;
mod talking;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use talking::{bot, server, talk};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

type Socket = WebSocketStream<TcpStream>;

/// The next message that is no audio; `None` at the end.
async fn next(socket: &mut Socket, heard: &Mutex<Vec<Value>>) -> Option<Value> {
    loop {
        match socket.next().await?.ok()? {
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).expect("JSON");
                heard.lock().expect("one thread").push(message.clone());
                if message["event"] != "media" {
                    return Some(message);
                }
            }
            Message::Close(_) => return None,
            _ => {}
        }
    }
}

async fn say(socket: &mut Socket, message: Value) {
    let _ = socket.send(Message::text(message.to_string())).await;
}

/// Closes the connection, as a bot that has finished does.
async fn finish(mut socket: Socket) {
    let _ = socket.close(None).await;
    while let Some(Ok(_)) = socket.next().await {}
}

/// A tone in μ-law, so many messages of 20 ms at once.
async fn speak(socket: &mut Socket, messages: usize) {
    let tone: Vec<u8> = (0..160).map(|n| if n % 16 < 8 { 0x90 } else { 0x10 }).collect();
    for _ in 0..messages {
        say(socket, json!({ "event": "media", "media": { "payload": STANDARD.encode(&tone) } })).await;
    }
}

fn script() -> Value {
    json!([
        { "do": "bot", "parameters": { "customer": "{{contact.name}}" }, "seconds_max": 30, "over": "bye", "failed": "gone" },
        { "do": "hang_up", "id": "bye", "disposition": "over" },
        { "do": "hang_up", "id": "gone", "disposition": "failed" },
    ])
}

fn events(heard: &Mutex<Vec<Value>>, event: &str) -> Vec<Value> {
    heard
        .lock()
        .expect("the server is done")
        .iter()
        .filter(|message| message["event"] == event)
        .cloned()
        .collect()
}

#[test]
fn both_hear_each_other_and_the_bot_ends_it() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = heard.clone();
    let address = server(move |_, mut socket| {
        let hears = hears.clone();
        async move {
            while let Some(message) = next(&mut socket, &hears).await {
                match message["event"].as_str() {
                    // A second at once, and the question when it was heard.
                    Some("start") => {
                        speak(&mut socket, 50).await;
                        say(&mut socket, json!({ "event": "mark", "mark": { "name": "hello" } })).await;
                    }
                    Some("dtmf") => {
                        speak(&mut socket, 25).await;
                        break;
                    }
                    _ => {}
                }
            }
            finish(socket).await;
        }
    });
    let acts = "  acts:\n  - {do: say, wav: sound.wav, text: hm, after: {silence_ms: 300}}\n  - {do: press, keys: '7', after: {wait_ms: 300}}\n";
    let talk = talk(script(), bot(address), acts);
    assert_eq!(talk.dialogue.disposition, "over");
    assert!(talk.faults.is_empty(), "{:?}", talk.faults);
    assert_eq!(talk.digits, "", "the key was the bot's");

    let start = &events(&heard, "start")[0]["start"];
    assert_eq!(
        (&start["customParameters"], &start["tracks"]),
        (&json!({ "customer": "Ann" }), &json!(["inbound"]))
    );
    assert_eq!(events(&heard, "mark")[0]["mark"]["name"], "hello");
    assert_eq!(events(&heard, "dtmf")[0]["dtmf"]["digit"], "7");
    // All of it, silence too, without a gap in its places, and the second that the customer spoke.
    let media = events(&heard, "media");
    let place =
        |message: &Value| message["media"]["timestamp"].as_str().and_then(|ms| ms.parse::<u64>().ok());
    assert_eq!(place(&media[0]), Some(0));
    assert!(media.windows(2).all(|two| place(&two[1]) == place(&two[0]).map(|at| at + 100)), "{media:?}");
    let payloads = media.iter().flat_map(|message| {
        STANDARD.decode(message["media"]["payload"].as_str().expect("a payload")).expect("base64")
    });
    let loud = payloads.filter(|sample| sample & 0x7F < 0x50).count();
    assert!((6_000..10_000).contains(&loud), "{loud} loud samples of 8,000");

    // A second, and after the key half a second that was said to its end though the bot had left.
    let loud = talk.heard.iter().filter(|sample| sample.unsigned_abs() > 1_000).count();
    assert!((11_000..=12_000).contains(&loud), "{loud} loud samples of 12,000");
    let speakers: Vec<_> = talk.dialogue.turns.iter().map(|turn| turn.speaker).collect();
    assert_eq!(speakers, [0, 1, 0], "{:?}", talk.dialogue.turns);
}

#[test]
fn a_bot_at_the_pace_of_speech_is_heard_without_a_gap() {
    let address = server(move |_, mut socket| async move {
        let _ = next(&mut socket, &Mutex::new(Vec::new())).await;
        // As late as a busy machine is, and then as early as it has to be.
        let begun = tokio::time::Instant::now();
        for n in 0..100_u64 {
            let late = [0, 7, 31, 12][n as usize % 4];
            tokio::time::sleep_until(begun + Duration::from_millis(20 * n + late)).await;
            speak(&mut socket, 1).await;
        }
        finish(socket).await;
    });
    let talk = talk(script(), bot(address), "");
    assert_eq!(talk.dialogue.disposition, "over");
    let loud = talk.heard.iter().filter(|sample| sample.unsigned_abs() > 1_000).count();
    assert!((15_000..=16_000).contains(&loud), "{loud} loud samples of 16,000");
    assert_eq!(talk.dialogue.turns.len(), 1, "{:?}", talk.dialogue.turns);
}

#[test]
fn who_interrupts_is_not_talked_over() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = heard.clone();
    let address = server(move |_, mut socket| {
        let hears = hears.clone();
        async move {
            while let Some(message) = next(&mut socket, &hears).await {
                if message["event"] == "start" {
                    break;
                }
            }
            speak(&mut socket, 500).await;
            say(&mut socket, json!({ "event": "mark", "mark": { "name": "end" } })).await;
            // Until somebody speaks.
            loop {
                let Some(Ok(Message::Text(text))) = socket.next().await else { return };
                let message: Value = serde_json::from_str(&text).expect("JSON");
                let payload = STANDARD.decode(message["media"]["payload"].as_str().unwrap_or_default());
                if payload
                    .is_ok_and(|audio| audio.iter().filter(|sample| **sample & 0x7F < 0x50).count() > 200)
                {
                    break;
                }
            }
            say(&mut socket, json!({ "event": "clear" })).await;
            while next(&mut socket, &hears).await.is_some_and(|message| message["event"] != "mark") {}
            finish(socket).await;
        }
    });
    let acts = "  acts:\n  - {do: say, wav: sound.wav, text: stop, after: {interrupt_ms: 1500}}\n";
    let talk = talk(script(), bot(address), acts);
    assert_eq!(events(&heard, "mark")[0]["mark"]["name"], "end", "what was cleared counts as played");
    assert_eq!(talk.dialogue.barge_ins, 1);
    let loud = talk.heard.iter().filter(|sample| sample.unsigned_abs() > 1_000).count();
    assert!((11_000..24_000).contains(&loud), "{loud} loud samples, of 80,000 that the bot sent");
    let interrupted: Vec<_> = talk.dialogue.turns.iter().map(|turn| turn.interrupted).collect();
    assert!(interrupted[0], "{:?}", talk.dialogue.turns);
    assert_eq!(talk.customer.barge_ins_us.len(), 1, "{:?}", talk.customer);
}

#[test]
fn the_callee_hangs_up() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (ended, end) = std::sync::mpsc::channel();
    let hears = heard.clone();
    let address = server(move |_, mut socket| {
        let (hears, ended) = (hears.clone(), ended.clone());
        async move {
            while next(&mut socket, &hears).await.is_some() {}
            let _ = ended.send(());
        }
    });
    let talk = talk(script(), bot(address), "  acts:\n  - {do: hang_up, after: {wait_ms: 400}}\n");
    assert!(talk.faults.is_empty());
    end.recv_timeout(Duration::from_secs(10)).expect("the connection is closed");
    assert_eq!(events(&heard, "stop").len(), 1);
}
