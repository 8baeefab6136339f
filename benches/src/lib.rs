//! peal-benches
