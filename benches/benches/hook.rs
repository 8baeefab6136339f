//! What does a call that is heard by a recogniser or a bot cost the voice thread in a second, and what does the gate save?
//!
//! 200 sessions on one thread, as a node has them; each gets a chunk of 100 ms ten times a second, in real time, the calls
//! spread evenly. Counted is all CPU time of that thread: gate, queue, encoding, protocol, WebSocket, the kernel's work for
//! the sockets, the answers. The far end runs on another thread. Beside it the floor: the same bytes written to the same
//! number of TCP connections by a bare `write`, and nothing else.
//! `cargo bench -p peal-benches --bench hook [-- SECONDS [WORD]]`; with a word, only the lines that have it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use media::Codec;
use peal_benches::usage::Usage;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use voice::protocol::{twilio::Twilio, vosk::Vosk};
use voice::session::{Given, Target, Told, run};
use voice::{AudioFormat, CallFacts, Gate, Protocol};

const SESSIONS: usize = 200;
/// Samples of a chunk.
const CHUNK: usize = 800;
const CHUNKS_A_SECOND: usize = 10;
/// The gate closes after so much silence.
const HANG_MS: u32 = 700;

/// What a far end does.
#[derive(Clone, Copy)]
enum FarEnd {
    /// Takes, and says nothing: a bot that listens.
    Listens,
    /// Answers every piece of audio with a partial result, as vosk-server does.
    TellsPartials,
    /// Speaks all the time in pieces of 20 ms.
    Speaks,
}

/// What the callees do.
#[derive(Clone, Copy)]
enum Talk {
    /// Speak without a pause.
    Always,
    /// Listen to us for 4 s, think for 0.6 s, speak for 1.8 s, and again; in a quiet room.
    Turns,
    /// Listen.
    Never,
}

fn main() {
    // Cargo adds `--bench`.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let seconds = arguments.first().map_or(10, |seconds| seconds.parse().expect("a number of seconds"));
    let word = arguments.get(1).map_or("", String::as_str);
    println!("{SESSIONS} sessions on one thread, {seconds} s each; microseconds of CPU");
    println!("{:52} {:>10} {:>12} {:>8} {:>8}", "", "a chunk", "a call-second", "user", "sent");
    for bytes in [1_300, 1_600, 3_200].into_iter().filter(|_| "floor".contains(word)) {
        floor(bytes, seconds);
    }
    let twilio: fn() -> Box<dyn Protocol> = || Box::new(Twilio::new());
    let vosk8: fn() -> Box<dyn Protocol> = || Box::new(Vosk::new(AudioFormat::Linear8));
    let vosk16: fn() -> Box<dyn Protocol> = || Box::new(Vosk::new(AudioFormat::Linear16));
    for (name, protocol, far_end, talk) in [
        ("gate alone: nobody speaks", twilio, FarEnd::Listens, Talk::Never),
        ("twilio, bot listens, callee always speaks", twilio, FarEnd::Listens, Talk::Always),
        ("twilio, bot speaks, callee always speaks", twilio, FarEnd::Speaks, Talk::Always),
        ("twilio, bot listens, callee in turns", twilio, FarEnd::Listens, Talk::Turns),
        ("twilio, bot speaks, callee in turns", twilio, FarEnd::Speaks, Talk::Turns),
        ("vosk 8 kHz, partials, callee always speaks", vosk8, FarEnd::TellsPartials, Talk::Always),
        ("vosk 16 kHz, partials, callee always speaks", vosk16, FarEnd::TellsPartials, Talk::Always),
        ("vosk 16 kHz, partials, callee in turns", vosk16, FarEnd::TellsPartials, Talk::Turns),
    ] {
        if !name.contains(word) {
            continue;
        }
        let address = far_end_address(far_end);
        let url = format!("ws://{address}");
        let thread = named("measured", move || measure(url, protocol, talk, seconds));
        let (usage, counts) = thread.join().expect("the measured thread ends well");
        report(name, usage, seconds, Some(counts));
    }
}

/// Samples heard and sent by all gates.
type Counts = (u64, u64);

fn measure(url: String, protocol: fn() -> Box<dyn Protocol>, talk: Talk, seconds: u64) -> (Usage, Counts) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut calls = Vec::new();
        for number in 0..SESSIONS {
            let target = Target { url: url.clone(), headers: vec![], protocol: Box::new(protocol) };
            let (given, from_call) = mpsc::channel(64);
            let (to_call, mut told) = mpsc::unbounded_channel();
            tokio::spawn(run(target, CallFacts::default(), Codec::Pcma, from_call, to_call));
            assert!(matches!(told.recv().await, Some(Told::Connected { .. })), "the far end is there");
            // As a node does: what is told is looked at at once.
            tokio::spawn(async move {
                while let Some(told) = told.recv().await {
                    assert!(matches!(told, Told::Heard(_) | Told::Over(Ok(()))), "{told:?}");
                }
            });
            calls.push(Call { gate: Gate::new(HANG_MS), given, position: 0, chunk: number * 7 });
        }
        let chunks = chunks();
        // Five calls every 2.5 ms; the first second makes everything warm.
        let slots = 40;
        let mut ticks = interval(Duration::from_millis(100) / slots as u32);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut before = Usage::of_thread();
        for tick in 0..(seconds as usize + 1) * CHUNKS_A_SECOND * slots {
            if tick == CHUNKS_A_SECOND * slots {
                before = Usage::of_thread();
                calls.iter_mut().for_each(|call| call.gate = Gate::new(HANG_MS));
            }
            ticks.tick().await;
            for call in calls.iter_mut().skip(tick % slots).step_by(slots) {
                call.hear(&chunks, talk);
            }
        }
        let usage = Usage::of_thread().since(before);
        let counts = calls.iter().map(|call| call.gate.counts());
        (
            usage,
            counts.fold((0, 0), |(heard, sent), (more_heard, more_sent)| {
                (heard + more_heard, sent + more_sent)
            }),
        )
    })
}

struct Call {
    gate: Gate,
    given: mpsc::Sender<Given>,
    position: u64,
    /// Chunks so far; calls do not begin together.
    chunk: usize,
}

impl Call {
    fn hear(&mut self, chunks: &Chunks, talk: Talk) {
        let speaks = match talk {
            Talk::Always => true,
            Talk::Turns => self.chunk % 64 >= 46,
            Talk::Never => false,
        };
        let kind = if speaks { &chunks.speech } else { &chunks.quiet };
        let passed = self.gate.hear(Codec::Pcma, self.position, &kind[self.chunk % kind.len()]);
        self.position += CHUNK as u64;
        self.chunk += 1;
        if let Some(piece) = passed.piece {
            self.given.try_send(Given::Audio(piece)).expect("the session keeps up");
        }
        if passed.closed {
            self.given.try_send(Given::EndOfSpeech).expect("the session keeps up");
        }
    }
}

struct Chunks {
    speech: Vec<Vec<u8>>,
    quiet: Vec<Vec<u8>>,
}

/// Something with the loudness of speech, four syllables a second, in a room of −60 dBm0; and the room alone.
fn chunks() -> Chunks {
    let mut state = 1u32;
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state as i32 >> 16) / 32_768.0
    };
    let mut piece = |loud: f64, from: usize| -> Vec<u8> {
        (from..from + CHUNK)
            .map(|n| {
                let t = n as f64 / 8_000.0;
                let syllable = (t * 4.0 * std::f64::consts::PI).sin().abs();
                let voice: f64 = (1..8)
                    .map(|k| (t * 130.0 * f64::from(k) * std::f64::consts::TAU).sin() / f64::from(k))
                    .sum();
                Codec::Pcma.encode((loud * syllable * voice + 30.0 * noise()) as i16)
            })
            .collect()
    };
    Chunks {
        speech: (0..10).map(|n| piece(4_000.0, n * CHUNK)).collect(),
        quiet: (0..10).map(|n| piece(0.0, n * CHUNK)).collect(),
    }
}

/// A WebSocket server on a thread of its own.
fn far_end_address(far_end: FarEnd) -> std::net::SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    named("far end", move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
            tell.send(listener.local_addr().expect("bound")).expect("it is waited for");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, far_end));
            }
        });
    });
    told.recv().expect("it is bound")
}

async fn answer(stream: TcpStream, far_end: FarEnd) {
    stream.set_nodelay(true).expect("a socket");
    let config = WebSocketConfig::default().read_buffer_size(4 << 10);
    let Ok(mut socket) = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await else {
        return;
    };
    let media =
        format!(r#"{{"event":"media","streamSid":"MZ0","media":{{"payload":"{}"}}}}"#, "f39/".repeat(53));
    let mut pieces = interval(Duration::from_millis(20));
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            _ = pieces.tick(), if matches!(far_end, FarEnd::Speaks) => {
                if socket.send(Message::text(media.as_str())).await.is_err() {
                    return;
                }
                continue;
            }
        };
        let is_audio = matches!(message, Some(Ok(Message::Binary(_))));
        if is_audio && matches!(far_end, FarEnd::TellsPartials) {
            let _ = socket.send(Message::text(r#"{"partial" : "i would like to know when"}"#)).await;
        }
        if matches!(message, None | Some(Err(_))) {
            return;
        }
    }
}

/// The same bytes by bare writes.
fn floor(bytes: usize, seconds: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (tell, told) = std::sync::mpsc::channel();
    named("far end", move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
            tell.send(listener.local_addr().expect("bound")).expect("it is waited for");
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut taken = vec![0; 16 << 10];
                    while stream.read(&mut taken).await.is_ok_and(|count| count > 0) {}
                });
            }
        });
    });
    let address = told.recv().expect("it is bound");
    let usage = named("measured", move || {
        runtime.block_on(async {
            let mut streams = Vec::new();
            for _ in 0..SESSIONS {
                let stream = TcpStream::connect(address).await.expect("the far end is there");
                stream.set_nodelay(true).expect("a socket");
                streams.push(stream);
            }
            let content = vec![7; bytes];
            let slots = 40;
            let mut ticks = interval(Duration::from_millis(100) / slots as u32);
            let before = Usage::of_thread();
            let began = Instant::now();
            for tick in 0..seconds as usize * CHUNKS_A_SECOND * slots {
                ticks.tick().await;
                for stream in streams.iter_mut().skip(tick % slots).step_by(slots) {
                    stream.write_all(&content).await.expect("taken");
                }
            }
            assert!(began.elapsed() < Duration::from_secs(2 * seconds), "the machine keeps up");
            Usage::of_thread().since(before)
        })
    });
    let usage = usage.join().expect("the measured thread ends well");
    report(&format!("floor: bare writes of {bytes} bytes"), usage, seconds, None);
}

/// Names, so that a profile tells them apart.
fn named<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::thread::JoinHandle<T> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).expect("a thread")
}

fn report(name: &str, usage: Usage, seconds: u64, counts: Option<Counts>) {
    let call_seconds = (SESSIONS as u64 * seconds) as f64;
    let all = (usage.user + usage.system).as_secs_f64() * 1e6 / call_seconds;
    let user = usage.user.as_secs_f64() * 1e6 / call_seconds;
    let sent = counts.map(|(heard, sent)| format!("{:.0} %", 100.0 * sent as f64 / heard as f64));
    println!(
        "{name:52} {:>10.1} {all:>12.0} {user:>8.0} {:>8}",
        all / CHUNKS_A_SECOND as f64,
        sent.unwrap_or_default()
    );
}
