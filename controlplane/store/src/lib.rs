//! peal-store
