//! Customers of a cast say what they have to say when it is their turn, and measure what they hear.

mod common;

use std::f32::consts::TAU;
use std::net::SocketAddr;
use std::path::Path;

use common::{Caller, carrier, wait_until};
use loadtest::Cast;
use loadtest::ledger::EndRecord;

/// A tone of that many milliseconds, with 100 ms of silence on both sides.
fn voice(folder: &Path, name: &str, rate: u32, ms: u32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(folder.join(name), spec).unwrap();
    let silence = || std::iter::repeat_n(0i16, (rate / 10) as usize);
    let tone =
        (0..rate / 1_000 * ms).map(|n| ((TAU * 440.0 * n as f32 / rate as f32).sin() * 9_000.0) as i16);
    for sample in silence().chain(tone).chain(silence()) {
        file.write_sample(sample).unwrap();
    }
    file.finalize().unwrap();
}

fn cast(folder: &Path, acts: &str) -> &'static Cast {
    voice(folder, "long.wav", 16_000, 400);
    voice(folder, "short.wav", 8_000, 200);
    std::fs::write(folder.join("cast.yaml"), format!("customers:\n- name: ann\n  acts:\n{acts}")).unwrap();
    Cast::load(&folder.join("cast.yaml")).unwrap()
}

/// The system under test, as little of it as will do.
struct System {
    caller: Caller,
    far: SocketAddr,
    sent: u16,
    /// Packets heard: whether they can be heard, and the keys in them.
    heard: Vec<bool>,
    keys: Vec<u8>,
}

impl System {
    fn dial(carrier: std::net::SocketAddrV4, number: &str) -> Self {
        let caller = Caller::new(carrier);
        let far = caller.call(number);
        Self { caller, far, sent: 0, heard: Vec::new(), keys: Vec::new() }
    }

    /// Hears the customer's next packet, which paces us, and sends one.
    fn tick(&mut self, talks: bool) {
        let mut buffer = [0; 2048];
        let (length, _) = self.caller.rtp.recv_from(&mut buffer).expect("the customer sends all the time");
        if buffer[1] & 0x7F != 101 {
            self.heard.push(buffer[12..length].iter().any(|code| *code != 0xD5));
        } else if buffer[1] & 0x80 != 0 {
            self.keys.push(buffer[12]);
        }
        let mut packet = vec![0x80, 8, (self.sent >> 8) as u8, self.sent as u8];
        packet.extend((u32::from(self.sent) * 160).to_be_bytes());
        packet.extend([0, 0, 0, 7]);
        packet.extend([if talks { 0xAA } else { 0xD5 }; 160]);
        self.sent += 1;
        self.caller.rtp.send_to(&packet, self.far).unwrap();
    }

    fn ticks(&mut self, talks: bool, ms: u32) {
        (0..ms / 20).for_each(|_| self.tick(talks));
    }

    /// Is silent until the customer has spoken and is silent himself.
    fn listen(&mut self) {
        let before = self.heard.len();
        while !self.heard[before..].contains(&true) || self.heard.last() == Some(&true) {
            self.tick(false);
        }
    }

    fn hang_up(self) {
        self.caller.request("BYE", "1", 2, "", "");
        self.caller.until("SIP/2.0 200");
    }
}

fn talk_with(acts: &str, talk: impl FnOnce(System)) -> EndRecord {
    let folder = tempfile::tempdir().unwrap();
    let recordings = folder.path().join("recordings");
    let carrier = carrier(|c| {
        c.rules = vec!["*=person:ring=0.1:digits=9".parse().unwrap()];
        c.cast = Some(cast(folder.path(), acts));
        c.cast_recordings = Some(recordings.clone());
    });
    talk(System::dial(carrier.addresses()[0], "1"));
    wait_until(&carrier, "over", |s| s.ended == 1);
    let (summary, ledger) = carrier.stop_with_ledger().unwrap();
    assert_eq!(summary.cast.unwrap().calls, 1);

    let recording = hound::WavReader::open(recordings.join("1-ann.wav")).unwrap();
    assert_eq!((recording.spec().channels, recording.spec().sample_rate), (2, 8_000));
    let samples: Vec<i16> = recording.into_samples().collect::<Result<_, _>>().unwrap();
    for side in 0..2 {
        let loud = samples.iter().skip(side).step_by(2).filter(|s| s.unsigned_abs() > 1_000).count();
        assert!(loud > 800, "side {side}: {loud}");
    }
    ledger.calls[0].end.clone().unwrap()
}

#[test]
fn a_dialogue_of_speech_and_keys_is_timed() {
    let acts = "  - {do: say, wav: long.wav, text: Yes, after: {silence_ms: 200}}\n  - {do: press, keys: '5#', after: {silence_ms: 100}}\n";
    let end = talk_with(acts, |mut system| {
        system.ticks(false, 100);
        system.ticks(true, 300);
        system.listen();
        let said = system.heard.iter().filter(|audible| **audible).count();
        // 400 ms; the filter rings on for a millisecond or two.
        assert!((20..=22).contains(&said), "{said}");
        system.ticks(false, 200);
        system.ticks(true, 200);
        while system.keys.len() < 2 {
            system.tick(false);
        }
        assert_eq!(system.keys, [5, 11]);
        system.ticks(false, 300);
        system.hang_up();
    });
    assert_eq!(end.pressed, "5#");
    let record = end.cast.unwrap();
    assert_eq!((record.customer.as_str(), record.did), ("ann", vec!["Yes".to_owned(), "5#".to_owned()]));
    assert!(record.first_audio_us.is_some_and(|us| us > 0), "{:?}", record.first_audio_us);
    assert_eq!((record.turns_us.len(), record.barge_ins_us.len()), (1, 0));
    assert_eq!((record.talked_over, record.unanswered), (0, 0));
    assert!(record.slots > 20, "{}", record.slots);
}

#[test]
fn an_interruption_is_timed_and_the_customer_may_hang_up() {
    let acts = "  - {do: say, wav: short.wav, after: {interrupt_ms: 300}}\n  - {do: hang_up, after: {wait_ms: 100}}\n";
    let end = talk_with(acts, |mut system| {
        while !system.heard.contains(&true) {
            system.tick(true);
        }
        system.ticks(true, 100);
        while system.heard.last() == Some(&true) {
            system.tick(false);
        }
        system.caller.until("BYE");
        system.caller.send(b"SIP/2.0 200 OK\r\nCall-ID: 1\r\nCSeq: 1 BYE\r\n\r\n");
    });
    let record = end.cast.unwrap();
    assert_eq!(record.did, ["short.wav", "hang up"]);
    assert!(matches!(record.barge_ins_us[..], [us] if us > 0), "{:?}", record.barge_ins_us);
    assert_eq!((record.unanswered, record.turns_us.len()), (1, 0));
}
