//! What a call's media takes in memory, so that growth is a decision.

use std::mem::size_of;

use peal_media::recorder::Recorder;
use peal_media::*;

#[test]
fn a_session_fits_its_budget() {
    println!(
        "session {} lease {} recorder {}",
        size_of::<MediaSession>(),
        size_of::<PortLease>(),
        size_of::<Recorder>()
    );
    // Budget of the whole call: 8 KiB, of which SIP and script take the larger part.
    assert!(size_of::<MediaSession>() <= 704, "{}", size_of::<MediaSession>());
    assert!(size_of::<PortLease>() <= 160, "{}", size_of::<PortLease>());
    // Beside its one buffer of 16 kB.
    assert!(size_of::<Recorder>() <= 256, "{}", size_of::<Recorder>());
    assert!(size_of::<MediaEvent>() <= 32, "{}", size_of::<MediaEvent>());
    assert!(size_of::<Received<'_>>() <= 32, "{}", size_of::<Received<'_>>());
}
