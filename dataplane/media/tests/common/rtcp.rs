//! Reports as the far end writes them.

#![allow(dead_code, reason = "each test file uses its own part of this")]

use peal_media::rtcp::compound::{Block, Compound, Part};
use peal_media::rtcp::report::{SenderInfo, write};
use peal_media::*;

/// A sender report of `ssrc` at this NTP time, with a block.
pub fn sender_report(ssrc: u32, ntp: u64, block: Option<Block>) -> Vec<u8> {
    let info = SenderInfo { ntp, timestamp: 1, packets: 2, octets: 3 };
    written(ssrc, Some(info), block)
}

/// A receiver report of `ssrc` with a block.
pub fn receiver_report(ssrc: u32, block: Option<Block>) -> Vec<u8> {
    written(ssrc, None, block)
}

/// The first report in these bytes: its NTP time if it is a sender's, and its block.
#[track_caller]
pub fn read(bytes: &[u8]) -> (Option<u64>, Option<Block>) {
    match Compound::parse(bytes).expect("well formed").parts().next() {
        Some(Part::Sender { ntp, blocks, .. }) => (Some(ntp), blocks.iter().next()),
        Some(Part::Receiver { blocks, .. }) => (None, blocks.iter().next()),
        other => panic!("{other:?}"),
    }
}

fn written(ssrc: u32, info: Option<SenderInfo>, block: Option<Block>) -> Vec<u8> {
    let mut out = [0; MAX_RTCP_LEN];
    let len = write(ssrc, info, block, [7; 12], &mut out);
    out[..len].to_vec()
}
