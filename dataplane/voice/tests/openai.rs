//! Sessions with OpenAI Realtime, which transcribes or answers by itself: against a server of our own that checks every message.

mod protocol_servers;
#[path = "protocol_servers/openai.rs"]
mod server;

use std::time::Duration;

use protocol_servers::{Caller, KEY, PIECE_SAMPLES, understood};
use serde_json::{Value, json};
use server::{Asked, OpenAi, Session};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use voice::protocol::openai::{self, Purpose};
use voice::session::{Given, Gone, Told};
use voice::{CallFacts, Heard};

const PIECE: usize = PIECE_SAMPLES;

fn begin(server: &OpenAi, purpose: Purpose) -> Caller {
    let phrases = ["red", "green", "别再打"].map(str::to_owned).to_vec();
    let call = CallFacts { language: "en-GB".into(), phrases, likely: 2, ..CallFacts::default() };
    let protocol = move || Box::new(openai::OpenAi::new(purpose.clone())) as _;
    Caller::begin(server.url(), format!("Bearer {KEY}"), call, protocol)
}

async fn listen() -> (OpenAi, Caller, Session) {
    let server = OpenAi::transcribing().await;
    let caller = begin(&server, Purpose::Transcription { model: "gpt-4o-transcribe".into() });
    let mut session = server.accept().await;
    assert!(matches!(session.next().await, Asked::Update(_)));
    (server, caller, session)
}

async fn converse(speaks_first: bool) -> (Caller, Session) {
    let server = OpenAi::conversing().await;
    let purpose = Purpose::Speech {
        instructions: "Be brief.".into(),
        voice: "marin".into(),
        transcription: Some("gpt-4o-mini-transcribe".into()),
        speaks_first,
        end_silence_ms: 500,
    };
    let caller = begin(&server, purpose);
    let mut session = server.accept().await;
    let Asked::Update(setting) = session.next().await else { panic!("it is set up first") };
    assert_eq!(setting["audio"]["input"]["turn_detection"]["silence_duration_ms"], 500);
    (caller, session)
}

/// Says pieces, which the server hears.
async fn say(caller: &mut Caller, session: &mut Session, samples: &[u8]) {
    for sample in samples {
        caller.say(*sample).await;
        assert_eq!(session.next().await, Asked::Append(PIECE, *sample));
    }
}

/// The end of speech, by which the server has something to write down.
async fn commit(caller: &Caller, session: &mut Session) -> String {
    caller.give(Given::EndOfSpeech).await;
    let Asked::Commit(item) = session.next().await else { panic!("it is asked for what was said") };
    item
}

#[tokio::test]
async fn answers_are_heard_one_after_the_other() {
    let (_server, mut caller, mut session) = listen().await;
    for words in [["I would like", " the red one."], ["No,", " thank you."]] {
        say(&mut caller, &mut session, &[1, 2, 3]).await;
        let item = commit(&caller, &mut session).await;
        session.transcribe(&item, &words).await;
        for word in words {
            assert_eq!(caller.heard().await, Heard::Partial(word.into()));
        }
        assert_eq!(caller.heard().await, understood(&words.concat(), None));
    }
    caller.hang_up();
    session.close(CloseCode::Normal).await;
    assert_eq!(caller.over().await, Ok(()));
}

#[tokio::test]
async fn every_model_is_set_up_as_it_wants() {
    for model in ["whisper-1", "gpt-4o-transcribe-diarize", "gpt-realtime-whisper", "gpt-live-transcribe"] {
        let server = OpenAi::transcribing().await;
        let _caller = begin(&server, Purpose::Transcription { model: model.into() });
        assert!(matches!(server.accept().await.next().await, Asked::Update(_)), "{model}");
    }
}

#[tokio::test]
async fn too_little_to_be_written_down_is_nothing_said() {
    let (_server, mut caller, mut session) = listen().await;
    let piece = voice::Piece { position: 0, samples: vec![1; 160] };
    caller.give(Given::Audio(piece)).await;
    assert_eq!(session.next().await, Asked::Append(160, 1));
    caller.give(Given::EndOfSpeech).await;
    assert_eq!(session.next().await, Asked::CommitOfNothing);
    assert_eq!(caller.heard().await, understood("", None));
    say(&mut caller, &mut session, &[2]).await;
    let item = commit(&caller, &mut session).await;
    session.transcribe(&item, &["Yes."]).await;
    assert_eq!(caller.heard().await, Heard::Partial("Yes.".into()));
    assert_eq!(caller.heard().await, understood("Yes.", None));
}

#[tokio::test]
async fn a_connection_that_closes_is_made_again_and_asked_again() {
    let (server, mut caller, mut session) = listen().await;
    say(&mut caller, &mut session, &[1, 2]).await;
    session.close(CloseCode::Error).await;
    let mut session = server.accept().await;
    assert!(matches!(session.next().await, Asked::Update(_)));
    for sample in [1, 2] {
        assert_eq!(session.next().await, Asked::Append(PIECE, sample));
    }
    say(&mut caller, &mut session, &[3]).await;
    commit(&caller, &mut session).await;
    session.close(CloseCode::Away).await;
    let mut session = server.accept().await;
    assert!(matches!(session.next().await, Asked::Update(_)));
    for sample in [1, 2, 3] {
        assert_eq!(session.next().await, Asked::Append(PIECE, sample));
    }
    let Asked::Commit(item) = session.next().await else { panic!("it is asked again") };
    session.transcribe(&item, &["All of it."]).await;
    assert_eq!(caller.heard().await, Heard::Partial("All of it.".into()));
    assert_eq!(caller.heard().await, understood("All of it.", None));
}

#[tokio::test]
async fn a_server_that_gives_up_says_why() {
    let (_server, mut caller, mut session) = listen().await;
    session.error("insufficient_quota", "You exceeded your quota.", &Value::Null).await;
    let Err(Gone::Fault(fault)) = caller.over().await else { panic!("it is over") };
    assert_eq!(fault.to_string(), "openai: the server says: You exceeded your quota.");

    let (_server, mut caller, mut session) = listen().await;
    say(&mut caller, &mut session, &[1]).await;
    let item = commit(&caller, &mut session).await;
    session.fail_to_transcribe(&item, "audio_unintelligible").await;
    assert_eq!(caller.heard().await, understood("", None), "there were no words");
    say(&mut caller, &mut session, &[2]).await;
    let item = commit(&caller, &mut session).await;
    session.fail_to_transcribe(&item, "server_error").await;
    assert!(matches!(caller.over().await, Err(Gone::Fault(_))));
    assert_eq!(session.next().await, Asked::Gone);
}

#[tokio::test]
async fn it_speaks_first_and_listens_by_itself() {
    let (mut caller, mut session) = converse(true).await;
    assert_eq!(session.next().await, Asked::Respond);
    session.say("hello", 3, "Good day.").await;
    for _ in 0..3 {
        assert_eq!(caller.heard().await, Heard::Audio(vec![0x55; PIECE]));
    }
    assert_eq!(caller.heard().await, Heard::Spoken("Good day.".into()));
    say(&mut caller, &mut session, &[1, 2]).await;
    caller.give(Given::EndOfSpeech).await;
    session.speech_started().await;
    assert_eq!(caller.heard().await, Heard::SpeechBegan);
    assert_eq!(caller.heard().await, Heard::Clear);
    let item = session.speech_stopped().await;
    session.say("answer", 1, "Yes.").await;
    session.transcribe(&item, &["Really?"]).await;
    assert_eq!(caller.heard().await, Heard::Audio(vec![0x55; PIECE]));
    assert_eq!(caller.heard().await, Heard::Spoken("Yes.".into()));
    assert_eq!(caller.heard().await, Heard::Partial("Really?".into()));
    assert_eq!(caller.heard().await, understood("Really?", None));
    session.close(CloseCode::Normal).await;
    assert_eq!(caller.over().await, Ok(()), "a bot that closes has finished");
}

#[tokio::test]
async fn what_nobody_heard_is_cut() {
    let (mut caller, mut session) = converse(false).await;
    for (item, pieces) in [("heard", 2), ("begun", 5), ("unheard", 1)] {
        session.say(item, pieces, item).await;
    }
    session.speech_started().await;
    while caller.heard().await != Heard::Clear {}
    caller.give(Given::Silenced { heard: Duration::from_millis(330) }).await;
    assert_eq!(session.next().await, Asked::Truncate("begun".into(), 130));
    assert_eq!(session.next().await, Asked::Truncate("unheard".into(), 0));
    // The next answer is counted from its own beginning, and one that was heard whole is not cut.
    session.say("next", 1, "next").await;
    session.speech_started().await;
    while caller.heard().await != Heard::Clear {}
    caller.give(Given::Silenced { heard: Duration::from_millis(100) }).await;
    say(&mut caller, &mut session, &[1]).await;
}

#[tokio::test]
async fn refusals_that_change_nothing_do_not_end_the_conversation() {
    let (mut caller, mut session) = converse(true).await;
    assert_eq!(session.next().await, Asked::Respond);
    let greeting = json!({ "event_id": "greeting" });
    session.error("conversation_already_has_active_response", "It speaks already.", &greeting).await;
    session.error("invalid_value", "Audio content is already shorter.", &json!({ "event_id": "cut" })).await;
    let item = session.speech_stopped().await;
    session.fail_to_transcribe(&item, "server_error").await;
    session.say("hello", 1, "Good day.").await;
    assert_eq!(caller.heard().await, Heard::Audio(vec![0x55; PIECE]));
    assert_eq!(caller.heard().await, Heard::Spoken("Good day.".into()));
    session.error("server_error", "The server had an error.", &Value::Null).await;
    assert!(matches!(caller.over().await, Err(Gone::Fault(_))));
}

#[tokio::test]
async fn a_conversation_that_breaks_off_is_not_begun_again() {
    let (mut caller, mut session) = converse(false).await;
    assert!(matches!(caller.told().await, Told::Connected { .. }));
    say(&mut caller, &mut session, &[1]).await;
    session.close(CloseCode::Error).await;
    assert!(matches!(caller.told().await, Told::Over(Err(Gone::Broken(_)))));
}
