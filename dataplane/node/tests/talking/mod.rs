//! Calls with a script, made by `dial` to a customer who says things, and servers of hooks on real sockets beside them.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use loadtest::{CarrierConfig, Cast, LineConfig};
use peal_node::dial::{Dial, DialReport, DialResult, DialScript, Dialogue};
use peal_node::voice::config::{BotConfig, RecogniserConfig, RecogniserProtocol, VoiceConfig, VoiceSource};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;

/// What came of a call.
pub struct Talk {
    /// As the record tells it.
    pub dialogue: Dialogue,
    /// As the customer saw it.
    pub customer: loadtest::CastRecord,
    /// What went wrong with hooks.
    pub faults: BTreeMap<String, u64>,
    /// What the customer heard, in samples.
    pub heard: Vec<i16>,
    /// What the script collected.
    pub digits: String,
    /// What the customer said who wants no more calls.
    pub opt_outs: Vec<String>,
}

/// Calls a customer who does this, with the steps of a script. `sound.wav` is a loud second.
pub fn talk(steps: Value, voice: VoiceConfig, acts: &str) -> Talk {
    let folder = tempfile::tempdir().expect("a folder");
    let (report, ledger) = call(folder.path(), 1, steps, voice, acts);
    let result = &report.results[0];
    let ended = result.ended.clone().unwrap_or_else(|| panic!("no call was made: {}", result.detail));
    let customer = ledger.calls[0].end.as_ref().and_then(|end| end.cast.clone()).expect("a customer");
    let recording = folder.path().join("recordings/1-ann.wav");
    let recording = hound::WavReader::open(recording).expect("a recording");
    let both: Vec<i16> = recording.into_samples().map(|sample| sample.expect("16 bits")).collect();
    Talk {
        dialogue: ended.dialogue.expect("a dialogue"),
        customer: *customer,
        faults: report.hook_faults,
        heard: both.iter().skip(CALLER).step_by(2).copied().collect(),
        digits: ended.digits,
        opt_outs: report.opt_outs,
    }
}

/// The same with several customers at once, whose calls two shards share, and what went wrong with hooks in all.
pub fn talks(
    count: usize,
    steps: Value,
    voice: VoiceConfig,
    acts: &str,
) -> (Vec<Dialogue>, BTreeMap<String, u64>) {
    let folder = tempfile::tempdir().expect("a folder");
    let (report, _) = call(folder.path(), count, steps, voice, acts);
    let dialogue = |result: &DialResult| {
        let ended = result.ended.clone().unwrap_or_else(|| panic!("no call was made: {}", result.detail));
        ended.dialogue.expect("a dialogue")
    };
    (report.results.iter().map(dialogue).collect(), report.hook_faults)
}

fn call(
    folder: &Path,
    count: usize,
    steps: Value,
    voice: VoiceConfig,
    acts: &str,
) -> (DialReport, loadtest::Ledger) {
    sound(&folder.join("sound.wav"));
    std::fs::write(folder.join("cast.yaml"), format!("customers:\n- name: ann\n{acts}")).expect("written");
    let line = LineConfig::new("a", "127.0.0.1:0".parse().expect("an address"));
    let config = CarrierConfig {
        cast: Some(Cast::load(&folder.join("cast.yaml")).expect("a cast")),
        cast_recordings: Some(folder.join("recordings")),
        rules: vec!["*=person:ring=0.1".parse().expect("a rule")],
        ..CarrierConfig::new(vec![line])
    };
    let carrier = loadtest::Carrier::start(config).expect("a carrier");
    let mut dial = crate::dialling::dial(carrier.addresses()[0].to_string());
    dial.destinations = vec!["1".to_owned()];
    (dial.count, dial.local.shards) = (count, count.min(2) as u16);
    dial.script = Some(DialScript {
        document: serde_json::json!({ "name": "t", "steps": steps }).to_string(),
        contact: vec![("name".to_owned(), "Ann".to_owned())],
        voice,
        data: folder.join("data"),
    });
    let report = Dial::start(dial).expect("it starts").wait().expect("a report");
    let (_, ledger) = carrier.stop_with_ledger().expect("a ledger");
    (report, ledger)
}

/// The caller's channel in a customer's recording.
const CALLER: usize = 1;

fn sound(path: &Path) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).expect("a file");
    for n in 0..8_000 {
        wav.write_sample((8_000.0 * (f64::from(n) * 0.4).sin()) as i16).expect("written");
    }
    wav.finalize().expect("written");
}

/// A WebSocket server that gives each connection to `serve`, with its number from 0. It ends with the process.
pub fn server<F, Fut>(serve: F) -> SocketAddr
where
    F: Fn(usize, WebSocketStream<TcpStream>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send,
{
    let serve = Arc::new(serve);
    tcp_server(move |number, stream| {
        let serve = serve.clone();
        async move {
            if let Ok(socket) = tokio_tungstenite::accept_async(stream).await {
                serve(number, socket).await;
            }
        }
    })
}

/// The same without WebSocket; connections are served one after the other.
pub fn tcp_server<F, Fut>(serve: F) -> SocketAddr
where
    F: Fn(usize, TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()>,
{
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
            tell.send(listener.local_addr().expect("bound")).expect("the test waits");
            for number in 0.. {
                let (stream, _) = listener.accept().await.expect("a connection");
                serve(number, stream).await;
            }
        });
    });
    told.recv_timeout(Duration::from_secs(10)).expect("the server starts")
}

/// A web server that gives each request's body to `answer`, with its number from 0; requests are served at once, each on a connection of
/// its own, which is closed after the answer.
pub fn web_server<F, Fut>(answer: F) -> SocketAddr
where
    F: Fn(usize, Value, TcpStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send,
{
    let answer = Arc::new(answer);
    tcp_server(move |number, mut stream| {
        let answer = answer.clone();
        tokio::spawn(async move {
            if let Some(body) = body(&mut stream).await {
                answer(number, body, stream).await;
            }
        });
        async {}
    })
}

/// The JSON body of a request.
async fn body(stream: &mut TcpStream) -> Option<Value> {
    let mut request = Vec::new();
    loop {
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        if body.len() >= length? {
            return serde_json::from_str(body).ok();
        }
    }
}

/// A whole answer of a web server.
pub fn reply(status: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A voice that is this web server.
pub fn web_voice(address: SocketAddr) -> VoiceSource {
    VoiceSource::Http {
        url: format!("http://{address}/"),
        authorization: Default::default(),
        version: "1".to_owned(),
        requests_max: 10,
    }
}

/// A node with a bot called `b` there.
pub fn bot(address: SocketAddr) -> VoiceConfig {
    let bot = BotConfig::Twilio {
        url: format!("ws://{address}"),
        sessions_max: 10,
        authorization: Default::default(),
        headers: BTreeMap::new(),
    };
    VoiceConfig { bots: BTreeMap::from([("b".to_owned(), bot)]), ..VoiceConfig::default() }
}

/// A node with a recogniser called `r` there.
pub fn recogniser(address: SocketAddr) -> VoiceConfig {
    let recogniser = RecogniserConfig {
        protocol: RecogniserProtocol::Vosk,
        url: format!("ws://{address}"),
        sessions_max: 10,
        model: String::new(),
        authorization: Default::default(),
        audio: None,
    };
    VoiceConfig { recognisers: BTreeMap::from([("r".to_owned(), recogniser)]), ..VoiceConfig::default() }
}
