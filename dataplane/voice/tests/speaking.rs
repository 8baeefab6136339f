//! Voices over HTTP against servers that behave, and servers that do not: on real sockets.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use voice::http::Http;
use voice::speech::{
    Cache, OpenAi, OpenAiSettings, Origin, Plain, PlainSettings, SAMPLES_MAX, Saying, Speaker, SpeechError,
    Spoken, Voice,
};
use voice::{FAILURES, PAUSE, Refusal, SharedBreaker};

/// A server that was asked, and may now answer as it likes.
struct Asked {
    head: String,
    body: Value,
    stream: TcpStream,
}

/// A voice's server, and a cache.
struct Stand {
    listener: TcpListener,
    folder: tempfile::TempDir,
    breaker: SharedBreaker,
}

/// A sentence that is on its way.
struct Speaking {
    pieces: mpsc::Receiver<Vec<i16>>,
    result: JoinHandle<Result<Spoken, SpeechError>>,
}

impl Stand {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let folder = tempfile::tempdir().expect("a folder");
        Self { listener, folder, breaker: SharedBreaker::new(2) }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listener.local_addr().expect("bound"))
    }

    fn openai(&self) -> Speaker {
        let settings = OpenAiSettings {
            url: self.url("/v1"),
            key: Some("sk-test".into()),
            model: "tts-1".into(),
            voice: "alloy".into(),
            instructions: None,
            begin_max: Duration::from_secs(10),
            breaker: self.breaker.clone(),
        };
        self.speaker(Arc::new(OpenAi::new(Http::new(), settings).expect("good settings")))
    }

    fn plain(&self) -> Speaker {
        let headers = vec![("x-key".to_owned(), "7".to_owned())];
        let settings = PlainSettings {
            url: self.url("/say"),
            headers,
            version: "1".into(),
            begin_max: Duration::from_secs(10),
            breaker: self.breaker.clone(),
        };
        self.speaker(Arc::new(Plain::new(Http::new(), settings).expect("good settings")))
    }

    fn speaker(&self, voice: Arc<dyn Voice>) -> Speaker {
        Speaker::new(voice, Some(Cache::open(self.folder.path(), 1 << 20).expect("opens")))
    }

    async fn asked(&self) -> Asked {
        let (mut stream, _) = self.listener.accept().await.expect("a connection");
        let mut request = Vec::new();
        loop {
            let mut piece = [0; 4_096];
            let count = stream.read(&mut piece).await.expect("a request");
            assert!(count > 0, "the request ends early");
            request.extend_from_slice(&piece[..count]);
            let text = String::from_utf8(request.clone()).expect("text");
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let head = head.to_ascii_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if length == Some(body.len()) {
                let body = serde_json::from_str(body).expect("JSON");
                return Asked { head, body, stream };
            }
        }
    }
}

impl Asked {
    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the client reads");
    }

    async fn begin(&mut self, kind: &str) {
        self.send(
            format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n")
                .as_bytes(),
        )
        .await;
    }

    async fn chunk(&mut self, bytes: &[u8]) {
        self.send(&[format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()).await;
    }

    async fn whole(&mut self, status: &str, kind: &str, body: &[u8]) {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        self.send(&[head.as_bytes(), body].concat()).await;
    }

    /// Whether the client closes the connection.
    async fn was_left(mut self) -> bool {
        let mut rest = Vec::new();
        let read = self.stream.read_to_end(&mut rest);
        tokio::time::timeout(Duration::from_secs(20), read).await.is_ok()
    }
}

impl Speaking {
    fn begin(speaker: &Speaker) -> Self {
        Self::of(speaker, "Good morning.")
    }

    fn of(speaker: &Speaker, text: &str) -> Self {
        let (to, pieces) = mpsc::channel(16);
        let (speaker, saying) = (speaker.clone(), Saying { text: text.into(), ..saying() });
        Self { pieces, result: tokio::spawn(async move { speaker.say(&saying, to).await }) }
    }

    /// What was heard, and what came of it.
    async fn end(mut self) -> (Vec<i16>, Result<Spoken, SpeechError>) {
        let mut heard = Vec::new();
        while let Some(piece) = self.pieces.recv().await {
            heard.extend(piece);
        }
        (heard, self.result.await.expect("no panic"))
    }

    async fn fails(self) -> String {
        self.end().await.1.expect_err("no speech").to_string()
    }
}

fn saying() -> Saying {
    Saying { text: "Good morning.".into(), language: "en-GB".into(), voice: None }
}

/// Linear audio of a constant level, so many samples of it.
fn level(samples: usize, bytes: fn(i16) -> [u8; 2]) -> Vec<u8> {
    (0..samples).flat_map(|_| bytes(4_000)).collect()
}

fn is_level(samples: &[i16]) -> bool {
    samples.iter().all(|sample| sample.abs_diff(4_000) < 40)
}

fn wav(data: &[u8]) -> Vec<u8> {
    let mut file =
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3E\0\0\0\x7D\0\0\x02\0\x10\0data\0\0\0\0".to_vec();
    file.extend(data);
    file
}

#[tokio::test]
async fn the_first_audio_is_heard_while_the_rest_is_made() {
    let stand = Stand::new().await;
    let speaker = stand.openai();
    let mut speaking = Speaking::begin(&speaker);
    let mut asked = stand.asked().await;
    assert!(asked.head.starts_with("post /v1/audio/speech "), "{}", asked.head);
    assert!(
        asked.head.contains("authorization: bearer sk-test")
            && asked.head.contains("content-type: application/json")
    );
    let question =
        json!({ "model": "tts-1", "voice": "alloy", "input": "Good morning.", "response_format": "pcm" });
    assert_eq!(asked.body, question);
    asked.begin("audio/pcm").await;
    asked.chunk(&level(2_400, i16::to_le_bytes)).await;
    let first = speaking.pieces.recv().await.expect("before the rest is there");
    assert!(first.len() > 700 && is_level(&first[100..]), "{} samples", first.len());
    // Cut in the middle of a sample.
    let rest = level(4_800, i16::to_le_bytes);
    asked.chunk(&rest[..4_001]).await;
    asked.chunk(&rest[4_001..]).await;
    asked.send(b"0\r\n\r\n").await;
    let (heard, spoken) = speaking.end().await;
    let spoken = spoken.expect("spoken");
    assert!(matches!(spoken.origin, Origin::Made(None)));
    assert_eq!((spoken.samples, first.len() + heard.len()), (2_400, 2_400));
    // The second time nobody is asked.
    let (again, spoken) = Speaking::begin(&speaker).end().await;
    assert!(matches!(spoken.expect("spoken").origin, Origin::Cache));
    assert_eq!(again, [first, heard].concat());
}

#[tokio::test]
async fn a_plain_server_may_answer_in_three_ways() {
    for (kind, body, samples) in [
        ("audio/wav", wav(&level(1_600, i16::to_le_bytes)), 800),
        ("audio/L16; rate=24000", level(2_400, i16::to_be_bytes), 800),
        ("audio/basic", vec![media::Codec::Pcmu.encode(4_000); 800], 800),
    ] {
        let stand = Stand::new().await;
        let speaker = stand.plain();
        let speaking = Speaking::begin(&speaker);
        let mut asked = stand.asked().await;
        assert!(asked.head.starts_with("post /say ") && asked.head.contains("x-key: 7"), "{}", asked.head);
        assert_eq!(asked.body, json!({ "text": "Good morning.", "language": "en-GB" }));
        asked.whole("200 OK", kind, &body).await;
        let (heard, spoken) = speaking.end().await;
        assert_eq!(spoken.expect(kind).samples, samples, "{kind}");
        assert!(heard[100..700].iter().all(|sample| sample.abs_diff(4_000) < 150), "{kind}");
    }
}

#[tokio::test]
async fn a_page_is_not_read_out() {
    for (kind, body) in [
        ("text/html", "<html>"),
        ("application/octet-stream", "<html><body>Bad gateway</body></html>"),
        ("application/json", "{\"audio\":\"\"}"),
        ("audio/mpeg", "ID3"),
        ("audio/pcm", "{\"error\":\"no\"}"),
        ("audio/pcm", ""),
    ] {
        let stand = Stand::new().await;
        let speaker = stand.openai();
        let speaking = Speaking::begin(&speaker);
        stand.asked().await.whole("200 OK", kind, body.as_bytes()).await;
        let (heard, result) = speaking.end().await;
        assert!(matches!(result, Err(SpeechError::Unusable { .. })), "{kind} {body}: {result:?}");
        assert!(heard.is_empty(), "{kind} {body}");
    }
}

#[tokio::test]
async fn what_the_server_says_of_an_error_is_told() {
    for (body, words) in [
        (r#"{"error":{"message":"no such model","type":"x"}}"#, "status 404: no such model"),
        (r#"{"detail":"no such voice"}"#, "status 404: no such voice"),
        ("<html>", "status 404"),
    ] {
        let stand = Stand::new().await;
        let speaking = Speaking::begin(&stand.openai());
        stand.asked().await.whole("404 Not Found", "application/json", body.as_bytes()).await;
        let error = speaking.fails().await;
        assert!(error.contains(words) && !error.contains("html"), "{error}");
    }
}

#[tokio::test]
async fn audio_without_end_is_cut_off() {
    let stand = Stand::new().await;
    let speaking = Speaking::begin(&stand.openai());
    let mut asked = stand.asked().await;
    let server = tokio::spawn(async move {
        asked.begin("audio/pcm").await;
        // 30 MB are ten minutes.
        let chunk = [b"186a0\r\n", &vec![1u8; 100_000][..], b"\r\n"].concat();
        for n in 0..300 {
            if asked.stream.write_all(&chunk).await.is_err() {
                return n;
            }
        }
        300
    });
    let (heard, result) = speaking.end().await;
    assert!(matches!(result, Err(SpeechError::Endless)), "{result:?}");
    assert!(heard.len() <= SAMPLES_MAX && heard.len() > SAMPLES_MAX / 2);
    assert!(server.await.expect("no panic") < 300, "the connection is closed");
}

#[tokio::test]
async fn a_server_that_does_not_begin() {
    let stand = Stand::new().await;
    let speaking = Speaking::begin(&stand.openai());
    let asked = stand.asked().await;
    // From here on only timers can go on.
    tokio::time::pause();
    let (heard, result) = speaking.end().await;
    assert!(matches!(result, Err(SpeechError::Slow { seconds: 10, .. })), "{result:?}");
    assert!(heard.is_empty());
    tokio::time::resume();
    assert!(asked.was_left().await);
}

#[tokio::test]
async fn a_server_that_stops_in_the_middle() {
    let stand = Stand::new().await;
    let mut speaking = Speaking::begin(&stand.openai());
    let mut asked = stand.asked().await;
    asked.begin("audio/pcm").await;
    asked.chunk(&level(2_400, i16::to_le_bytes)).await;
    speaking.pieces.recv().await.expect("what there is");
    tokio::time::pause();
    let (_, result) = speaking.end().await;
    assert!(matches!(result, Err(SpeechError::Slow { .. })), "{result:?}");
}

#[tokio::test]
async fn the_head_of_a_file_is_no_beginning() {
    let stand = Stand::new().await;
    let speaking = Speaking::begin(&stand.plain());
    let mut asked = stand.asked().await;
    asked.begin("audio/wav").await;
    asked.chunk(&wav(&[])).await;
    tokio::time::pause();
    let (_, result) = speaking.end().await;
    assert!(matches!(result, Err(SpeechError::Slow { seconds: 10, .. })), "{result:?}");
}

#[tokio::test]
async fn half_a_sentence_is_not_kept() {
    let stand = Stand::new().await;
    let speaker = stand.openai();
    for end in [&b""[..], b"zzz\r\n"] {
        let mut speaking = Speaking::begin(&speaker);
        let mut asked = stand.asked().await;
        asked.begin("audio/pcm").await;
        asked.chunk(&level(2_400, i16::to_le_bytes)).await;
        speaking.pieces.recv().await.expect("what there is");
        asked.send(end).await;
        drop(asked);
        let error = speaking.fails().await;
        assert!(error.contains("broke"), "{error}");
    }
    // It is asked for again: nothing was kept.
    let speaking = Speaking::begin(&speaker);
    stand.asked().await.whole("200 OK", "audio/pcm", &level(2_400, i16::to_le_bytes)).await;
    assert!(matches!(speaking.end().await.1.expect("spoken").origin, Origin::Made(None)));
}

#[tokio::test]
async fn who_hangs_up_is_not_spoken_to() {
    let stand = Stand::new().await;
    let speaker = stand.openai();
    let mut speaking = Speaking::begin(&speaker);
    let mut asked = stand.asked().await;
    asked.begin("audio/pcm").await;
    asked.chunk(&level(2_400, i16::to_le_bytes)).await;
    speaking.pieces.recv().await.expect("what there is");
    speaking.pieces.close();
    asked.chunk(&level(2_400, i16::to_le_bytes)).await;
    assert!(matches!(speaking.end().await.1, Err(SpeechError::Unwanted)));
    assert!(asked.was_left().await, "the server need not go on");
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let stand = Stand::new().await;
    let speaker = stand.openai();
    drop(stand.listener);
    let error = speaker.make(&saying()).await.expect_err("nobody listens");
    assert!(error.to_string().contains("cannot be reached"), "{error}");
}

/// As many sentences as would open the breaker, one after the other, each answered with this status.
async fn all_answered(stand: &Stand, speaker: &Speaker, status: &str) {
    for _ in 0..FAILURES {
        let speaking = Speaking::begin(speaker);
        stand.asked().await.whole(status, "text/plain", b"").await;
        speaking.fails().await;
    }
}

fn is_refused(result: &Result<Spoken, SpeechError>, as_what: Refusal) -> bool {
    matches!(result, Err(SpeechError::Refused { refusal, .. }) if *refusal == as_what)
}

#[tokio::test]
async fn a_server_that_is_down_is_left_alone() {
    for status in ["503 Service Unavailable", "429 Too Many Requests"] {
        let stand = Stand::new().await;
        let speaker = stand.plain();
        all_answered(&stand, &speaker, status).await;
        tokio::time::pause();
        let (_, result) = Speaking::of(&speaker, "While it is down.").end().await;
        assert!(is_refused(&result, Refusal::Down), "{result:?}");
        tokio::time::advance(PAUSE).await;
        tokio::time::resume();
        let trial = Speaking::of(&speaker, "After the pause.");
        let mut asked = stand.asked().await;
        assert_eq!(asked.body["text"], "After the pause.", "it was not asked meanwhile");
        asked.whole("200 OK", "audio/basic", &[0; 800]).await;
        trial.end().await.1.expect("spoken");
        assert_eq!(stand.breaker.under_way(), 0);
    }
}

#[tokio::test]
async fn a_server_that_declines_sentences_is_asked_for_others() {
    let stand = Stand::new().await;
    let speaker = stand.plain();
    for status in ["400 Bad Request", "401 Unauthorized", "302 Found"] {
        all_answered(&stand, &speaker, status).await;
    }
    // Nor is it down when there is nothing in them that it could speak.
    for _ in 0..FAILURES {
        let speaking = Speaking::begin(&speaker);
        stand.asked().await.whole("200 OK", "audio/wav", &wav(&[])).await;
        let (_, result) = speaking.end().await;
        assert!(matches!(result, Err(SpeechError::Declined { .. })), "{result:?}");
    }
    let speaking = Speaking::begin(&speaker);
    stand.asked().await.whole("200 OK", "audio/basic", &[0; 800]).await;
    speaking.end().await.1.expect("spoken");
}

#[tokio::test]
async fn who_interrupts_a_server_does_not_close_it_to_others() {
    let stand = Stand::new().await;
    let speaker = stand.openai();
    for n in 0..2 * FAILURES {
        let mut speaking = Speaking::begin(&speaker);
        let mut asked = stand.asked().await;
        asked.begin("audio/pcm").await;
        asked.chunk(&level(2_400, i16::to_le_bytes)).await;
        speaking.pieces.recv().await.expect("what there is");
        if n % 2 == 0 {
            speaking.result.abort();
            assert!(speaking.result.await.is_err(), "it was under way");
        } else {
            speaking.pieces.close();
            asked.chunk(&level(2_400, i16::to_le_bytes)).await;
            assert!(matches!(speaking.end().await.1, Err(SpeechError::Unwanted)));
        }
        assert_eq!(stand.breaker.under_way(), 0);
    }
}

#[tokio::test]
async fn a_server_has_no_more_sentences_than_allowed() {
    let stand = Stand::new().await;
    let speaker = stand.plain();
    let (first, mut other) = (Speaking::of(&speaker, "One."), stand.asked().await);
    let (second, mut asked) = (Speaking::of(&speaker, "Two."), stand.asked().await);
    let (_, result) = Speaking::of(&speaker, "Three.").end().await;
    assert!(is_refused(&result, Refusal::Full), "{result:?}");
    assert_eq!(stand.breaker.under_way(), 2);
    asked.whole("200 OK", "audio/basic", &[0; 800]).await;
    second.end().await.1.expect("spoken");
    let third = Speaking::of(&speaker, "Three.");
    let mut asked = stand.asked().await;
    let (_, kept) = Speaking::of(&speaker, "Two.").end().await;
    assert!(matches!(kept.expect("spoken").origin, Origin::Cache), "what is kept needs no place");
    for asked in [&mut other, &mut asked] {
        asked.whole("200 OK", "audio/basic", &[0; 800]).await;
    }
    for speaking in [first, third] {
        speaking.end().await.1.expect("spoken");
    }
}

#[tokio::test]
async fn too_long_a_sentence_is_refused() {
    let stand = Stand::new().await;
    let long = Saying { text: "a".repeat(3_000), ..saying() };
    assert!(matches!(stand.openai().make(&long).await, Err(SpeechError::TooLong { characters: 3_000 })));
}

#[tokio::test]
async fn what_espeak_said_once_comes_from_the_disk() {
    let stand = Stand::new().await;
    let speaker = stand.speaker(Arc::new(voice::speech::Espeak::new("espeak-ng", 160, 2)));
    let made = speaker.make(&saying()).await.expect("spoken");
    let (kept, spoken) = Speaking::begin(&speaker).end().await;
    assert!(matches!(spoken.expect("spoken").origin, Origin::Cache));
    assert!(made.len() > 4_000 && made == kept);
}
