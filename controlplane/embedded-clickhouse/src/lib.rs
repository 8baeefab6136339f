//! peal-embedded-clickhouse
