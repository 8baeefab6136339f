//! peal-disk
