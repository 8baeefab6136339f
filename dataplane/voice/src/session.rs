//! One call's connection to one server: opened, fed, read, opened again when it breaks, closed.
//!
//! A task of its own. A recogniser that is gone in the middle of an utterance is connected again; a bot is not, since it would know nothing
//! of the conversation. The call hands over pieces through a bounded queue and never waits; what the server says leaves as [`Told`].
//! Nothing that the server does, or leaves undone, makes the call wait: connecting, writing and silence all have their time.

mod connect;
mod flood;
mod gone;

use std::time::Duration;

use bytes::Bytes;
use common::digits::Digit;
use futures_util::{SinkExt, StreamExt};
use media::Codec;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout, timeout_at};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::gate::Piece;
use crate::{CallFacts, Encoder, Frame, Heard, Incoming, Protocol, Utterance};
use connect::{BOT_FRAME_BYTES_MAX, FRAME_BYTES_MAX, Socket, connect};
use flood::Flood;

pub use connect::Target;
pub use gone::Gone;

/// How long a server may leave a frame untaken. The queue holds five seconds of audio.
const WRITE_MAX: Duration = Duration::from_secs(2);
/// How often it is looked whether audio has left; if none has since the last look, the protocol is asked for what keeps the connection
/// open. Deepgram closes one after ten silent seconds, others later.
const KEEP_ALIVE: Duration = Duration::from_secs(3);
/// How long a recogniser may take to say its last word after the end.
const LAST_WORD_MAX: Duration = Duration::from_secs(4);
/// How long it may take for one more: if what it said may have been its last word but the connection is left open, or if it owes none.
const ONE_MORE_MAX: Duration = Duration::from_millis(400);
/// How long a server may take to close the connection.
const CLOSE_MAX: Duration = Duration::from_secs(2);
/// How often a connection that broke is opened again before a result has come.
const RECONNECTS_MAX: u32 = 2;
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);
/// How long a bot may give no sign of life: it is pinged with each look.
const SILENCE_MAX: Duration = Duration::from_secs(8);

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
    /// What the server sent was silenced as it wanted.
    Silenced {
        /// How much was heard of what came since the beginning, or since the last silence.
        heard: Duration,
    },
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
    /// It is over: the call is, or a bot has closed the connection.
    Over(Result<(), Gone>),
}

/// Runs a session until the call is over (`given` closed) or the server is gone. Always ends with [`Told::Over`]. A recogniser to whom
/// nobody listens any more (`told` closed) is left at once; a bot is told of the call's end.
pub async fn run(
    target: Target,
    call: CallFacts,
    codec: Codec,
    mut given: mpsc::Receiver<Given>,
    told: mpsc::UnboundedSender<Told>,
) {
    let talks = !(target.protocol)().gives_results();
    let utterance = Utterance::default();
    let mut line = Line {
        call: &call,
        codec,
        told: &told,
        talks,
        utterance,
        is_asked: false,
        reconnects: 0,
        held: None,
    };
    let mut was_open = false;
    let over = loop {
        let gone = match line.converse(&target, &mut given, &mut was_open).await {
            Ok(()) => break Ok(()),
            Err(gone) => gone,
        };
        if talks {
            break if gone == Gone::Closed { Ok(()) } else { Err(gone) };
        }
        if told.is_closed() {
            return;
        }
        // Rubbish comes again, and a server that was never there is not waited for with somebody on the line.
        let again =
            was_open && matches!(gone, Gone::Closed | Gone::Broken(_) | Gone::Stalled | Gone::Connect(_));
        if !again || line.reconnects == RECONNECTS_MAX {
            break Err(gone);
        }
        line.reconnects += 1;
        line.utterance.replay();
        if line.is_asked {
            line.held = Some(Given::EndOfSpeech);
        }
        let _ = told.send(Told::Reconnecting);
        tokio::time::sleep(RECONNECT_PAUSE * line.reconnects).await;
    };
    let _ = told.send(Told::Over(over));
}

/// What outlives a connection.
struct Line<'a> {
    call: &'a CallFacts,
    codec: Codec,
    told: &'a mpsc::UnboundedSender<Told>,
    /// It is a bot, to which no utterance is told twice.
    talks: bool,
    utterance: Utterance,
    /// The callee has stopped speaking, and what was said is still to be told.
    is_asked: bool,
    /// Within this utterance.
    reconnects: u32,
    /// What was given while a frame was written, or has to be said again, and is no audio.
    held: Option<Given>,
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
        let socket = connect(target, if self.talks { BOT_FRAME_BYTES_MAX } else { FRAME_BYTES_MAX }).await?;
        *was_open = true;
        let _ = self.told.send(Told::Connected { took: began.elapsed() });
        let protocol = (target.protocol)();
        let encoder = Encoder::new(protocol.format());
        let (flood, now) = (Flood::new(), Instant::now());
        let connection =
            Connection { line: self, socket, protocol, encoder, flood, alive_at: now, heard: Vec::new() };
        connection.serve(given).await
    }

    /// A piece to be sent, for which the oldest that waits may have to go.
    fn keep(&mut self, piece: Piece) {
        let dropped = self.utterance.push(piece);
        if dropped > 0 {
            let _ = self.told.send(Told::Dropped(dropped));
        }
    }
}

struct Connection<'a, 'c> {
    line: &'a mut Line<'c>,
    socket: Socket,
    protocol: Box<dyn Protocol>,
    encoder: Encoder,
    flood: Flood,
    /// When something last came.
    alive_at: Instant,
    /// Of one frame; empty between two.
    heard: Vec<Heard>,
}

impl Connection<'_, '_> {
    async fn serve(mut self, given: &mut mpsc::Receiver<Given>) -> Result<(), Gone> {
        for frame in self.protocol.open(self.line.call) {
            self.write(frame, given).await?;
        }
        // One timer for the whole connection: a new one for each frame would cost as much as reading it.
        let mut looks = interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_silent = true;
        loop {
            while let Some(piece) = self.line.utterance.pop() {
                let frame = self.encode(&piece);
                self.write(frame, given).await?;
                is_silent = false;
                if self.line.talks {
                    self.line.utterance.finish();
                }
            }
            if let Some(held) = self.line.held.take() {
                self.take(held, given).await?;
                continue;
            }
            tokio::select! {
                biased;
                taken = given.recv() => match taken {
                    None => return self.close(given).await,
                    Some(taken) => self.take(taken, given).await?,
                },
                read = self.socket.next() => self.read(read)?,
                () = self.line.told.closed(), if !self.line.talks => {
                    self.hang_up();
                    return Ok(());
                }
                _ = looks.tick() => {
                    if is_silent && let Some(frame) = self.protocol.keep_alive() {
                        self.write(frame, given).await?;
                    }
                    is_silent = true;
                    self.look_for_life(given).await?;
                }
            }
        }
    }

    async fn take(&mut self, taken: Given, given: &mut mpsc::Receiver<Given>) -> Result<(), Gone> {
        let frame = match taken {
            Given::Audio(piece) => {
                self.line.keep(piece);
                None
            }
            Given::EndOfSpeech if self.line.talks => self.protocol.end_of_speech(),
            Given::EndOfSpeech if self.line.utterance.is_finished() => {
                // A server that has given its result would find a second, empty one in the silence that follows.
                let nothing_more = Heard::Final { text: String::new(), confidence: None };
                let _ = self.line.told.send(Told::Heard(nothing_more));
                None
            }
            Given::EndOfSpeech => {
                self.line.is_asked = true;
                self.protocol.end_of_speech()
            }
            Given::Key(digit) => self.protocol.key(digit),
            Given::Played(mark) => self.protocol.played(&mark),
            Given::Silenced { heard } => {
                for frame in self.protocol.silenced(heard) {
                    self.write(frame, given).await?;
                }
                None
            }
        };
        match frame {
            Some(frame) => self.write(frame, given).await,
            None => Ok(()),
        }
    }

    /// A bot may have nothing to say for minutes; that it is there at all is asked of its WebSocket.
    async fn look_for_life(&mut self, given: &mut mpsc::Receiver<Given>) -> Result<(), Gone> {
        if !self.line.talks {
            return Ok(());
        }
        if self.alive_at.elapsed() >= SILENCE_MAX {
            return Err(Gone::Silent);
        }
        self.send(Message::Ping(Bytes::new()), given).await
    }

    fn encode(&mut self, piece: &Piece) -> Frame {
        let bytes = self.encoder.encode(self.line.codec, &piece.samples);
        self.protocol.audio(piece.position / 8, &bytes)
    }

    async fn write(&mut self, frame: Frame, given: &mut mpsc::Receiver<Given>) -> Result<(), Gone> {
        let message = match frame {
            Frame::Text(text) => Message::text(text),
            Frame::Binary(bytes) => Message::binary(bytes),
        };
        self.send(message, given).await
    }

    /// Sends, and meanwhile takes what is given, so that the oldest audio makes room and not the newest.
    async fn send(&mut self, message: Message, given: &mut mpsc::Receiver<Given>) -> Result<(), Gone> {
        let Self { socket, line, .. } = self;
        let sending = timeout(WRITE_MAX, socket.send(message));
        tokio::pin!(sending);
        loop {
            tokio::select! {
                biased;
                sent = &mut sending => return match sent {
                    Err(_) => Err(Gone::Stalled),
                    Ok(Err(error)) => Err(Gone::Broken(error.to_string())),
                    Ok(Ok(())) => Ok(()),
                },
                Some(taken) = given.recv(), if line.held.is_none() => match taken {
                    Given::Audio(piece) => line.keep(piece),
                    other => line.held = Some(other),
                },
            }
        }
    }

    fn read(&mut self, read: Option<Result<Message, tungstenite::Error>>) -> Result<(), Gone> {
        let now = Instant::now();
        self.alive_at = now;
        let heard = &mut self.heard;
        let bytes = match read {
            None => return Err(Gone::Broken("closed by the server".to_owned())),
            Some(Ok(Message::Close(close))) => return Err(gone::closed(close)),
            Some(Err(error)) => return Err(Gone::Broken(error.to_string())),
            Some(Ok(Message::Text(text))) => {
                self.protocol.read(Incoming::Text(&text), heard)?;
                text.len()
            }
            Some(Ok(Message::Binary(bytes))) => {
                self.protocol.read(Incoming::Binary(&bytes), heard)?;
                bytes.len()
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => 0,
        };
        let audio = |heard: &Heard| if let Heard::Audio(audio) = heard { audio.len() } else { 0 };
        if !self.flood.allows(now, bytes, self.heard.iter().map(audio).sum()) {
            return Err(Gone::Flood);
        }
        for heard in self.heard.drain(..) {
            if matches!(heard, Heard::Final { .. }) {
                self.line.utterance.finish();
                self.line.reconnects = 0;
                self.line.is_asked = false;
            }
            let _ = self.line.told.send(Told::Heard(heard));
        }
        Ok(())
    }

    /// The last frames, and what the server says to them.
    async fn close(mut self, given: &mut mpsc::Receiver<Given>) -> Result<(), Gone> {
        for frame in self.protocol.close() {
            self.write(frame, given).await?;
        }
        let result = if self.line.talks {
            let _ = timeout(CLOSE_MAX, async { while self.read_next().await.is_ok() {} }).await;
            Ok(())
        } else {
            self.last_words().await
        };
        self.hang_up();
        result
    }

    async fn read_next(&mut self) -> Result<(), Gone> {
        let read = self.socket.next().await;
        self.read(read)
    }

    /// What a recogniser makes of the end. Most close the connection after that.
    async fn last_words(&mut self) -> Result<(), Gone> {
        let is_owed = |connection: &Self| !connection.line.utterance.is_finished();
        let wait = if is_owed(self) { LAST_WORD_MAX } else { ONE_MORE_MAX };
        let mut until = Instant::now() + wait;
        loop {
            let told = self.line.told;
            tokio::select! {
                biased;
                () = told.closed() => return Ok(()),
                read = timeout_at(until, self.read_next()) => match read {
                    Ok(Ok(())) if is_owed(self) => {}
                    Ok(Ok(())) => until = until.min(Instant::now() + ONE_MORE_MAX),
                    Ok(Err(gone)) if is_owed(self) => return Err(gone),
                    Err(_) if is_owed(self) => return Err(Gone::Wordless),
                    Ok(Err(_)) | Err(_) => return Ok(()),
                },
            }
        }
    }

    /// Closes the connection. Nobody waits for that.
    fn hang_up(self) {
        let mut socket = self.socket;
        tokio::spawn(async move { timeout(CLOSE_MAX, socket.close(None)).await });
    }
}
