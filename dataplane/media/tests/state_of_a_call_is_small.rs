//! What a call's media takes in memory, so that growth is a decision.

use std::mem::size_of;

use peal_media::recorder::Recorder;
use peal_media::*;

#[test]
fn a_session_fits_its_budget() {
    println!(
        "session {} lease {} recorder {} tap {} vad {}",
        size_of::<MediaSession>(),
        size_of::<PortLease>(),
        size_of::<Recorder>(),
        size_of::<tap::Tap>(),
        size_of::<vad::Vad>()
    );
    assert!(size_of::<music::Music>() <= 64, "{}", size_of::<music::Music>());
    // Budget of the whole call: 8 KiB, of which SIP and script take the larger part.
    assert!(size_of::<MediaSession>() <= 720, "{}", size_of::<MediaSession>());
    assert!(size_of::<PortLease>() <= 160, "{}", size_of::<PortLease>());
    // Beside its one buffer of 8 kB.
    assert!(size_of::<Recorder>() <= 256, "{}", size_of::<Recorder>());
    // With the samples on their way to a chunk.
    assert!(size_of::<tap::Tap>() <= 2560, "{}", size_of::<tap::Tap>());
    assert!(size_of::<vad::Vad>() <= 24, "{}", size_of::<vad::Vad>());
    assert!(size_of::<MediaEvent>() <= 32, "{}", size_of::<MediaEvent>());
    assert!(size_of::<Received<'_>>() <= 32, "{}", size_of::<Received<'_>>());
}
