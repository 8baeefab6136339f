//! Whatever a server sends: a fault at worst, never a panic.

use proptest::prelude::*;
use voice::protocol::{deepgram::Deepgram, openai, twilio::Twilio, vosk::Vosk};
use voice::{AudioFormat, Incoming, Protocol};

proptest! {
    #[test]
    fn any_frame(text in "(\\PC{0,60}|\\{\"(event|type|text|partial)\":\"(media|mark|Results|error|[a-z._]{0,40})\"(,\"(media|delta|channel|mark|transcript)\":(\\{\\}|null|\"[A-Za-z=]{0,9}\"|\\[1\\])){0,2}\\})", bytes in prop::collection::vec(any::<u8>(), 0..50)) {
        let purpose = openai::Purpose::Transcription { model: "m".into() };
        let all: [Box<dyn Protocol>; 4] = [
            Box::new(Twilio::new()),
            Box::new(Vosk::new(AudioFormat::Linear8)),
            Box::new(Deepgram::new(AudioFormat::Mulaw)),
            Box::new(openai::OpenAi::new(purpose)),
        ];
        for mut protocol in all {
            let mut heard = Vec::new();
            let _ = protocol.read(Incoming::Text(&text), &mut heard);
            let _ = protocol.read(Incoming::Binary(&bytes), &mut heard);
        }
    }
}
