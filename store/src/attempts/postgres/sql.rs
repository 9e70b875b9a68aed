//! The statements of the attempt log in PostgreSQL, but for those with the names of partitions in them.

/// The log may lose half a second when the server crashes. The server gives up before we do: see `ANSWER_WITHIN`.
pub(super) const SETTINGS: &str = "\
SET LOCAL synchronous_commit = off; SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '2s'";

/// The number is any that no one else in this database has.
pub(super) const FOR_PARTITIONS: &str = "\
SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '1s';
SELECT pg_advisory_xact_lock(7382190465120331)";

/// Whoever waits for a lock of all readers and writers lets no later one in, so it must not wait long.
pub(super) const FOR_DROP: &str = "\
SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '1s'";

pub(super) const SAVEPOINT: &str = "SAVEPOINT part";
pub(super) const RELEASE: &str = "RELEASE SAVEPOINT part";
pub(super) const ROLLBACK_TO: &str = "ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part";

/// One array per column.
pub(super) const INSERT: &str = "\
INSERT INTO attempt (at, event_id, log_offset, log_partition, number, total_us, connect_us, first_byte_us, status, sink, target,
                     tenant, event_type, class, log_topic, reason, answer, request_headers)
SELECT * FROM unnest($1::timestamptz[], $2::uuid[], $3::bigint[], $4::integer[], $5::integer[], $6::integer[], $7::integer[],
                     $8::integer[], $9::smallint[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
                     $16::text[], $17::text[], $18::text[])";

/// Each partition: its name, and the same as it is written in a statement.
pub(super) const PARTITIONS: &str = "\
SELECT c.relname::text, c.oid::regclass::text
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'attempt'::regclass ORDER BY 1";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT at, event_id, log_offset, log_partition, number, total_us, connect_us, first_byte_us, status, sink, target, \
             tenant, event_type, class, log_topic, reason, answer, request_headers FROM attempt ",
            $rest
        )
    };
}

pub(in crate::attempts) const NEWEST_OF_TARGET: &str =
    select!("WHERE sink = $1 AND target = $2 ORDER BY at DESC LIMIT $3");

/// The condition on `class` is that of the index.
pub(in crate::attempts) const NEWEST_FAILURES_OF_TARGET: &str =
    select!("WHERE sink = $1 AND target = $2 AND class <> 'delivered' ORDER BY at DESC LIMIT $3");

pub(in crate::attempts) const OF_EVENT: &str = select!("WHERE event_id = $1 ORDER BY at, number");

/// Of these events those that were delivered to a target.
pub(in crate::attempts) const DELIVERED: &str = "\
SELECT DISTINCT event_id FROM attempt WHERE sink = $1 AND target = $2 AND event_id = ANY($3) AND class = 'delivered'";
