//! peal-node
