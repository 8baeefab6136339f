//! What we write, the `rtcp-types` crate reads; what it takes for a report, we read the same.

use peal_media::rtcp::compound::{Block, Compound, Part};
use peal_media::rtcp::report::{SenderInfo, write};
use peal_media::*;
use proptest::prelude::*;
use rtcp_types::{Packet, ReportBlock, SdesItem};

type OneReport = (u32, Option<u64>, Vec<Block>);

fn theirs(block: &ReportBlock<'_>) -> Block {
    Block {
        ssrc: block.ssrc(),
        fraction_lost: block.fraction_lost(),
        // Unsigned in that crate.
        lost: ((block.cumulative_lost() << 8) as i32) >> 8,
        highest: block.extended_sequence_number(),
        jitter: block.interarrival_jitter(),
        last_sr: block.last_sender_report_timestamp(),
        delay: block.delay_since_last_sender_report_timestamp(),
    }
}

fn as_they_read(bytes: &[u8]) -> Option<Vec<OneReport>> {
    let compound = rtcp_types::Compound::parse(bytes).ok()?;
    let packets = compound.collect::<Result<Vec<_>, _>>().ok()?;
    let reports = packets.iter().filter_map(|packet| match packet {
        Packet::Sr(report) => {
            let blocks = report.report_blocks().map(|block| theirs(&block)).collect();
            Some((report.ssrc(), Some(report.ntp_timestamp()), blocks))
        }
        Packet::Rr(report) => {
            Some((report.ssrc(), None, report.report_blocks().map(|block| theirs(&block)).collect()))
        }
        _ => None,
    });
    Some(reports.collect())
}

fn as_we_read(bytes: &[u8]) -> Result<Vec<OneReport>, RtcpDrop> {
    let reports = Compound::parse(bytes)?.parts().filter_map(|part| match part {
        Part::Sender { ssrc, ntp, blocks } => Some((ssrc, Some(ntp), blocks.iter().collect())),
        Part::Receiver { ssrc, blocks } => Some((ssrc, None, blocks.iter().collect())),
        Part::Other => None,
    });
    Ok(reports.collect())
}

fn blocks() -> impl Strategy<Value = Block> {
    (any::<[u32; 5]>(), any::<u8>(), -0x80_0000..=0x7F_FFFFi32).prop_map(
        |([ssrc, highest, jitter, last_sr, delay], fraction_lost, lost)| Block {
            ssrc,
            fraction_lost,
            lost,
            highest,
            jitter,
            last_sr,
            delay,
        },
    )
}

proptest! {
    #[test]
    fn ours_is_read_as_it_was_meant(
        ssrc in any::<u32>(),
        info in proptest::option::of((any::<u64>(), any::<[u32; 3]>())),
        block in proptest::option::of(blocks()),
        cname in any::<[u8; 12]>(),
    ) {
        let mut out = [0; MAX_RTCP_LEN];
        let sender = info.map(|(ntp, [timestamp, packets, octets])| SenderInfo { ntp, timestamp, packets, octets });
        let len = write(ssrc, sender, block, cname, &mut out);
        let expected = vec![(ssrc, info.map(|(ntp, _)| ntp), Vec::from_iter(block))];
        prop_assert_eq!(as_they_read(&out[..len]), Some(expected.clone()));
        prop_assert_eq!(as_we_read(&out[..len]), Ok(expected));

        let packets: Vec<_> = rtcp_types::Compound::parse(&out[..len]).unwrap().map(Result::unwrap).collect();
        if let (Some(sender), Packet::Sr(report)) = (sender, &packets[0]) {
            prop_assert_eq!(
                (report.rtp_timestamp(), report.packet_count(), report.octet_count()),
                (sender.timestamp, sender.packets, sender.octets)
            );
        }
        let [_, Packet::Sdes(description)] = packets.as_slice() else { panic!("{packets:?}") };
        let chunks: Vec<_> = description.chunks().collect();
        let items: Vec<_> = chunks[0].items().collect();
        prop_assert_eq!((chunks.len(), chunks[0].ssrc(), items.len()), (1, ssrc, 1));
        prop_assert_eq!((items[0].type_(), items[0].value().len()), (SdesItem::CNAME, 16));
        prop_assert!(items[0].value().is_ascii());
    }

    /// We are stricter in three things, and in none more lenient where both look: the compound begins with a report, every
    /// packet has version 2, and padding is one whole word or more and nothing of what the packet's counts promise. The contents of
    /// other packets we leave alone.
    #[test]
    fn what_both_take_reads_the_same(
        packets in proptest::collection::vec((0..4u8, 199..=204u8, proptest::collection::vec(any::<u8>(), 0..80)), 1..4),
        spoil in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut bytes = Vec::new();
        for (count, kind, mut body) in packets {
            body.resize(body.len() / 4 * 4, 0);
            bytes.extend([0x80 | count, kind]);
            bytes.extend((body.len() as u16 / 4).to_be_bytes());
            bytes.extend(body);
        }
        if let Some((at, byte)) = spoil {
            let at = at.index(bytes.len());
            bytes[at] ^= byte;
        }
        match (as_they_read(&bytes), as_we_read(&bytes)) {
            (Some(theirs), Ok(ours)) => prop_assert_eq!(theirs, ours),
            (Some(_), Err(reason)) => prop_assert!(is_stricter(&bytes, reason), "{reason:?} {bytes:02x?}"),
            (None, Ok(_)) => prop_assert!(has_other_packets(&bytes), "{bytes:02x?}"),
            (None, Err(_)) => {}
        }
    }
}

/// Whether one of the three reasons holds.
fn is_stricter(bytes: &[u8], reason: RtcpDrop) -> bool {
    reason == RtcpDrop::NoReport
        || packets(bytes).any(|packet| {
            let (padding, blocks) = (usize::from(*packet.last().unwrap()), usize::from(packet[0] & 0x1f));
            let needed = match packet[1] {
                200 => 28 + 24 * blocks,
                201 => 8 + 24 * blocks,
                _ => 4,
            };
            let is_padded = packet[0] & 0x20 != 0;
            packet[0] >> 6 != 2
                || is_padded && (padding == 0 || padding % 4 != 0 || needed + padding > packet.len())
        })
}

/// Whether there is a packet whose inside only the other crate looks at.
fn has_other_packets(bytes: &[u8]) -> bool {
    packets(bytes).any(|packet| !matches!(packet[1], 200 | 201))
}

fn packets(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let len = 4 * (1 + usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])));
        let (packet, rest) = bytes.split_at_checked(len)?;
        bytes = rest;
        Some(packet)
    })
}
