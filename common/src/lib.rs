//! peal-common
