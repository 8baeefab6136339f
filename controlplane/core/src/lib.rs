//! peal-core
