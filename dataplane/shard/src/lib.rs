//! peal-shard
