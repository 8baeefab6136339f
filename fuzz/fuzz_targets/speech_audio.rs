//! Any bytes as the audio of a voice. Nothing may panic; however the bytes are cut, the same comes of them; it is never more
//! samples than bytes.
//!
//! The first byte picks what should come, the second how it is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use media::Codec;
use voice::speech::{AudioReader, Encoding, Form, NotAudio};

fuzz_target!(|input: &[u8]| {
    let [which, cut, bytes @ ..] = input else { return };
    let rate = [8_000, 16_000, 22_050, 24_000, 7][usize::from(which / 4 % 5)];
    let form = match which % 4 {
        0 => Form::Wav,
        1 => Form::Samples { encoding: Encoding::Little, rate },
        2 => Form::Samples { encoding: Encoding::Big, rate },
        _ => Form::Samples { encoding: Encoding::G711(Codec::Pcma), rate },
    };
    let whole = read(form, bytes, bytes.len().max(1));
    let pieces = read(form, bytes, usize::from(*cut).max(1));
    assert_eq!(whole.is_ok(), pieces.is_ok());
    if let (Ok(whole), Ok(pieces)) = (whole, pieces) {
        assert!(whole == pieces);
        assert!(whole.len() <= bytes.len());
    }
});

fn read(form: Form, bytes: &[u8], piece: usize) -> Result<Vec<i16>, NotAudio> {
    let mut reader = AudioReader::new(form);
    let mut samples = Vec::new();
    for piece in bytes.chunks(piece) {
        samples.extend(reader.read(piece)?);
    }
    samples.extend(reader.finish()?);
    Ok(samples)
}
