//! RTP of one call: what we send, and the account of what we hear.
//!
//! Owns sequence numbers, key presses and receive statistics (RFC 3550, RFC 4733). Never touches a socket: packets go out
//! as [`Packet`]s, come in with the kernel's receive time.

mod deviation;
mod reception;
mod sender;

pub(crate) use deviation::Deviation;
pub(crate) use reception::{Arrival, Reception, is_control};
pub(crate) use sender::{Packet, Sender, press_packets};

/// The event code of a key (RFC 4733 section 3.2).
pub(crate) fn event_code(key: u8) -> Option<u8> {
    b"0123456789*#ABCD".iter().position(|k| *k == key.to_ascii_uppercase()).map(|code| code as u8)
}

fn key_of(event: u8) -> Option<char> {
    b"0123456789*#ABCD".get(usize::from(event)).map(|k| char::from(*k))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Law, Tracks};

    #[test]
    fn keys_are_pressed_in_order_and_heard_once() {
        let mut sender = Sender::new(Law::A, Some(101), &Tracks::shared().person, 5);
        sender.play(&Tracks::shared().person, "12#", 10, 0);
        let mut reception = Reception::default();
        for n in 0..100u64 {
            if let Some(packet) = sender.next() {
                let bytes = [packet.header(), packet.payload].concat();
                reception.on_packet(&bytes, n * 20_000, Some(101));
            }
            if n == 16 {
                assert_eq!(sender.pressed(), "");
            }
            if n == 17 {
                assert_eq!(sender.pressed(), "1");
            }
        }
        assert_eq!(sender.pressed(), "12#");
        sender.play(&Tracks::shared().person, "", 0, 0);
        assert_eq!(sender.pressed(), "12#");
        let record = reception.record(sender.sent);
        assert_eq!(record.keys, "12#");
        assert_eq!((record.received, record.lost, record.deviation_max_us), (sender.sent, 0, 0));
    }
}
