//! The attempt log: every attempt in a table by day, written in batches, dropped after its retention.
