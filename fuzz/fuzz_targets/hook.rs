//! Any frames from a recogniser or a bot. Nothing may panic; what is heard is not more than what came; what goes into a log is
//! short and of one line; the machine still speaks its protocol afterwards.
//!
//! The first byte picks the protocol. Frames follow, each behind a line break; one that begins with `#` is binary.
#![no_main]

use libfuzzer_sys::fuzz_target;
use voice::protocol::{deepgram::Deepgram, openai, twilio::Twilio, vosk::Vosk};
use voice::{AudioFormat, CallFacts, Frame, Heard, Incoming, Protocol, ProtocolFault};

fuzz_target!(|input: &[u8]| {
    let Some((which, rest)) = input.split_first() else { return };
    let mut protocol: Box<dyn Protocol> = match which % 5 {
        0 => Box::new(Twilio::new()),
        1 => Box::new(Vosk::new(AudioFormat::Linear16)),
        2 => Box::new(Deepgram::new(AudioFormat::Mulaw)),
        3 => Box::new(openai::OpenAi::new(openai::Purpose::Transcription { model: "m".into() })),
        _ => {
            let purpose = openai::Purpose::Speech {
                instructions: "i".into(),
                voice: "v".into(),
                transcription: None,
                speaks_first: true,
                end_silence_ms: 500,
            };
            Box::new(openai::OpenAi::new(purpose))
        }
    };
    let call = CallFacts { attempt: "01a204d1-182f-7289-a861-104cfc4b85f8".into(), ..CallFacts::default() };
    protocol.open(&call).into_iter().for_each(check_frame);
    let (mut came, mut said) = (0, 0);
    for frame in rest.split(|byte| *byte == b'\n') {
        let incoming = match (frame, str::from_utf8(frame)) {
            ([b'#', bytes @ ..], _) => Incoming::Binary(bytes),
            (_, Ok(text)) => Incoming::Text(text),
            (bytes, Err(_)) => Incoming::Binary(bytes),
        };
        let mut heard = Vec::new();
        came += frame.len();
        match protocol.read(incoming, &mut heard) {
            Ok(()) => {}
            Err(fault) => {
                let told = fault.to_string();
                assert!(told.chars().count() <= 300, "{told}");
                if let ProtocolFault::Refused { what, .. } = fault {
                    assert!(!what.contains(char::is_control));
                }
                break;
            }
        }
        assert!(heard.len() <= 2);
        for heard in heard {
            said += match heard {
                Heard::Audio(audio) => audio.len(),
                Heard::Final { text, .. } | Heard::Spoken(text) | Heard::Mark(text) => text.len(),
                // Comes again in the end.
                Heard::Partial(text) => text.len().saturating_sub(frame.len()),
                Heard::SpeechBegan | Heard::Clear => 0,
            };
        }
        assert!(said <= came, "{said} of {came}");
    }
    protocol.silenced(std::time::Duration::from_millis(100)).into_iter().for_each(check_frame);
    check_frame(protocol.audio(100, &[0xFF; 800]));
    protocol.end_of_speech().into_iter().chain(protocol.close()).for_each(check_frame);
});

fn check_frame(frame: Frame) {
    if let Frame::Text(text) = frame {
        assert!(
            serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|value| value.is_object()),
            "{text}"
        );
    }
}
