//! peal-sip
