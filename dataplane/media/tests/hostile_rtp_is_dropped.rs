//! Packets that broke other stacks are dropped with a reason, and change nothing.

mod common;

use std::path::PathBuf;
use std::time::Instant;

use common::*;
use peal_media::*;

fn corpus(prefix: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/cve-repro");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let path = entries
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().unwrap().to_string_lossy().starts_with(prefix))
        .unwrap_or_else(|| panic!("no input {prefix} in {}", folder.display()));
    std::fs::read(path).unwrap()
}

#[test]
fn each_input_of_the_corpus_is_dropped_for_its_reason() {
    let inputs = [
        ("60_", DropReason::ForeignSource),
        ("61_", DropReason::PayloadLength),
        ("62_", DropReason::NotRtp),
        ("64_", DropReason::NotRtp),
        ("67_", DropReason::Malformed),
        ("68_", DropReason::Malformed),
        ("69_", DropReason::PayloadLength),
        ("70_", DropReason::NotRtp),
        ("71_", DropReason::TooShort),
        ("72_", DropReason::TooShort),
    ];
    for (input, reason) in inputs {
        let mut session = answered();
        let bytes = corpus(input);
        let from = if input == "60_" { "203.0.113.9:4000".parse().unwrap() } else { far() };
        assert_eq!(session.receive(Instant::now(), from, &bytes), Received::Dropped(reason), "{input}");
        assert_eq!((session.dropped(reason), session.quality().received), (1, 0));
        assert_eq!(events(&mut session), []);
    }
}

#[test]
fn nothing_is_taken_before_a_far_end_is_negotiated() {
    let mut session = session();
    let packet = FarEnd::new().audio(&[0xD5; 160]);
    assert_eq!(session.receive(Instant::now(), far(), &packet), Received::Dropped(DropReason::NoPlan));
}

#[test]
fn payload_types_and_lengths_that_were_not_agreed_are_dropped() {
    let (mut session, now) = (answered(), Instant::now());
    for (payload_type, len, expected) in [
        (8, 39, DropReason::PayloadLength),
        (8, 481, DropReason::PayloadLength),
        (8, 0, DropReason::PayloadLength),
        (EVENTS, 0, DropReason::PayloadLength),
        (EVENTS, 5, DropReason::PayloadLength),
        (9, 160, DropReason::PayloadType),
        (127, 160, DropReason::PayloadType),
    ] {
        let header = rtp::Header { payload_type, ..FarEnd::new().header };
        let bytes = packet(header, &vec![1; len]);
        assert_eq!(session.receive(now, far(), &bytes), Received::Dropped(expected), "{payload_type} {len}");
    }
    assert_eq!(session.quality().dropped, 7);
}
