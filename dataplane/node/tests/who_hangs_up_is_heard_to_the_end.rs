//! A callee who wants no more calls and hangs up at once: the last word is understood though the call is over, and the node, which has no other
//! call, is to leave.

mod dialling;
mod talking;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use talking::{Talk, recogniser, server, talk};
use tokio_tungstenite::tungstenite::Message;

/// A customer who says something and hangs up, and a recogniser that takes this to be `words`, after a while.
fn hangs_up_saying(words: &'static str) -> Talk {
    let address = server(move |_, mut socket| async move {
        while let Some(Ok(message)) = socket.next().await {
            if message.to_text().is_ok_and(|text| text.contains("eof")) {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let _ = socket.send(Message::text(json!({ "text": words }).to_string())).await;
                return;
            }
        }
    });
    let steps = json!([
        { "do": "listen", "save": "answer", "end_silence_ms": 2000, "silence_ms_max": 5000, "gone": "gone" },
        { "do": "hang_up", "disposition": "heard" },
        { "do": "hang_up", "id": "gone", "disposition": "gone" },
    ]);
    let acts = "  acts:\n  - {do: say, wav: sound.wav, text: hm, after: {wait_ms: 300}}\n  - {do: hang_up, after: {wait_ms: 100}}\n";
    talk(steps, recogniser(address), acts)
}

#[test]
fn an_opt_out_counts() {
    let talk = hangs_up_saying("please stop calling me");
    assert_eq!(talk.opt_outs, ["please stop calling me"]);
    assert_eq!(talk.dialogue.disposition, "", "the script was not at its end");
    assert!(talk.faults.is_empty(), "{:?}", talk.faults);
}

#[test]
fn anything_else_changes_nothing() {
    let talk = hangs_up_saying("good bye");
    assert!(talk.opt_outs.is_empty() && talk.faults.is_empty());
}
