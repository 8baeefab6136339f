//! A recogniser that understands nothing: speaks vosk-server's protocol, takes the audio of any number of calls, and has the same last
//! word for all of them at once. What a node needs to be heard by it is then the node's own cost.
//!
//! `deaf-recogniser --listen 127.0.0.1:2700 --text yes`; on SIGTERM or SIGINT it prints one line of JSON: connections, frames, seconds of
//! audio, last words, and frames that are not of the protocol.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::{Context, Result};
use clap::Parser;
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio_tungstenite::tungstenite::Message;

#[derive(Parser)]
struct Arguments {
    /// Where it is reached
    #[arg(long)]
    listen: SocketAddr,
    /// What it always understands
    #[arg(long, default_value = "yes")]
    text: String,
    /// Bytes of a second of audio
    #[arg(long, default_value_t = 32_000)]
    bytes_a_second: u64,
}

#[derive(Default)]
struct Counts {
    connections: AtomicU64,
    frames: AtomicU64,
    bytes: AtomicU64,
    last_words: AtomicU64,
    strange: AtomicU64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(arguments))
}

async fn serve(arguments: Arguments) -> Result<()> {
    let listener = TcpListener::bind(arguments.listen).await.context("cannot listen")?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let counts = Arc::new(Counts::default());
    let answer: Arc<str> = format!("{{\"text\": {:?}}}", arguments.text).into();
    println!("listening on {}", listener.local_addr()?);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            accepted = listener.accept() => {
                let (stream, _) = accepted.context("cannot accept")?;
                let (counts, answer) = (counts.clone(), answer.clone());
                // A connection that breaks is the far end's to mend.
                tokio::spawn(async move { drop(hear(stream, &counts, &answer).await) });
            }
        }
    }
    let Counts { connections, frames, bytes, last_words, strange } = &*counts;
    println!(
        "{}",
        serde_json::json!({
            "connections": connections.load(Relaxed),
            "frames": frames.load(Relaxed),
            "audio_s": bytes.load(Relaxed) as f64 / arguments.bytes_a_second as f64,
            "last_words": last_words.load(Relaxed),
            "strange": strange.load(Relaxed),
        })
    );
    Ok(())
}

/// One connection: a configuration, audio, `eof`.
async fn hear(stream: TcpStream, counts: &Counts, answer: &str) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut socket = tokio_tungstenite::accept_async(stream).await?;
    counts.connections.fetch_add(1, Relaxed);
    while let Some(message) = socket.next().await {
        match message? {
            Message::Binary(audio) => {
                counts.frames.fetch_add(1, Relaxed);
                counts.bytes.fetch_add(audio.len() as u64, Relaxed);
            }
            Message::Text(text) if text.contains("\"eof\"") => {
                counts.last_words.fetch_add(1, Relaxed);
                socket.send(Message::text(answer.to_owned())).await?;
                socket.close(None).await?;
            }
            Message::Text(text) if text.contains("\"config\"") => {}
            Message::Text(_) => {
                counts.strange.fetch_add(1, Relaxed);
            }
            Message::Close(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
    Ok(())
}
