//! Names that we put on the wire and get back: `shard.slot.generation.nonce`, in hexadecimal.
//!
//! A tag or branch says by itself which table entry it belongs to, so that nothing has to be looked up, and which
//! shard, so that a datagram can be handed over. The nonce makes it unguessable.

use crate::message::{HeaderName, Message, Writer};
use common::slab::Key;

/// What branches begin with (RFC 3261 section 8.1.1.7).
const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub shard: u16,
    pub key: Key,
    pub nonce: u64,
}

impl Token {
    pub fn write(&self, writer: &mut Writer<'_>) {
        writer.hex(u64::from(self.shard)).raw(b".").hex(u64::from(self.key.slot)).raw(b".");
        writer.hex(u64::from(self.key.generation)).raw(b".").hex_padded(self.nonce, 16);
    }

    pub fn write_branch(&self, writer: &mut Writer<'_>) {
        writer.raw(MAGIC_COOKIE);
        self.write(writer);
    }

    pub fn parse(text: &[u8]) -> Option<Token> {
        let mut parts = text.split(|byte| *byte == b'.').map(hex);
        let shard = u16::try_from(parts.next()??).ok()?;
        let slot = u32::try_from(parts.next()??).ok()?;
        let generation = u32::try_from(parts.next()??).ok()?;
        let nonce = parts.next()??;
        parts.next().is_none().then_some(Token { shard, key: Key { slot, generation }, nonce })
    }

    pub fn parse_branch(branch: &[u8]) -> Option<Token> {
        Token::parse(branch.strip_prefix(MAGIC_COOKIE)?)
    }
}

/// The shard whose endpoint a datagram belongs to: by the branch of a response, by the To tag of a request. `None`
/// when it carries no name of ours; any shard may take it then.
pub fn shard_of(datagram: &[u8]) -> Option<u16> {
    let message = Message::parse(datagram).ok()?;
    let token = match message.status() {
        Some(_) => Token::parse_branch(message.via()?.branch()?)?,
        None if message.has(HeaderName::To) => Token::parse(message.to()?.tag()?)?,
        None => return None,
    };
    Some(token.shard)
}

fn hex(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits
        .iter()
        .try_fold(0u64, |value, digit| Some(value << 4 | u64::from(char::from(*digit).to_digit(16)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back() {
        let token = Token { shard: 0x2a, key: Key { slot: 7, generation: u32::MAX }, nonce: 0xabc };
        let mut out = [0; 64];
        let mut writer = Writer::new(&mut out);
        token.write_branch(&mut writer);
        let len = writer.finish().unwrap();
        assert_eq!(&out[..len], b"z9hG4bK2a.7.ffffffff.0000000000000abc");
        assert_eq!(Token::parse_branch(&out[..len]), Some(token));
        for text in ["", "1.2.3", "1.2.3.4.5", "10000.1.1.1", "1.1.1.11111111111111111", "g.1.1.1", "1..1.1"]
        {
            assert_eq!(Token::parse(text.as_bytes()), None, "{text}");
        }
    }
}
