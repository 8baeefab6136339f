//! Sessions with Deepgram: against a server of our own that checks every message.

mod protocol_servers;
#[path = "protocol_servers/deepgram.rs"]
mod server;

use protocol_servers::{Caller, KEY, PIECE_SAMPLES, understood};
use server::{Asked, Deepgram, Stream};
use voice::protocol::deepgram;
use voice::session::{Given, Gone, Told};
use voice::{AudioFormat, CallFacts, Heard};

async fn connect(format: AudioFormat, model: &str, call: CallFacts) -> (Deepgram, Caller, Stream) {
    let server = Deepgram::new().await;
    let url = deepgram::Deepgram::new(format).address(&server.url(model), &call, 700);
    let protocol = move || Box::new(deepgram::Deepgram::new(format)) as _;
    let caller = Caller::begin(url, format!("Token {KEY}"), call, protocol);
    let stream = server.accept().await;
    (server, caller, stream)
}

async fn listen() -> (Deepgram, Caller, Stream) {
    let call = CallFacts { language: "en-GB".into(), ..CallFacts::default() };
    connect(AudioFormat::Mulaw, "model=nova-3", call).await
}

const PIECE: usize = PIECE_SAMPLES;

#[tokio::test]
async fn an_answer_is_heard_whole() {
    let (_server, mut caller, mut stream) = listen().await;
    for sample in [1, 2] {
        caller.say(sample).await;
        assert_eq!(stream.next().await, Asked::Audio(PIECE, sample));
    }
    stream.speech_started().await;
    stream.result("I would", &[]).await;
    stream.result("I would like", &["is_final"]).await;
    assert_eq!(caller.heard().await, Heard::SpeechBegan);
    assert_eq!(caller.heard().await, Heard::Partial("I would".into()));
    caller.give(Given::EndOfSpeech).await;
    assert_eq!(stream.next().await, Asked::Finalize);
    stream.result("the red one", &["is_final", "from_finalize"]).await;
    assert_eq!(caller.heard().await, understood("I would like the red one", Some(0.75)));
    caller.hang_up();
    assert_eq!(stream.next().await, Asked::CloseStream);
    stream.end().await;
    assert_eq!(caller.over().await, Ok(()));
}

#[tokio::test]
async fn linear_audio_is_sent_as_the_address_says() {
    for (format, rate, bytes) in [(AudioFormat::Linear8, "8000", 2), (AudioFormat::Linear16, "16000", 4)] {
        let (_server, mut caller, mut stream) = connect(format, "model=nova-3", CallFacts::default()).await;
        assert_eq!((stream.values("encoding"), stream.values("sample_rate")), (vec!["linear16"], vec![rate]));
        caller.say(0xFF).await;
        assert_eq!(stream.next().await, Asked::Audio(bytes * PIECE, 0));
    }
}

#[tokio::test]
async fn a_long_list_of_phrases_is_no_reason_to_refuse() {
    for phrase in ["would you please not call me any more", "请不要再给我打电话了谢谢你"] {
        let phrases: Vec<_> = (0..227).map(|n| format!("{phrase} {n}")).collect();
        let call = CallFacts { language: "zh-CN".into(), phrases, likely: 227, ..CallFacts::default() };
        for (model, takes) in [("model=nova-3", true), ("model=nova-2-phonecall", false)] {
            let (_server, _caller, stream) = connect(AudioFormat::Mulaw, model, call.clone()).await;
            assert_eq!(stream.values("keyterm").first(), takes.then(|| call.phrases[0].as_str()).as_ref());
        }
    }
}

#[tokio::test]
async fn words_that_were_final_are_told_though_finalize_has_no_answer() {
    let (_server, mut caller, mut stream) = listen().await;
    caller.say(1).await;
    assert_eq!(stream.next().await, Asked::Audio(PIECE, 1));
    stream.result("no thank you", &["is_final"]).await;
    caller.give(Given::EndOfSpeech).await;
    assert_eq!(stream.next().await, Asked::Finalize);
    // Nothing was left to finalize, and nothing comes. Who cannot wait closes.
    caller.hang_up();
    assert_eq!(stream.next().await, Asked::CloseStream);
    stream.end().await;
    assert_eq!(caller.heard().await, understood("no thank you", Some(0.75)));
    assert_eq!(caller.over().await, Ok(()));
}

#[tokio::test]
async fn what_it_ended_itself_is_not_asked_for_again() {
    let (_server, mut caller, mut stream) = listen().await;
    caller.say(1).await;
    assert_eq!(stream.next().await, Asked::Audio(PIECE, 1));
    stream.result("yes", &["is_final", "speech_final"]).await;
    stream.utterance_end().await;
    assert_eq!(caller.heard().await, understood("yes", Some(0.75)));
    caller.give(Given::EndOfSpeech).await;
    caller.say(2).await;
    assert_eq!(stream.next().await, Asked::Audio(PIECE, 2), "and no Finalize before it");
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again_and_asked_again() {
    let (server, mut caller, mut stream) = listen().await;
    for sample in [1, 2] {
        caller.say(sample).await;
        assert_eq!(stream.next().await, Asked::Audio(PIECE, sample));
    }
    caller.give(Given::EndOfSpeech).await;
    assert_eq!(stream.next().await, Asked::Finalize);
    stream.break_off("NET-0000").await;
    server.refuse().await;
    let mut stream = server.accept().await;
    for sample in [1, 2] {
        assert_eq!(stream.next().await, Asked::Audio(PIECE, sample));
    }
    assert_eq!(stream.next().await, Asked::Finalize);
    stream.result("all of it", &["is_final", "from_finalize"]).await;
    assert_eq!(caller.heard().await, understood("all of it", Some(0.75)));
}

#[tokio::test]
async fn a_silent_connection_is_kept() {
    let (_server, mut caller, mut stream) = listen().await;
    assert!(matches!(caller.told().await, Told::Connected { .. }));
    tokio::time::pause();
    for _ in 0..4 {
        assert_eq!(stream.next().await, Asked::KeepAlive);
    }
}

#[tokio::test]
async fn a_server_that_gives_up_says_why() {
    let (_server, mut caller, mut stream) = listen().await;
    stream.error("no credit").await;
    let Err(Gone::Fault(fault)) = caller.over().await else { panic!("it is over") };
    assert_eq!(fault.to_string(), "deepgram: the server says: no credit");
    assert_eq!(stream.next().await, Asked::Gone);
}
