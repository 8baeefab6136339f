//! What an impolite carrier sends beside its calls.
//!
//! None of it can be mistaken for a message of a call that the caller knows: it may be counted and dropped, never obeyed.

use crate::random::Random;

/// A datagram to a SIP port.
pub(crate) fn sip(random: &mut Random) -> Vec<u8> {
    let branch = random.next();
    let head = |status: &str, cseq: &str| {
        format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{branch:x}\r\n\
             From: <sip:nobody@127.0.0.1>;tag=1\r\nTo: <sip:nobody@127.0.0.1>;tag=2\r\n\
             Call-ID: {branch:x}@junk\r\nCSeq: {cseq}\r\n"
        )
    };
    match random.below(12) {
        0 => (0..random.below(1_200)).map(|_| random.next() as u8).collect(),
        1 => b"SIP/2.0 200 OK\r\n\r\n".to_vec(),
        2 => format!("{}Content-Length: 0\r\n\r\n", head("200 OK", "1 INVITE")).into_bytes(),
        3 => format!("{}Content-Length: -1\r\n\r\n", head("180 Ringing", "1 INVITE")).into_bytes(),
        4 => format!("{}Content-Length: 99999999\r\n\r\nv=0", head("183 x", "1 INVITE")).into_bytes(),
        5 => format!("{}\r\n", head("999 Beyond", "4294967296 INVITE")).into_bytes(),
        6 => head("200 OK", "1 INVITE").into_bytes(),
        7 => format!("SIP/2.0 486 {}\r\n\r\n", "x".repeat(3_000)).into_bytes(),
        8 => format!("{}{}\r\n", head("200 OK", "1 BYE"), "Via: a\r\n".repeat(300)).into_bytes(),
        9 => b"\r\n\r\n".to_vec(),
        10 => format!(
            "BYE sip:nobody@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{branch:x}\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: {branch:x}@junk\r\nCSeq: 1 BYE\r\n\r\n"
        )
        .into_bytes(),
        _ => {
            format!("INVITE \u{ff53}ip:\0 SIP/2.0\r\nVia: ;;;\r\nTo: <<\"\r\nCSeq: x\r\n\r\nm=audio {branch}")
                .into_bytes()
        }
    }
}

/// A datagram to an RTP port.
pub(crate) fn rtp(random: &mut Random) -> Vec<u8> {
    match random.below(5) {
        0 => Vec::new(),
        1 => vec![0x80; 11],
        // A CSRC count, then an extension length, past the end of the packet.
        2 => [&[0x8F, 0][..], &[1; 12]].concat(),
        3 => [&[0x90, 0][..], &[1; 10], &[0, 0, 0xFF, 0xFF]].concat(),
        _ => (0..random.below(400)).map(|_| random.next() as u8 & 0x3F).collect(),
    }
}
