//! peal-api
