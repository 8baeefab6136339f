//! peal-analytics
