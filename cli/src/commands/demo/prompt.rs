//! The announcement of the demo: three rising tones and something with the rhythm of speech.

use media::{
    SAMPLE_RATE,
    tone::{Tone, Voice},
};

/// A mono WAV file of 16-bit samples at 8 kHz.
pub fn wav() -> Vec<u8> {
    let mut samples = vec![0i16; SAMPLE_RATE as usize * 2];
    let (chime, voice) = samples.split_at_mut(SAMPLE_RATE as usize * 3 / 5);
    let step = chime.len() / 3;
    for (note, part) in [523.25, 659.25, 783.99].into_iter().zip(chime.chunks_mut(step)) {
        Tone::sine(note, 6_000).fill(part);
    }
    Voice::new(1).fill(voice);
    file(&samples)
}

/// RIFF, `fmt ` and `data` (Microsoft's Multimedia Programming Interface 1.0).
fn file(samples: &[i16]) -> Vec<u8> {
    let data = samples.len() as u32 * 2;
    let mut wav = Vec::with_capacity(44 + data as usize);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + data).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16u32.to_le_bytes());
    wav.extend_from_slice(&[1, 0, 1, 0]);
    wav.extend_from_slice(&SAMPLE_RATE.to_le_bytes());
    wav.extend_from_slice(&(SAMPLE_RATE * 2).to_le_bytes());
    wav.extend_from_slice(&[2, 0, 16, 0]);
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&data.to_le_bytes());
    wav.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    wav
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_a_prompt() {
        let prompt = media::Prompt::from_wav(&super::wav()).expect("well formed");
        assert_eq!(prompt.duration(), std::time::Duration::from_secs(2));
    }
}
