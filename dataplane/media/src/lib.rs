//! peal-media
