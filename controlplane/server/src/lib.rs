//! peal-server
