//! Every statement of the sink, in one place. The tests execute each of them.

/// The rows of a batch; returns the ids of those that are new. `data` travels as text and becomes `jsonb` on the server, which is
/// quicker than sending `jsonb[]`.
pub(super) const INSERT_EVENTS: &str = "\
INSERT INTO event (id, time, received_time, log_offset, log_partition, log_topic, tenant, source, platform, type, subject,
                   partition_key, rules_version, raw_sha256, data, raw, account, schema_version, id_time)
SELECT u.id, u.time, u.received_time, u.log_offset, u.log_partition, u.log_topic, u.tenant, u.source, u.platform, u.type,
       u.subject, u.partition_key, u.rules_version, u.raw_sha256, u.data::jsonb, u.raw, u.account, u.schema_version, u.id_time
FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::text[], $11::text[], $12::bytea[], $13::text[], $14::bytea[], $15::integer[],
            $16::text[], $17::text[], $18::integer[], $19::text[])
     AS u(id, time, received_time, log_offset, tenant, source, platform, type, subject, partition_key, rules_version,
          raw_sha256, data, raw, log_partition, log_topic, account, schema_version, id_time)
ON CONFLICT (id) DO NOTHING
RETURNING id";

/// Adds to the counts of hours, sorted by the caller.
pub(super) const COUNT_HOURS: &str = "\
INSERT INTO event_hour AS h (hour, count, log_partition, tenant, source, platform, type)
SELECT * FROM unnest($1::timestamptz[], $2::bigint[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::text[])
ON CONFLICT (hour, tenant, source, platform, type, log_partition) DO UPDATE SET count = h.count + EXCLUDED.count";

/// The first event of that time, or later.
pub(super) const FIRST_EVENT_FROM: &str = "SELECT id FROM event WHERE id >= event_id_from($1) ORDER BY id LIMIT 1";

/// Keeps writers from adding to counts until the end of the transaction; readers go on.
pub(super) const LOCK_HOURS: &str = "LOCK TABLE event_hour IN SHARE ROW EXCLUSIVE MODE";

/// Raises the counts of an hour to what is in the table.
pub(super) const RECOUNT_HOUR: &str = "\
INSERT INTO event_hour AS h (hour, count, log_partition, tenant, source, platform, type)
SELECT $1, count(*), log_partition, tenant, source, platform, type
FROM event WHERE id >= event_id_from($1) AND id < event_id_from($1 + interval '1 hour')
GROUP BY log_partition, tenant, source, platform, type
ON CONFLICT (hour, tenant, source, platform, type, log_partition) DO UPDATE SET count = EXCLUDED.count
WHERE h.count < EXCLUDED.count";

/// Whether an event is stored.
pub(super) const HAS_EVENT: &str = "SELECT EXISTS (SELECT FROM event WHERE id = $1)";

/// The stored receipts of these hash halves.
pub(super) const RECEIPTS: &str = "SELECT id, received_time FROM event_receipt WHERE hash_half = ANY($1::bytea[])";

/// Remembers receipts, sorted by the caller.
pub(super) const INSERT_RECEIPTS: &str = "\
INSERT INTO event_receipt (hash_half, received_time, id)
SELECT * FROM unnest($1::bytea[], $2::timestamptz[], $3::uuid[])
ON CONFLICT (hash_half, received_time) DO NOTHING";

/// Forgets a few receipts that were stored longer ago than so many seconds; others do the same at the same time.
pub(super) const FORGET_RECEIPTS: &str = "\
DELETE FROM event_receipt WHERE (hash_half, received_time) IN (
    SELECT hash_half, received_time FROM event_receipt WHERE stored_time < now() - make_interval(secs => $1)
    ORDER BY stored_time LIMIT 1000 FOR UPDATE SKIP LOCKED)";

/// The digest of the stored body for each of these repeats, by its number. Not for the record itself that is stored, read once
/// more: then nothing has to be digested.
pub(super) const REPEATED: &str = "\
SELECT u.number, sha256(e.raw)
FROM unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::integer[], $5::text[]) WITH ORDINALITY
     AS u(id, received_time, log_offset, log_partition, log_topic, number)
JOIN event e ON e.id = u.id
WHERE (e.log_offset, e.received_time, e.log_partition, e.log_topic)
      IS DISTINCT FROM (u.log_offset, u.received_time, u.log_partition, u.log_topic)";

/// What these events said when they were stored.
pub(super) const STORED_BODIES: &str = "SELECT id, raw, data::text FROM event WHERE id = ANY($1::uuid[])";

/// Selects the stored variants of these events: other bodies that came under the same id.
pub(super) const VARIANTS: &str = "\
SELECT id, digest, times, last_received_time, last_log_topic, last_log_partition, last_log_offset
FROM event_variant WHERE id = ANY($1::uuid[])";

/// Writes variants, sorted by the caller, each once. Of two writers of the same repeats the one that has counted more of them
/// is right.
pub(super) const WRITE_VARIANTS: &str = "\
INSERT INTO event_variant AS v (id, digest, times, received_time, log_offset, log_partition, log_topic, last_received_time,
                                last_log_offset, last_log_partition, last_log_topic, tenant, source, platform, type,
                                raw_sha256, data, raw)
SELECT u.id, u.digest, u.times, u.received_time, u.log_offset, u.log_partition, u.log_topic, u.last_received_time,
       u.last_log_offset, u.last_log_partition, u.last_log_topic, u.tenant, u.source, u.platform, u.type, u.raw_sha256, u.data::jsonb, u.raw
FROM unnest($1::uuid[], $2::bytea[], $3::bigint[], $4::timestamptz[], $5::bigint[], $6::timestamptz[], $7::bigint[],
            $8::text[], $9::text[], $10::text[], $11::text[], $12::bytea[], $13::text[], $14::integer[],
            $15::text[], $16::bytea[], $17::integer[], $18::text[])
     AS u(id, digest, times, received_time, log_offset, last_received_time, last_log_offset, tenant, source, platform, type,
          raw_sha256, data, log_partition, log_topic, raw, last_log_partition, last_log_topic)
ON CONFLICT (id, digest)
DO UPDATE SET times = EXCLUDED.times, last_received_time = EXCLUDED.last_received_time,
              last_log_offset = EXCLUDED.last_log_offset, last_log_partition = EXCLUDED.last_log_partition,
              last_log_topic = EXCLUDED.last_log_topic
WHERE v.times < EXCLUDED.times";

/// The progress of a partition, and of which topic.
pub(super) const PROGRESS: &str =
    "SELECT next_offset, topic_id FROM sink_position WHERE sink = $1 AND topic = $2 AND partition = $3";

/// Stores the progress of a partition. It never goes back, and progress of another topic stays as it is: what was set
/// since is not undone by a writer who still holds records of the old topic. Where one of the two ids is not known, they are
/// taken for the same.
pub(super) const STORE_PROGRESS: &str = "\
INSERT INTO sink_position AS p (sink, topic, partition, next_offset, topic_id) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (sink, topic, partition)
DO UPDATE SET next_offset = GREATEST(p.next_offset, EXCLUDED.next_offset), topic_id = coalesce(EXCLUDED.topic_id, p.topic_id),
              updated = now()
WHERE p.topic_id IS NULL OR EXCLUDED.topic_id IS NULL OR p.topic_id = EXCLUDED.topic_id";

/// Sets the progress of a partition, whatever it was.
pub(super) const SET_PROGRESS: &str = "\
INSERT INTO sink_position (sink, topic, partition, next_offset, topic_id) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (sink, topic, partition)
DO UPDATE SET next_offset = EXCLUDED.next_offset, topic_id = EXCLUDED.topic_id, updated = now()";

/// Around a part of a batch, while a refused row is looked for.
pub(super) const SAVEPOINT: &str = "SAVEPOINT part";
/// After a part whose rows were all taken.
pub(super) const RELEASE: &str = "RELEASE SAVEPOINT part";
/// After a part of which a row was refused: takes back what it wrote.
pub(super) const ROLLBACK_TO: &str = "ROLLBACK TO SAVEPOINT part";

/// Whether the server was built with lz4 (before PostgreSQL 14 there is no such setting).
pub(super) const HAS_LZ4: &str = "\
SELECT coalesce((SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'), false)";
/// Whether a wide column of this table does not have lz4 yet. Only for servers that have lz4.
pub(super) const NOT_LZ4: &str = "\
SELECT EXISTS (SELECT FROM pg_attribute
               WHERE attrelid = $1::regclass AND attname IN ('data', 'raw') AND attcompression <> 'l')";
/// Sets it, by table: one is not touched for the sake of another. Needs the table for itself for a moment.
pub(super) const SET_LZ4: [(&str, &str); 2] = [
    (
        "event",
        "ALTER TABLE event ALTER COLUMN data SET COMPRESSION lz4, ALTER COLUMN raw SET COMPRESSION lz4",
    ),
    (
        "event_variant",
        "ALTER TABLE event_variant ALTER COLUMN data SET COMPRESSION lz4, ALTER COLUMN raw SET COMPRESSION lz4",
    ),
];
/// Waits for the table only briefly.
pub(super) const BRIEFLY: &str = "SET LOCAL lock_timeout = '2s'";
/// The same for a script, which does not know the server.
pub(super) const SET_LZ4_WHERE_IT_IS: &str = "\
DO $$ BEGIN
    IF (SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression') THEN
        ALTER TABLE event ALTER COLUMN data SET COMPRESSION lz4, ALTER COLUMN raw SET COMPRESSION lz4;
        ALTER TABLE event_variant ALTER COLUMN data SET COMPRESSION lz4, ALTER COLUMN raw SET COMPRESSION lz4;
    END IF;
END $$;";

/// Some events between two ids, in order. Nothing is left out by type: a statement that looked for few among many would take
/// as long as it likes.
pub(super) const EVENTS_OF: &str = "\
SELECT id, time, tenant, source, platform, type, CAST(data AS text) FROM event WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3";
