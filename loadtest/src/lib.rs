//! peal-loadtest
