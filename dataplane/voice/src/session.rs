//! One call's connection to one server: opened, fed, read, opened again when it breaks, closed.
//!
//! A task of its own. The call hands over pieces through a bounded queue and never waits; what the server says leaves as [`Told`].
//! Nothing that the server does, or leaves undone, makes the call wait: connecting, writing and silence all have their time.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use crate::gate::Piece;
use crate::{CallFacts, Encoder, Frame, Heard, Incoming, Protocol, ProtocolFault, Utterance, tls};
use common::digits::Digit;
use media::Codec;

/// How long a connection may take to be opened. A call waits for it with somebody on the line.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// How long a server may leave a frame untaken. The queue holds five seconds of audio.
const WRITE_MAX: Duration = Duration::from_secs(2);
/// How often it is looked whether audio has left; if none has since the last look, the protocol is asked for what keeps the connection
/// open. Deepgram closes one after ten silent seconds, others later.
const KEEP_ALIVE: Duration = Duration::from_secs(3);
/// How long a server may take to say its last word after the end.
const CLOSE_MAX: Duration = Duration::from_secs(2);
/// How often a connection that broke is opened again before a result has come.
const RECONNECTS_MAX: u32 = 2;
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);
/// Longest frame that is taken: ten seconds of audio in base64.
const FRAME_BYTES_MAX: usize = 128 << 10;
/// How much is read from the kernel at once. The buffer is filled with zeroes before each read; with the 128 KiB that are usual this took
/// a third of a session's time, and most of its memory.
const READ_BUFFER_BYTES: usize = 4 << 10;
/// Frames that a server may send in a second, ten times what speech in pieces of 20 ms takes.
const FRAMES_A_SECOND_MAX: u32 = 500;

/// Where a server is, and how it is spoken to.
pub struct Target {
    /// `ws://` or `wss://`.
    pub url: String,
    /// Header fields of the handshake, such as a key.
    pub headers: Vec<(String, String)>,
    /// A new machine for each connection.
    pub protocol: Box<dyn Fn() -> Box<dyn Protocol> + Send + Sync>,
}

/// What a call hands over.
#[derive(Debug)]
pub enum Given {
    /// A piece of what the callee says.
    Audio(Piece),
    /// The callee has stopped speaking.
    EndOfSpeech,
    /// A key was pressed.
    Key(Digit),
    /// What the server sent before this mark was played.
    Played(String),
}

/// What becomes of a session.
#[derive(Debug, PartialEq)]
pub enum Told {
    /// The connection is open.
    Connected {
        /// How long it took.
        took: Duration,
    },
    /// The server said something.
    Heard(Heard),
    /// Audio was lost because the server took none, in samples.
    Dropped(usize),
    /// The connection broke and is opened again; the utterance so far is sent again.
    Reconnecting,
    /// It is over.
    Over(Result<(), Gone>),
}

/// Why there is no server any more.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Gone {
    /// It cannot be reached.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// It takes nothing.
    #[error("the server has taken nothing for {} s", WRITE_MAX.as_secs())]
    Stalled,
    /// It closed the connection, or it broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// It sends what does not belong here.
    #[error("{0}")]
    Fault(#[from] ProtocolFault),
    /// It sends too much.
    #[error("the server sends more than {FRAMES_A_SECOND_MAX} frames a second")]
    Flood,
}

/// Runs a session until the call is over (`given` closed) or the server is gone. Always ends with [`Told::Over`], unless nobody listens.
pub async fn run(
    target: Target,
    call: CallFacts,
    codec: Codec,
    mut given: mpsc::Receiver<Given>,
    told: mpsc::UnboundedSender<Told>,
) {
    let mut line = Line { call: &call, codec, told: &told, utterance: Utterance::default(), reconnects: 0 };
    let mut was_open = false;
    let over = loop {
        let gone = match line.converse(&target, &mut given, &mut was_open).await {
            Ok(()) => break Ok(()),
            Err(gone) => gone,
        };
        // Rubbish comes again, and a server that was never there is not waited for with somebody on the line.
        let again = was_open && matches!(gone, Gone::Broken(_) | Gone::Stalled | Gone::Connect(_));
        if !again || line.reconnects == RECONNECTS_MAX {
            break Err(gone);
        }
        line.reconnects += 1;
        line.utterance.replay();
        let _ = told.send(Told::Reconnecting);
        tokio::time::sleep(RECONNECT_PAUSE * line.reconnects).await;
    };
    let _ = told.send(Told::Over(over));
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What outlives a connection.
struct Line<'a> {
    call: &'a CallFacts,
    codec: Codec,
    told: &'a mpsc::UnboundedSender<Told>,
    utterance: Utterance,
    /// Within this utterance.
    reconnects: u32,
}

impl Line<'_> {
    /// One connection, from its beginning to its end. `was_open` is set once it is open.
    async fn converse(
        &mut self,
        target: &Target,
        given: &mut mpsc::Receiver<Given>,
        was_open: &mut bool,
    ) -> Result<(), Gone> {
        let began = Instant::now();
        let socket = connect(target).await?;
        *was_open = true;
        let _ = self.told.send(Told::Connected { took: began.elapsed() });
        let protocol = (target.protocol)();
        let encoder = Encoder::new(protocol.format());
        Connection { line: self, socket, protocol, encoder, flood: Flood::new(), heard: Vec::new() }
            .serve(given)
            .await
    }
}

async fn connect(target: &Target) -> Result<Socket, Gone> {
    let problem = |what: String| Gone::Connect(what.chars().take(200).collect());
    let mut request =
        target.url.as_str().into_client_request().map_err(|error| problem(error.to_string()))?;
    for (name, value) in &target.headers {
        let name =
            name.parse::<tungstenite::http::HeaderName>().map_err(|error| problem(error.to_string()))?;
        // Not the value: it may be a key.
        let value = value
            .parse()
            .map_err(|_| problem(format!("the header field {name} has a value that cannot be sent")))?;
        request.headers_mut().insert(name, value);
    }
    let config = WebSocketConfig::default()
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX))
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0);
    let opened = timeout(
        CONNECT_MAX,
        connect_async_tls_with_config(request, Some(config), true, Some(Connector::Rustls(tls::config()))),
    )
    .await;
    match opened {
        Err(_) => Err(Gone::Connect(format!("no answer in {} s", CONNECT_MAX.as_secs()))),
        Ok(Err(error)) => Err(problem(error.to_string())),
        Ok(Ok((socket, _))) => Ok(socket),
    }
}

struct Connection<'a, 'c> {
    line: &'a mut Line<'c>,
    socket: Socket,
    protocol: Box<dyn Protocol>,
    encoder: Encoder,
    flood: Flood,
    /// Of one frame; empty between two.
    heard: Vec<Heard>,
}

impl Connection<'_, '_> {
    async fn serve(&mut self, given: &mut mpsc::Receiver<Given>) -> Result<(), Gone> {
        for frame in self.protocol.open(self.line.call) {
            self.write(frame).await?;
        }
        // One timer for the whole connection: a new one for each frame would cost as much as reading it.
        let mut looks = interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_silent = true;
        loop {
            while let Some(piece) = self.line.utterance.pop() {
                let frame = self.encode(&piece);
                self.write(frame).await?;
                is_silent = false;
                if !self.protocol.gives_results() {
                    self.line.utterance.finish();
                }
            }
            tokio::select! {
                biased;
                taken = given.recv() => match taken {
                    None => return self.close().await,
                    Some(given) => self.take(given).await?,
                },
                read = self.socket.next() => self.read(read)?,
                _ = looks.tick() => {
                    if is_silent && let Some(frame) = self.protocol.keep_alive() {
                        self.write(frame).await?;
                    }
                    is_silent = true;
                }
            }
        }
    }

    async fn take(&mut self, given: Given) -> Result<(), Gone> {
        let frame = match given {
            Given::Audio(piece) => {
                let dropped = self.line.utterance.push(piece);
                if dropped > 0 {
                    let _ = self.line.told.send(Told::Dropped(dropped));
                }
                None
            }
            // A server that has given its result would find a second, empty one in the silence that follows.
            Given::EndOfSpeech if self.line.utterance.is_finished() => None,
            Given::EndOfSpeech => self.protocol.end_of_speech(),
            Given::Key(digit) => self.protocol.key(digit),
            Given::Played(mark) => self.protocol.played(&mark),
        };
        match frame {
            Some(frame) => self.write(frame).await,
            None => Ok(()),
        }
    }

    fn encode(&mut self, piece: &Piece) -> Frame {
        let bytes = self.encoder.encode(self.line.codec, &piece.samples);
        self.protocol.audio(piece.position / 8, &bytes)
    }

    async fn write(&mut self, frame: Frame) -> Result<(), Gone> {
        let message = match frame {
            Frame::Text(text) => Message::text(text),
            Frame::Binary(bytes) => Message::binary(bytes),
        };
        match timeout(WRITE_MAX, self.socket.send(message)).await {
            Err(_) => Err(Gone::Stalled),
            Ok(Err(error)) => Err(Gone::Broken(error.to_string())),
            Ok(Ok(())) => Ok(()),
        }
    }

    fn read(&mut self, read: Option<Result<Message, tungstenite::Error>>) -> Result<(), Gone> {
        if !self.flood.allows(Instant::now()) {
            return Err(Gone::Flood);
        }
        let heard = &mut self.heard;
        match read {
            None | Some(Ok(Message::Close(_))) => {
                return Err(Gone::Broken("closed by the server".to_owned()));
            }
            Some(Err(error)) => return Err(Gone::Broken(error.to_string())),
            Some(Ok(Message::Text(text))) => self.protocol.read(Incoming::Text(&text), heard)?,
            Some(Ok(Message::Binary(bytes))) => self.protocol.read(Incoming::Binary(&bytes), heard)?,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
        }
        for heard in self.heard.drain(..) {
            if matches!(heard, Heard::Final { .. }) {
                self.line.utterance.finish();
                self.line.reconnects = 0;
            }
            let _ = self.line.told.send(Told::Heard(heard));
        }
        Ok(())
    }

    /// The last frames, and what the server says to them.
    async fn close(&mut self) -> Result<(), Gone> {
        for frame in self.protocol.close() {
            self.write(frame).await?;
        }
        let last_words = async {
            while let Some(read) = self.socket.next().await {
                if self.read(Some(read)).is_err() {
                    break;
                }
            }
        };
        let _ = timeout(CLOSE_MAX, last_words).await;
        let _ = timeout(CLOSE_MAX, self.socket.close(None)).await;
        Ok(())
    }
}

/// Counts frames of a second.
struct Flood {
    second: Instant,
    frames: u32,
}

impl Flood {
    fn new() -> Self {
        Self { second: Instant::now(), frames: 0 }
    }

    fn allows(&mut self, now: Instant) -> bool {
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            (self.second, self.frames) = (now, 0);
        }
        self.frames += 1;
        self.frames <= FRAMES_A_SECOND_MAX
    }
}
