//! Audio as servers and programs send it, piece by piece, to samples of the telephone's rate.
//!
//! Bytes may be cut anywhere. What is no audio is refused as early as its first bytes show it: a caller must never hear an error page.

use media::Codec;
use media::resample::Resampler;

use super::RATE;

/// Rates that are taken, in hertz. A closed list: the filter for an odd rate takes megabytes and a good part of a second to make.
const RATES: [u32; 9] = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
/// Longest head of a WAV file, with whatever programs write into it.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// The first bytes tell what somebody sends who does not send what was asked for.
const FOREIGN: [(&[u8], &str); 7] = [
    (b"ID3", "MP3"),
    (b"\xFF\xFB", "MP3"),
    (b"OggS", "Ogg"),
    (b"fLaC", "FLAC"),
    (b"<htm", "HTML"),
    (b"<!DO", "HTML"),
    (b"{\"", "JSON"),
];

/// How samples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 16 bits, little-endian.
    Little,
    /// 16 bits, big-endian.
    Big,
    /// A byte each.
    G711(Codec),
}

/// What comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A WAV file of one channel. Its lengths may be wrong, as in one that was written into a pipe.
    Wav,
    /// Samples of one channel, without a head. A WAV file is taken too: there are servers that send one whatever they are asked.
    Samples {
        /// How they are written.
        encoding: Encoding,
        /// Samples a second.
        rate: u32,
    },
}

/// What came is no audio, or none that is understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sent {0}")]
pub struct NotAudio(String);

/// Reads one answer.
#[derive(Debug)]
pub struct AudioReader {
    stage: Stage,
    /// Bytes that make no whole yet: of the head, or of a sample.
    rest: Vec<u8>,
}

#[derive(Debug)]
enum Stage {
    /// Until it is clear what comes.
    Head(Form),
    Samples {
        encoding: Encoding,
        resampler: Resampler,
        /// Bytes until the samples end, where that is known.
        left: Option<u64>,
    },
}

impl AudioReader {
    /// Of an answer that should have this form.
    pub fn new(form: Form) -> Self {
        Self { stage: Stage::Head(form), rest: Vec::new() }
    }

    /// The next bytes, and what they are, at [`RATE`].
    pub fn read(&mut self, bytes: &[u8]) -> Result<Vec<i16>, NotAudio> {
        if let Stage::Head(form) = self.stage {
            self.rest.extend_from_slice(bytes);
            let Some((stage, used)) = begin(form, &self.rest)? else { return Ok(Vec::new()) };
            self.stage = stage;
            let rest = self.rest.split_off(used);
            self.rest.clear();
            return Ok(self.samples(&rest));
        }
        Ok(self.samples(bytes))
    }

    /// The end: what the filter still held. No audio at all is an error.
    pub fn finish(mut self) -> Result<Vec<i16>, NotAudio> {
        if let Stage::Head(form @ Form::Samples { .. }) = self.stage {
            // Too short to tell; so it is not anything else.
            self.stage = samples(form, self.rest.len())?;
            let rest = std::mem::take(&mut self.rest);
            let mut all = self.samples(&rest);
            all.extend(self.finish_samples());
            return Ok(all);
        }
        match self.stage {
            Stage::Head(_) if self.rest.is_empty() => Err(NotAudio("nothing".to_owned())),
            Stage::Head(_) => Err(NotAudio("the head of a WAV file and nothing behind it".to_owned())),
            Stage::Samples { .. } => Ok(self.finish_samples()),
        }
    }

    fn finish_samples(self) -> Vec<i16> {
        match self.stage {
            Stage::Samples { resampler, .. } => resampler.finish(),
            Stage::Head(_) => Vec::new(),
        }
    }

    fn samples(&mut self, bytes: &[u8]) -> Vec<i16> {
        let Stage::Samples { encoding, resampler, left } = &mut self.stage else { return Vec::new() };
        let taken =
            left.map_or(bytes.len(), |left| bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
        if let Some(left) = left {
            *left -= taken as u64;
        }
        let bytes = &bytes[..taken];
        let linear: Vec<i16> = match *encoding {
            Encoding::G711(codec) => {
                let table = codec.decode_table();
                bytes.iter().map(|sample| table[usize::from(*sample)]).collect()
            }
            Encoding::Little => pairs(&mut self.rest, bytes, i16::from_le_bytes),
            Encoding::Big => pairs(&mut self.rest, bytes, i16::from_be_bytes),
        };
        resampler.convert(&linear)
    }
}

/// Samples of two bytes; one that is cut in half stays in `rest`.
fn pairs(rest: &mut Vec<u8>, bytes: &[u8], sample: fn([u8; 2]) -> i16) -> Vec<i16> {
    let (first, bytes) = match (rest.pop(), bytes) {
        (Some(low), [high, others @ ..]) => (Some(sample([low, *high])), others),
        (half, bytes) => {
            rest.extend(half);
            (None, bytes)
        }
    };
    let (whole, half) = bytes.as_chunks::<2>();
    rest.extend_from_slice(half);
    first.into_iter().chain(whole.iter().map(|pair| sample(*pair))).collect()
}

/// What comes after these first bytes and how many of them were its head; `None` as long as they do not say.
fn begin(form: Form, head: &[u8]) -> Result<Option<(Stage, usize)>, NotAudio> {
    if let Some((_, what)) = FOREIGN.iter().find(|(mark, _)| head.starts_with(mark)) {
        return Err(NotAudio(format!("{what} where audio was asked for")));
    }
    if head.len() < 4 {
        return Ok(None);
    }
    match form {
        _ if head.starts_with(b"RIFF") => {
            let begun = wav(head)?;
            if begun.is_none() && head.len() > HEAD_BYTES_MAX {
                return Err(NotAudio("a WAV file without samples".to_owned()));
            }
            Ok(begun)
        }
        Form::Wav => Err(NotAudio("something that is no WAV file".to_owned())),
        Form::Samples { .. } => Ok(Some((samples(form, head.len())?, 0))),
    }
}

fn samples(form: Form, bytes: usize) -> Result<Stage, NotAudio> {
    match form {
        Form::Samples { encoding, rate } if bytes > 0 => stage(encoding, rate, None),
        _ => Err(NotAudio("nothing".to_owned())),
    }
}

fn stage(encoding: Encoding, rate: u32, left: Option<u64>) -> Result<Stage, NotAudio> {
    if !RATES.contains(&rate) {
        return Err(NotAudio(format!("audio of {rate} Hz")));
    }
    Ok(Stage::Samples { encoding, resampler: Resampler::new(rate, RATE), left })
}

/// The head of a WAV file, up to where its samples begin.
fn wav(file: &[u8]) -> Result<Option<(Stage, usize)>, NotAudio> {
    let Some((riff, _)) = file.split_first_chunk::<12>() else { return Ok(None) };
    if &riff[8..] != b"WAVE" {
        return Err(NotAudio("a RIFF file that is no WAV file".to_owned()));
    }
    let (mut at, mut format) = (12, None);
    loop {
        let Some(head) = file.get(at..at + 8) else { return Ok(None) };
        let (name, length) = (&head[..4], u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
        at += 8;
        if name == b"data" {
            let (encoding, rate) =
                format.ok_or_else(|| NotAudio("a WAV file that does not say its format".to_owned()))?;
            // Who writes into a pipe cannot know, and writes 0 or nearly as much as there can be.
            let left = (length > 0 && length < 0x7FFF_0000).then_some(u64::from(length));
            return Ok(Some((stage(encoding, rate, left)?, at)));
        }
        // Chunks begin at even places.
        let end = at.saturating_add(length as usize).saturating_add(length as usize & 1);
        if end > HEAD_BYTES_MAX {
            return Err(NotAudio("a WAV file with too long a head".to_owned()));
        }
        let Some(body) = file.get(at..end) else { return Ok(None) };
        if name == b"fmt " {
            format = Some(wav_format(body)?);
        }
        at = end;
    }
}

/// RFC 2361: 1 is linear, 6 A-law, 7 μ-law; 0xFFFE says it in its extension.
fn wav_format(body: &[u8]) -> Result<(Encoding, u32), NotAudio> {
    let word = |at: usize| body.get(at..at + 2).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    let tag = if word(0) == 0xFFFE { word(24) } else { word(0) };
    let (channels, rate, bits) = (word(2), u32::from(word(4)) | u32::from(word(6)) << 16, word(14));
    let encoding = match (tag, bits) {
        (1, 16) => Encoding::Little,
        (6, 8) => Encoding::G711(Codec::Pcma),
        (7, 8) => Encoding::G711(Codec::Pcmu),
        _ => return Err(NotAudio(format!("WAV of format {tag} with {bits} bits a sample"))),
    };
    if channels != 1 {
        return Err(NotAudio(format!("audio of {channels} channels")));
    }
    Ok((encoding, rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tag: u16, channels: u16, rate: u32, bits: u16, data_len: u32, data: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\xFF\xFF\xFF\xFFWAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        for word in [tag, channels, rate as u16, (rate >> 16) as u16, 0, 0, bits / 8, bits] {
            file.extend(word.to_le_bytes());
        }
        file.extend(b"data");
        file.extend(data_len.to_le_bytes());
        file.extend(data);
        file
    }

    fn read(form: Form, bytes: &[u8], piece: usize) -> Result<Vec<i16>, NotAudio> {
        let mut reader = AudioReader::new(form);
        let mut samples = Vec::new();
        for piece in bytes.chunks(piece) {
            samples.extend(reader.read(piece)?);
        }
        samples.extend(reader.finish()?);
        Ok(samples)
    }

    #[test]
    fn each_form_is_read_however_it_is_cut() {
        let linear: Vec<i16> = (0..50).map(|n| n * 300 - 7_000).collect();
        let little: Vec<u8> = linear.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let big: Vec<u8> = linear.iter().flat_map(|sample| sample.to_be_bytes()).collect();
        let ulaw: Vec<u8> = linear.iter().map(|sample| Codec::Pcmu.encode(*sample)).collect();
        let raw = |encoding| Form::Samples { encoding, rate: 8_000 };
        let of_ulaw: Vec<i16> = ulaw.iter().map(|byte| Codec::Pcmu.decode(*byte)).collect();
        for (form, bytes, expected) in [
            (raw(Encoding::Little), little.clone(), &linear),
            (raw(Encoding::Big), big, &linear),
            (raw(Encoding::G711(Codec::Pcmu)), ulaw.clone(), &of_ulaw),
            (Form::Wav, file(1, 1, 8_000, 16, 0, &little), &linear),
            (Form::Wav, file(1, 1, 8_000, 16, 0x7FFF_F000, &little), &linear),
            (
                Form::Wav,
                [file(1, 1, 8_000, 16, 100, &little), b"LIST\x02\0\0\0xy".to_vec()].concat(),
                &linear,
            ),
            (raw(Encoding::Little), file(1, 1, 8_000, 16, 0, &little), &linear),
            (Form::Wav, file(7, 1, 8_000, 8, 0, &ulaw), &of_ulaw),
        ] {
            for piece in [1, 2, 3, 11, 1_000] {
                assert_eq!(read(form, &bytes, piece).as_ref(), Ok(expected), "{form:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_higher_rate_becomes_that_of_the_telephone() {
        let form = Form::Samples { encoding: Encoding::Little, rate: 24_000 };
        assert_eq!(read(form, &[0; 48_000], 999).map(|samples| samples.len()), Ok(8_000));
        assert_eq!(
            read(Form::Wav, &file(1, 1, 22_050, 16, 0, &[0; 44_100]), 999).map(|samples| samples.len()),
            Ok(8_000)
        );
    }

    #[test]
    fn what_is_no_audio_is_told_by_its_first_bytes() {
        let raw = Form::Samples { encoding: Encoding::Little, rate: 24_000 };
        for (form, bytes, word) in [
            (raw, b"<html>".to_vec(), "HTML"),
            (raw, b"{\"error\":1}".to_vec(), "JSON"),
            (raw, b"ID3\x04".to_vec(), "MP3"),
            (raw, vec![], "nothing"),
            (Form::Wav, vec![], "nothing"),
            (Form::Wav, b"some words".to_vec(), "no WAV"),
            (Form::Wav, b"RIFF\0\0\0\0AVI ".to_vec(), "no WAV"),
            (Form::Wav, b"RIFF\0\0\0\0WAVEdata\0\0\0\0".to_vec(), "format"),
            (Form::Wav, b"RIFF\0\0\0\0WAVELIST\0\0\0\x7F".to_vec(), "head"),
            (Form::Wav, file(1, 2, 8_000, 16, 0, &[0; 4]), "2 channels"),
            (Form::Wav, file(3, 1, 8_000, 32, 0, &[0; 4]), "format 3"),
            (Form::Wav, file(1, 1, 12_345, 16, 0, &[0; 4]), "12345 Hz"),
            (Form::Samples { encoding: Encoding::Little, rate: 1 }, vec![0; 8], "1 Hz"),
            (Form::Wav, b"RIFF\0\0\0\0WAVEfmt ".to_vec(), "nothing behind"),
        ] {
            let error = read(form, &bytes, 5).expect_err(word);
            assert!(error.to_string().contains(word), "{error}, not {word}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), piece in 1usize..60, is_wav: bool) {
            let form = if is_wav { Form::Wav } else { Form::Samples { encoding: Encoding::Big, rate: 16_000 } };
            let _ = read(form, &bytes, piece);
            let _ = read(form, &file(1, 1, 16_000, 16, u32::MAX, &bytes), piece);
        }
    }
}
