//! A session against servers that behave, and servers that do not: on real sockets.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use media::Codec;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};
use voice::protocol::twilio::Twilio;
use voice::protocol::vosk::Vosk;
use voice::session::{Given, Gone, Target, Told, run};
use voice::{AudioFormat, CallFacts, Heard, Piece, Protocol};

const PATIENCE: Duration = Duration::from_secs(20);

/// A session that is under way, and where its server listens.
struct Stand {
    listener: TcpListener,
    given: Option<mpsc::Sender<Given>>,
    told: mpsc::UnboundedReceiver<Told>,
}

impl Stand {
    async fn new() -> Self {
        Self::with(|| Box::new(Vosk::new(AudioFormat::Linear8))).await
    }

    async fn with(protocol: fn() -> Box<dyn Protocol>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let target = Target {
            url: format!("ws://{}", listener.local_addr().expect("bound")),
            headers: vec![("authorization".into(), "Token x".into())],
            protocol: Box::new(protocol),
        };
        let (given, from_call) = mpsc::channel(64);
        let (to_call, told) = mpsc::unbounded_channel();
        tokio::spawn(run(target, CallFacts::default(), Codec::Pcma, from_call, to_call));
        Self { listener, given: Some(given), told }
    }

    async fn accept(&self) -> WebSocketStream<TcpStream> {
        let (stream, _) = self.listener.accept().await.expect("a connection");
        accept_async(stream).await.expect("a handshake")
    }

    async fn say(&self, n: u64) {
        let piece = Piece { position: n * 800, samples: vec![n as u8; 800] };
        self.given.as_ref().expect("open").send(Given::Audio(piece)).await.expect("the session runs");
    }

    async fn told(&mut self) -> Told {
        let told = tokio::time::timeout(PATIENCE, self.told.recv()).await;
        told.expect("something is told in time").expect("the session tells its end")
    }

    /// What is told, up to the end.
    async fn over(&mut self) -> Result<(), Gone> {
        loop {
            if let Told::Over(result) = self.told().await {
                return result;
            }
        }
    }
}

/// Bytes of the next frame with audio.
async fn audio(server: &mut WebSocketStream<TcpStream>) -> usize {
    loop {
        match server.next().await.expect("open").expect("a frame") {
            Message::Binary(bytes) => return bytes.len(),
            _ => continue,
        }
    }
}

#[tokio::test]
async fn what_is_said_is_understood() {
    let mut stand = Stand::new().await;
    let mut server = stand.accept().await;
    assert!(matches!(stand.told().await, Told::Connected { .. }));
    stand.say(0).await;
    assert!(matches!(server.next().await, Some(Ok(Message::Text(config))) if config.contains("8000")));
    assert_eq!(audio(&mut server).await, 1_600);
    server.send(Message::text(r#"{"text":"yes"}"#)).await.expect("sent");
    let last = Heard::Final { text: "yes".into(), confidence: None };
    assert_eq!(stand.told().await, Told::Heard(last));
    stand.given = None;
    assert!(matches!(server.next().await, Some(Ok(Message::Text(end))) if end.contains("eof")));
    server.close(None).await.expect("closed");
    assert_eq!(stand.over().await, Ok(()));
}

#[tokio::test]
async fn a_connection_that_breaks_in_a_word_is_opened_again_and_hears_it_whole() {
    let mut stand = Stand::new().await;
    let mut server = stand.accept().await;
    stand.say(0).await;
    stand.say(1).await;
    audio(&mut server).await;
    audio(&mut server).await;
    drop(server);
    let mut server = stand.accept().await;
    stand.say(2).await;
    for _ in 0..3 {
        assert_eq!(audio(&mut server).await, 1_600);
    }
    server.send(Message::text(r#"{"text":"all of it"}"#)).await.expect("sent");
    loop {
        if let Told::Heard(heard) = stand.told().await {
            assert_eq!(heard, Heard::Final { text: "all of it".into(), confidence: None });
            break;
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let mut stand = Stand::new().await;
    let (stream, _) = stand.listener.accept().await.expect("a connection");
    drop(stream);
    assert!(matches!(stand.over().await, Err(Gone::Connect(_))));
}

#[tokio::test]
async fn a_server_that_sends_rubbish() {
    let mut stand = Stand::new().await;
    let mut server = stand.accept().await;
    server.send(Message::text("<html>")).await.expect("sent");
    assert!(matches!(stand.over().await, Err(Gone::Fault(_))));
}

#[tokio::test]
async fn a_server_that_sends_too_much() {
    let mut stand = Stand::new().await;
    let mut server = stand.accept().await;
    for _ in 0..2_000 {
        if server.send(Message::text(r#"{"partial":"a"}"#)).await.is_err() {
            break;
        }
    }
    assert_eq!(stand.over().await, Err(Gone::Flood));
}

#[tokio::test]
async fn a_frame_that_is_too_long() {
    let mut stand = Stand::new().await;
    let mut server = stand.accept().await;
    let long = format!(r#"{{"text":"{}"}}"#, "a".repeat(200 << 10));
    let _ = server.send(Message::text(long)).await;
    // It is opened again as any that broke, and breaks again.
    for _ in 0..2 {
        let mut server = stand.accept().await;
        let _ = server.send(Message::text("x".repeat(200 << 10))).await;
    }
    assert!(matches!(stand.over().await, Err(Gone::Broken(_))));
}

#[tokio::test]
async fn a_server_that_takes_nothing() {
    let mut stand = Stand::new().await;
    // The handshake, and then nothing is read; and no further handshake.
    let _server = stand.accept().await;
    let given = stand.given.take().expect("open");
    let speaker = tokio::spawn(async move {
        let piece = |n: u64| Given::Audio(Piece { position: n * 800, samples: vec![0; 800] });
        // The kernel's buffers take some megabytes first.
        let mut n = 0;
        while given.send(piece(n)).await.is_ok() {
            n += 1;
        }
    });
    let mut reconnections = 0;
    let over = loop {
        match stand.told().await {
            Told::Reconnecting => reconnections += 1,
            Told::Over(over) => break over,
            _ => {}
        }
    };
    assert!(matches!(over, Err(Gone::Connect(_))), "{over:?}");
    assert_eq!(reconnections, 2);
    speaker.await.expect("it ends with the session");
}

#[tokio::test]
async fn what_was_understood_is_not_asked_for_again() {
    let mut stand = Stand::new().await;
    let mut server = stand.accept().await;
    stand.say(0).await;
    audio(&mut server).await;
    stand.given.as_ref().expect("open").send(Given::EndOfSpeech).await.expect("the session runs");
    assert_eq!(audio(&mut server).await, 16_000, "silence, so that the result comes");
    server.send(Message::text(r#"{"text":"yes"}"#)).await.expect("sent");
    while !matches!(stand.told().await, Told::Heard(Heard::Final { .. })) {}
    stand.given.as_ref().expect("open").send(Given::EndOfSpeech).await.expect("the session runs");
    let nothing_more = Heard::Final { text: String::new(), confidence: None };
    assert_eq!(stand.told().await, Told::Heard(nothing_more));
    stand.say(1).await;
    assert_eq!(audio(&mut server).await, 1_600, "the next utterance, and no silence before it");
}

#[tokio::test]
async fn a_server_that_breaks_when_asked_is_asked_again() {
    let stand = Stand::new().await;
    let mut server = stand.accept().await;
    stand.say(0).await;
    audio(&mut server).await;
    stand.given.as_ref().expect("open").send(Given::EndOfSpeech).await.expect("the session runs");
    assert_eq!(audio(&mut server).await, 16_000);
    drop(server);
    let mut server = stand.accept().await;
    assert_eq!([audio(&mut server).await, audio(&mut server).await], [1_600, 16_000]);
}

#[tokio::test]
async fn a_server_that_breaks_before_its_last_word_is_asked_for_it_again() {
    let mut stand = Stand::new().await;
    let mut server = stand.accept().await;
    stand.say(0).await;
    audio(&mut server).await;
    stand.given = None;
    assert!(matches!(server.next().await, Some(Ok(Message::Text(end))) if end.contains("eof")));
    server.close(None).await.expect("closed");
    let mut server = stand.accept().await;
    assert_eq!(audio(&mut server).await, 1_600);
    server.send(Message::text(r#"{"text":"yes"}"#)).await.expect("sent");
    server.close(None).await.expect("closed");
    assert_eq!(stand.over().await, Ok(()));
}

#[tokio::test]
async fn rubbish_in_place_of_the_last_word() {
    let mut stand = Stand::new().await;
    let mut server = stand.accept().await;
    stand.say(0).await;
    audio(&mut server).await;
    stand.given = None;
    server.send(Message::text("<html>")).await.expect("sent");
    assert!(matches!(stand.over().await, Err(Gone::Fault(_))));
}

#[tokio::test]
async fn a_server_that_lags_has_two_last_words() {
    let mut stand = Stand::new().await;
    let mut server = stand.accept().await;
    stand.say(0).await;
    audio(&mut server).await;
    stand.given = None;
    for words in ["I want", "the red one"] {
        server.send(Message::text(format!(r#"{{"text":"{words}"}}"#))).await.expect("sent");
    }
    let mut said = Vec::new();
    loop {
        match stand.told().await {
            Told::Heard(Heard::Final { text, .. }) => said.push(text),
            // The connection is left open, and the session is over all the same.
            Told::Over(over) => break assert_eq!(over, Ok(())),
            _ => {}
        }
    }
    assert_eq!(said, ["I want", "the red one"]);
}

#[tokio::test]
async fn a_server_to_which_nobody_listens_is_left_at_once() {
    let stand = Stand::new().await;
    let mut server = stand.accept().await;
    stand.say(0).await;
    audio(&mut server).await;
    drop(stand.told);
    let closed = async {
        while let Some(Ok(message)) = server.next().await {
            assert!(!message.is_text(), "{message}")
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.expect("it is closed");
    drop(stand.given);
}

#[tokio::test]
async fn a_server_that_comes_back_after_a_while_is_found_again() {
    let stand = Stand::new().await;
    let mut server = stand.accept().await;
    stand.say(0).await;
    audio(&mut server).await;
    drop(server);
    // The first try meets a server that is not ready yet.
    let (refused, _) = stand.listener.accept().await.expect("a connection");
    drop(refused);
    let mut server = stand.accept().await;
    assert_eq!(audio(&mut server).await, 1_600);
}

#[tokio::test]
async fn a_server_without_tls_where_tls_belongs() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let target = Target {
        url: format!("wss://{}", listener.local_addr().expect("bound")),
        headers: vec![],
        protocol: Box::new(|| Box::new(Vosk::new(AudioFormat::Linear8)) as Box<dyn Protocol>),
    };
    let (_given, from_call) = mpsc::channel(64);
    let (to_call, mut told) = mpsc::unbounded_channel();
    tokio::spawn(run(target, CallFacts::default(), Codec::Pcma, from_call, to_call));
    let (mut stream, _) = listener.accept().await.expect("a connection");
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("written");
    let told = tokio::time::timeout(PATIENCE, told.recv()).await.expect("in time").expect("told");
    assert!(matches!(told, Told::Over(Err(Gone::Connect(_)))), "{told:?}");
}

/// A session with a bot.
async fn bot() -> (Stand, WebSocketStream<TcpStream>) {
    let stand = Stand::with(|| Box::new(Twilio::new())).await;
    let mut server = stand.accept().await;
    for event in ["connected", "start"] {
        assert!(matches!(server.next().await, Some(Ok(Message::Text(text))) if text.contains(event)));
    }
    (stand, server)
}

#[tokio::test]
async fn a_bot_that_closes_has_finished_and_one_that_breaks_off_is_not_connected_again() {
    let (mut stand, mut server) = bot().await;
    server.close(None).await.expect("closed");
    assert_eq!(stand.over().await, Ok(()));

    let (mut stand, mut server) = bot().await;
    stand.say(0).await;
    assert!(matches!(server.next().await, Some(Ok(Message::Text(text))) if text.contains("media")));
    drop(server);
    assert!(matches!(stand.over().await, Err(Gone::Broken(_))));
}

#[tokio::test]
async fn a_bot_may_say_a_minute_at_once_but_not_an_hour() {
    let (mut stand, mut server) = bot().await;
    let media = |samples| {
        let payload = STANDARD.encode(vec![0xFF; samples]);
        Message::text(format!(r#"{{"event":"media","media":{{"payload":"{payload}"}}}}"#))
    };
    for _ in 0..3_000 {
        server.send(media(160)).await.expect("it is taken");
    }
    server.send(media(60 * 8_000)).await.expect("it is taken");
    let mut heard = 0;
    while heard < 120 * 8_000 {
        if let Told::Heard(Heard::Audio(audio)) = stand.told().await {
            heard += audio.len();
        }
    }
    while server.send(media(60 * 8_000)).await.is_ok() {}
    assert_eq!(stand.over().await, Err(Gone::Flood));
}

#[tokio::test]
async fn a_recogniser_without_a_last_word() {
    let mut stand = Stand::new().await;
    let mut server = stand.accept().await;
    stand.say(0).await;
    audio(&mut server).await;
    stand.given = None;
    assert_eq!(stand.over().await, Err(Gone::Wordless));
}
