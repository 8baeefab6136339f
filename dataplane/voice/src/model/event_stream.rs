//! Server-sent events (WHATWG HTML section 9.2), as far as chat completions use them: the `data` of each event.

/// Longest event that is taken, in bytes: a token with all that surrounds it has some hundred.
const EVENT_BYTES_MAX: usize = 64 << 10;

/// Reads a stream piece by piece.
#[derive(Debug, Default)]
pub(super) struct EventStream {
    line: Vec<u8>,
    data: String,
    last_was_cr: bool,
}

/// An event that is longer than any should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl EventStream {
    /// The next piece. `event` is told the data of each event that is complete.
    pub(super) fn read(&mut self, piece: &[u8], mut event: impl FnMut(&str)) -> Result<(), TooLong> {
        for byte in piece {
            match (byte, std::mem::take(&mut self.last_was_cr)) {
                (b'\n', true) => {}
                (b'\n' | b'\r', _) => {
                    self.last_was_cr = *byte == b'\r';
                    self.end_line(&mut event);
                }
                _ => self.line.push(*byte),
            }
            if self.line.len() + self.data.len() > EVENT_BYTES_MAX {
                return Err(TooLong);
            }
        }
        Ok(())
    }

    fn end_line(&mut self, event: &mut impl FnMut(&str)) {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        if line.is_empty() {
            if !self.data.is_empty() {
                event(self.data.trim_end_matches('\n'));
                self.data.clear();
            }
            return;
        }
        if let Some(data) = line.strip_prefix("data:") {
            self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            self.data.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let mut stream = EventStream::default();
        let mut events = Vec::new();
        for piece in pieces {
            stream.read(piece, |event| events.push(event.to_owned())).expect("short enough");
        }
        events
    }

    #[test]
    fn events_come_however_the_stream_is_cut() {
        let text =
            b": hello\r\ndata: {\"a\":1}\r\n\r\nevent: x\ndata:b\ndata: c\n\nid: 7\n\ndata: [DONE]\n\n";
        let whole = events(&[text]);
        assert_eq!(whole, ["{\"a\":1}", "b\nc", "[DONE]"]);
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(events(&bytes), whole);
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut stream = EventStream::default();
        let long = vec![b'a'; EVENT_BYTES_MAX + 1];
        assert_eq!(stream.read(&long, |_| ()), Err(TooLong));
        let mut stream = EventStream::default();
        let lines = b"data: aaaaaaaaaaaaaaaa\n".repeat(EVENT_BYTES_MAX / 16);
        assert_eq!(stream.read(&lines, |_| ()), Err(TooLong));
    }
}
