//! peal-link
