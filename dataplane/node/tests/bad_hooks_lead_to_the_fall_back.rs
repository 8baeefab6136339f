//! Hooks that misbehave: each ends in the script's own branch, with a count of what was wrong, and no call is stuck.

mod dialling;
mod talking;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use peal_node::voice::config::VoiceConfig;
use serde_json::{Value, json};
use talking::{Talk, bot, recogniser, server, talk, tcp_server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

type Socket = WebSocketStream<TcpStream>;

/// Somebody who says something for a second, soon after the answer.
const SPEAKS: &str = "  acts:\n  - {do: say, wav: sound.wav, text: hm, after: {wait_ms: 300}}\n";

async fn until(socket: &mut Socket, event: &str) {
    while let Some(Ok(message)) = socket.next().await {
        if message.to_text().is_ok_and(|text| text.contains(event)) {
            return;
        }
    }
}

/// A call with a bot that does this once the stream has begun. It ends at `failed`, with one fault of this kind.
fn bot_fails<F, Fut>(kind: &str, serve: F) -> Talk
where
    F: Fn(Socket) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send,
{
    let serve = Arc::new(serve);
    let address = server(move |_, mut socket| {
        let serve = serve.clone();
        async move {
            until(&mut socket, "start").await;
            serve(socket).await;
        }
    });
    let steps = json!([
        { "do": "bot", "seconds_max": 60, "over": "bye", "failed": "gone" },
        { "do": "hang_up", "id": "bye", "disposition": "over" },
        { "do": "hang_up", "id": "gone", "disposition": "failed" },
    ]);
    let talk = talk(steps, bot(address), "");
    assert_eq!(talk.dialogue.disposition, "failed");
    assert_eq!(talk.faults, [(format!("b: {kind}"), 1)].into());
    assert_eq!(talk.dialogue.server_errors, 1);
    talk
}

fn media(samples: usize) -> Message {
    let payload = STANDARD.encode(vec![0x10; samples]);
    Message::text(json!({ "event": "media", "media": { "payload": payload } }).to_string())
}

/// Reads until the other end is gone.
async fn drain(mut socket: Socket) {
    while let Some(Ok(_)) = socket.next().await {}
}

#[test]
fn a_bot_that_sends_rubbish() {
    bot_fails("rubbish", |mut socket| async move {
        let _ = socket.send(Message::text("<html>Welcome!</html>")).await;
        drain(socket).await;
    });
}

#[test]
fn a_bot_that_floods() {
    bot_fails("flood", |mut socket| async move {
        while socket.send(Message::text(r#"{"event":"hello"}"#)).await.is_ok() {}
    });
}

#[test]
fn a_bot_that_says_more_than_can_be_played() {
    let talk = bot_fails("overrun", |mut socket| async move {
        // Five seconds a message.
        while socket.send(media(40_000)).await.is_ok() {}
    });
    assert!(talk.heard.len() < 8 * 20_000, "what it said is not said to its end");
}

#[test]
fn a_bot_that_wants_to_know_too_much() {
    bot_fails("overrun", |mut socket| async move {
        let _ = socket.send(media(400_000)).await;
        for n in 0..2_000 {
            let mark = json!({ "event": "mark", "mark": { "name": n.to_string() } });
            let _ = socket.send(Message::text(mark.to_string())).await;
            // Slowly enough to be no flood.
            tokio::time::sleep(Duration::from_millis(if n % 10 == 0 { 30 } else { 0 })).await;
        }
        drain(socket).await;
    });
}

#[test]
fn a_bot_that_closes_in_a_word() {
    bot_fails("broken", |mut socket| async move {
        let _ = socket.send(media(8_000)).await;
        let why = CloseFrame { code: CloseCode::Error, reason: "out of memory".into() };
        let _ = socket.close(Some(why)).await;
    });
    bot_fails("broken", |mut socket| async move {
        let _ = socket.send(media(8_000)).await;
        // No close frame: the process is gone.
        drop(socket);
    });
}

#[test]
fn a_bot_that_gives_no_sign_of_life() {
    bot_fails("stalled", |socket| async move {
        let mut stream = socket.into_inner();
        // It takes everything and answers nothing, no ping either.
        let mut taken = [0; 4_096];
        while stream.read(&mut taken).await.is_ok_and(|bytes| bytes > 0) {}
    });
}

#[test]
fn a_bot_that_is_not_there() {
    let steps = json!([
        { "do": "bot", "failed": "gone" },
        { "do": "hang_up", "disposition": "over" },
        { "do": "hang_up", "id": "gone", "disposition": "failed" },
    ]);
    let nowhere = "127.0.0.1:9".parse().expect("an address");
    let refused = talk(steps.clone(), bot(nowhere), "");
    assert_eq!(
        (refused.dialogue.disposition.as_str(), refused.faults),
        ("failed", [("b: connect".to_owned(), 1)].into())
    );
    let unknown = talk(steps, VoiceConfig::default(), "");
    assert_eq!(unknown.dialogue.disposition, "failed");
}

fn listens() -> Value {
    json!([
        { "do": "listen", "save": "answer", "end_silence_ms": 400, "silence_ms_max": 5000, "gone": "gone", "next": "bye" },
        { "do": "hang_up", "id": "bye", "disposition": "heard" },
        { "do": "hang_up", "id": "gone", "disposition": "gone" },
    ])
}

fn recogniser_fails<F, Fut>(kind: &str, serve: F)
where
    F: Fn(Socket) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send,
{
    let address = server(move |_, socket| serve(socket));
    let talk = talk(listens(), recogniser(address), SPEAKS);
    assert_eq!((talk.dialogue.disposition.as_str(), talk.dialogue.recogniser_errors), ("gone", 1));
    assert_eq!(talk.faults.get(&format!("r: {kind}")), Some(&1), "{:?}", talk.faults);
}

#[test]
fn a_recogniser_that_sends_rubbish() {
    recogniser_fails("rubbish", |mut socket| async move {
        let _ = socket.send(Message::text("<html>Welcome!</html>")).await;
        drain(socket).await;
    });
}

#[test]
fn a_recogniser_that_floods() {
    recogniser_fails("flood", |mut socket| async move {
        while socket.send(Message::text(r#"{"partial":"a"}"#)).await.is_ok() {}
    });
}

#[test]
fn a_recogniser_that_never_answers() {
    recogniser_fails("stalled", drain);
}

#[test]
fn a_recogniser_that_breaks_off_again_and_again() {
    recogniser_fails("broken", |mut socket| async move {
        let _ = socket.next().await;
        drop(socket);
    });
}

#[test]
fn a_recogniser_that_breaks_off_in_a_word_hears_it_whole() {
    let address = server(|number, mut socket| async move {
        let mut bytes = 0;
        while let Some(Ok(message)) = socket.next().await {
            match message {
                Message::Binary(audio) => bytes += audio.len(),
                Message::Text(text) if text.contains("eof") => break,
                _ => {}
            }
            if number == 0 && bytes > 16_000 {
                return;
            }
        }
        let _ = socket.send(Message::text(json!({ "text": format!("{bytes} bytes") }).to_string())).await;
        let _ = socket.close(None).await;
    });
    let talk = talk(listens(), recogniser(address), SPEAKS);
    assert_eq!(talk.dialogue.disposition, "heard");
    assert_eq!(talk.faults, [("r: reconnected".to_owned(), 1)].into());
    let text = &talk.dialogue.turns[0].text;
    let bytes: usize = text.trim_end_matches(" bytes").parse().expect("a number");
    assert!(bytes >= 32_000, "a second of speech at 16 kHz: {text}");
    assert_eq!(talk.dialogue.dropped_ms, 0);
}

/// A call that asks a web server which answers this.
fn webhook(answer: impl Fn(u16) -> (Vec<u8>, usize) + Send + 'static, allowed: bool) -> Talk {
    let address = tcp_server(move |_, mut stream| {
        let (head, body) = answer(stream.local_addr().map_or(0, |address| address.port()));
        async move {
            let mut asked = [0; 4_096];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(&head).await;
            for _ in 0..body.div_ceil(1 << 16) {
                if stream.write_all(&[b' '; 1 << 16]).await.is_err() {
                    break;
                }
            }
        }
    });
    let steps = json!([
        { "do": "webhook", "url": format!("http://{address}/next"), "retries": 0, "failed": "gone" },
        { "do": "say", "id": "gone", "text": "{{error}}" },
        { "do": "hang_up", "disposition": "failed" },
    ]);
    let networks = if allowed { vec!["127.0.0.0/8".to_owned()] } else { Vec::new() };
    let talk = talk(steps, VoiceConfig { networks, ..VoiceConfig::default() }, "");
    assert_eq!((talk.dialogue.disposition.as_str(), talk.dialogue.server_errors), ("failed", 1));
    talk
}

fn head(status: &str, kind: &str, length: usize) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n").into_bytes()
}

/// Why, in the words that the script was given.
fn why(talk: &Talk) -> &str {
    &talk.dialogue.turns[0].text
}

#[test]
fn a_webhook_that_answers_a_page() {
    let talk = webhook(|_| ([head("200 OK", "text/html", 7), b"<html/>".to_vec()].concat(), 0), true);
    assert_eq!(why(&talk), "the answer is not JSON but text/html");
}

#[test]
fn a_webhook_that_answers_30_mb() {
    let talk = webhook(|_| (head("200 OK", "application/json", 30 << 20), 30 << 20), true);
    assert_eq!(why(&talk), "the answer has more than 262144 bytes");
}

#[test]
fn a_webhook_inside_the_network() {
    let talk = webhook(|_| (head("200 OK", "application/json", 2), 0), false);
    assert!(why(&talk).contains("scripts must not reach"), "{}", why(&talk));
}

#[test]
fn a_webhook_that_leads_inside_the_network() {
    let answer = |port| {
        (
            format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{port}/\r\ncontent-length: 0\r\n\r\n")
                .into_bytes(),
            0,
        )
    };
    let talk = webhook(answer, true);
    assert_eq!(why(&talk), "the server answered with status 302");
}

#[test]
fn a_webhook_that_answers_no_script() {
    let answer = |_| ([head("200 OK", "application/json", 12), br#"{"steps":[]}"#.to_vec()].concat(), 0);
    let talk = webhook(answer, true);
    assert!(why(&talk).contains("the answer is no script"), "{}", why(&talk));
}
