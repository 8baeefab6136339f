//! Bodies between the two worlds: hyper's, which are asynchronous, and the engine's threads, which block.

use std::{
    io::{self, Read},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use tokio::sync::mpsc;

/// Pieces of a request body under way to its query. A few, so that a fast client waits for the engine.
const PIECES_AHEAD: usize = 8;

/// Copies `body` to the reader that is returned, until its end, `bytes_max`, or a silence of `silence_max`.
pub(crate) fn pump(mut body: Incoming, bytes_max: u64, silence_max: Duration) -> BodyReader {
    let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
    tokio::spawn(async move {
        let mut left = bytes_max;
        loop {
            let piece = match tokio::time::timeout(silence_max, body.frame()).await {
                Ok(None) => {
                    let _ = sender.send(None).await;
                    return;
                }
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if data.len() as u64 <= left => {
                        left -= data.len() as u64;
                        Ok(data)
                    }
                    Ok(_) => {
                        Err(io::Error::new(io::ErrorKind::FileTooLarge, "the body is longer than allowed"))
                    }
                    Err(_trailers) => continue,
                },
                Ok(Some(Err(error))) => Err(io::Error::other(error)),
                Err(_silence) => Err(io::Error::new(io::ErrorKind::TimedOut, "the body stopped coming")),
            };
            let failed = piece.is_err();
            if sender.send(Some(piece)).await.is_err() || failed {
                return;
            }
        }
    });
    BodyReader { pieces, piece: Bytes::new(), ended: false }
}

/// The reading end of [`pump`], for a thread that may block.
pub(crate) struct BodyReader {
    /// `None` marks the regular end; a channel that just closes is a body that was cut.
    pieces: mpsc::Receiver<Option<io::Result<Bytes>>>,
    piece: Bytes,
    ended: bool,
}

impl Read for BodyReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            if self.ended {
                return Ok(0);
            }
            match self.pieces.blocking_recv() {
                Some(Some(piece)) => self.piece = piece?,
                Some(None) => self.ended = true,
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let length = into.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut into[..length]);
        Ok(length)
    }
}

/// A response body: pieces of a query that is still running, or a text that is complete.
pub(crate) struct ReplyBody {
    pieces: mpsc::Receiver<Result<Bytes, Broken>>,
    broken: bool,
    /// Dropped with the body: a query whose reader is gone is stopped.
    _stopper: Option<crate::work::Stopper>,
}

/// The query failed after a part of its result had been sent; the connection ends without a proper end.
#[derive(Debug, thiserror::Error)]
#[error("the query failed while its result was being sent")]
pub(crate) struct Broken;

impl ReplyBody {
    /// The body that `pieces` make up.
    pub(crate) fn streamed(
        pieces: mpsc::Receiver<Result<Bytes, Broken>>,
        stopper: crate::work::Stopper,
    ) -> Self {
        Self { pieces, broken: false, _stopper: Some(stopper) }
    }

    /// A complete body.
    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        let (sender, pieces) = mpsc::channel(1);
        let text = text.into();
        if !text.is_empty() {
            sender.try_send(Ok(text)).expect("room for one");
        }
        Self { pieces, broken: false, _stopper: None }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        if this.broken {
            return Poll::Ready(Some(Err(Broken)));
        }
        match ready!(this.pieces.poll_recv(context)) {
            Some(Err(Broken)) => {
                // hyper flushes when a body has nothing to give, and drops what it holds when a body fails: give it
                // the chance to send the exception first.
                this.broken = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            piece => Poll::Ready(piece.map(|piece| piece.map(Frame::data))),
        }
    }
}
