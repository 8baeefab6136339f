//! Sentences of a script, which are spoken before its calls, by voices that take a few requests at a time, and by the voice that each names.

mod dialling;
mod talking;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use peal_node::voice::config::VoiceConfig;
use serde_json::{Value, json};
use talking::{reply, talk, web_server, web_voice};
use tokio::io::AsyncWriteExt;

fn audio() -> Vec<u8> {
    reply("200 OK", "audio/L16; rate=8000", &[0x10; 1_600])
}

#[test]
fn a_busy_voice_is_waited_for() {
    let (asked, now, most) =
        (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let (count, highest, under_way) = (asked.clone(), most.clone(), Arc::new(now));
    let address = web_server(move |number, _, mut stream| {
        count.fetch_add(1, Ordering::SeqCst);
        highest.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let under_way = under_way.clone();
        async move {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            let answer = match number {
                0 => reply("429 Too Many Requests", "text/plain", b""),
                1 => reply("503 Service Unavailable", "text/plain", b""),
                // Gone without a word.
                2 => Vec::new(),
                _ => audio(),
            };
            under_way.fetch_sub(1, Ordering::SeqCst);
            let _ = stream.write_all(&answer).await;
        }
    });
    let mut steps: Vec<Value> =
        (0..40).map(|n| json!({ "do": "say", "text": format!("This is sentence {n}.") })).collect();
    steps.push(json!({ "do": "hang_up", "disposition": "said" }));
    let voices = BTreeMap::from([("v".to_owned(), web_voice(address))]);
    let config = VoiceConfig { voices, default_voice: "v".to_owned(), ..VoiceConfig::default() };
    let talk = talk(steps.into(), config, "");
    assert_eq!((talk.dialogue.disposition.as_str(), talk.dialogue.voice_errors), ("said", 0));
    assert_eq!(asked.load(Ordering::SeqCst), 43, "what failed was asked for again");
    assert!(most.load(Ordering::SeqCst) <= 4, "at once: {most:?}");
}

#[test]
fn a_script_chooses_among_the_voices() {
    let listening = |_: ()| {
        let texts: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let heard = texts.clone();
        let address = web_server(move |_, body, mut stream| {
            let text = |name: &str| body[name].as_str().unwrap_or("none").to_owned();
            heard.lock().expect("nobody panics").push((text("text"), text("voice")));
            async move {
                let _ = stream.write_all(&audio()).await;
            }
        });
        (web_voice(address), texts)
    };
    let ((first, by_first), (second, by_second)) = (listening(()), listening(()));
    let steps = json!([
        { "do": "say", "text": "Good morning to you." },
        { "do": "say", "text": "How are you today?", "voice": "second" },
        { "do": "say", "text": "I am from Acme, Inc. and friends.", "voice": "alto" },
        { "do": "hang_up", "disposition": "said" },
    ]);
    let voices = BTreeMap::from([("first".to_owned(), first), ("second".to_owned(), second)]);
    let config = VoiceConfig { voices, default_voice: "first".to_owned(), ..VoiceConfig::default() };
    assert_eq!(talk(steps, config, "").dialogue.disposition, "said");
    let sorted = |texts: &Mutex<Vec<(String, String)>>| {
        let mut texts = texts.lock().expect("nobody panics").clone();
        texts.sort();
        texts
    };
    let pair = |text: &str, voice: &str| (text.to_owned(), voice.to_owned());
    assert_eq!(
        sorted(&by_first),
        [pair("Good morning to you.", "none"), pair("I am from Acme, Inc. and friends.", "alto")]
    );
    assert_eq!(sorted(&by_second), [pair("How are you today?", "none")]);
}
