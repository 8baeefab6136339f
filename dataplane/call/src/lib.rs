//! peal-call
