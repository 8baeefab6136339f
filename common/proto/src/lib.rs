//! peal-proto
