//! Every statement of the sink, in one place. The tests execute each of them.

/// One row; `stored_time` has its default.
pub(super) const INSERT_EVENT: &str = "\
INSERT INTO event (id, time, received_time, log_offset, log_partition, log_topic, tenant, source, platform, type, subject,
                   partition_key, rules_version, raw_sha256, data, raw, account, schema_version, id_time)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
ON CONFLICT (id) DO NOTHING";

/// Adds to the count of an hour.
pub(super) const COUNT_HOUR: &str = "\
INSERT INTO event_hour AS h (hour, tenant, source, platform, type, log_partition, count) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (hour, tenant, source, platform, type, log_partition) DO UPDATE SET count = h.count + excluded.count";

/// Raises the counts of hours to what is in the table. The milliseconds of an id are its first twelve hexadecimal digits.
pub(super) const RECOUNT_HOURS: &str = "\
INSERT INTO event_hour AS h (hour, tenant, source, platform, type, log_partition, count)
SELECT strftime('%Y-%m-%dT%H:00:00.000Z', ms / 1000, 'unixepoch'), tenant, source, platform, type, log_partition, count(*)
FROM (SELECT tenant, source, platform, type, log_partition,
              (instr('0123456789abcdef', substr(id, 1, 1)) - 1) * 17592186044416 +
              (instr('0123456789abcdef', substr(id, 2, 1)) - 1) * 1099511627776 +
              (instr('0123456789abcdef', substr(id, 3, 1)) - 1) * 68719476736 +
              (instr('0123456789abcdef', substr(id, 4, 1)) - 1) * 4294967296 +
              (instr('0123456789abcdef', substr(id, 5, 1)) - 1) * 268435456 +
              (instr('0123456789abcdef', substr(id, 6, 1)) - 1) * 16777216 +
              (instr('0123456789abcdef', substr(id, 7, 1)) - 1) * 1048576 +
              (instr('0123456789abcdef', substr(id, 8, 1)) - 1) * 65536 +
              (instr('0123456789abcdef', substr(id, 10, 1)) - 1) * 4096 +
              (instr('0123456789abcdef', substr(id, 11, 1)) - 1) * 256 +
              (instr('0123456789abcdef', substr(id, 12, 1)) - 1) * 16 +
              (instr('0123456789abcdef', substr(id, 13, 1)) - 1) * 1 AS ms
      FROM event)
WHERE true
GROUP BY 1, 2, 3, 4, 5, 6
ON CONFLICT (hour, tenant, source, platform, type, log_partition) DO UPDATE SET count = max(h.count, excluded.count)";

/// The stored receipts of a hash half.
pub(super) const RECEIPTS: &str = "SELECT id, received_time FROM event_receipt WHERE hash_half = ?1";

/// Remembers a receipt.
pub(super) const INSERT_RECEIPT: &str = "\
INSERT INTO event_receipt (hash_half, received_time, id) VALUES (?1, ?2, ?3)
ON CONFLICT (hash_half, received_time) DO NOTHING";

/// Forgets a few receipts that were stored before a moment.
pub(super) const FORGET_RECEIPTS: &str = "\
DELETE FROM event_receipt WHERE rowid IN (
    SELECT rowid FROM event_receipt WHERE stored_time < ?1 ORDER BY stored_time LIMIT 1000)";

/// What the event said when it was stored; nothing for the record itself that is stored, read once more.
pub(super) const STORED_BODY: &str = "\
SELECT raw, data FROM event
WHERE id = ?1 AND (log_offset, received_time, log_partition, log_topic) IS NOT (?2, ?3, ?4, ?5)";

/// Selects the stored variants of an event: other bodies that came under the same id.
pub(super) const VARIANTS: &str = "\
SELECT digest, times, last_received_time, last_log_topic, last_log_partition, last_log_offset
FROM event_variant WHERE id = ?1";

/// Writes one variant.
pub(super) const WRITE_VARIANT: &str = "\
INSERT INTO event_variant AS v (id, digest, times, received_time, log_offset, log_partition, log_topic, last_received_time,
                                last_log_offset, last_log_partition, last_log_topic, tenant, source, platform, type,
                                raw_sha256, data, raw)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?17, ?18, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
ON CONFLICT (id, digest)
DO UPDATE SET times = excluded.times, last_received_time = excluded.last_received_time,
              last_log_offset = excluded.last_log_offset, last_log_partition = excluded.last_log_partition,
              last_log_topic = excluded.last_log_topic
WHERE v.times < excluded.times";

/// The progress of a partition, and of which topic.
pub(super) const PROGRESS: &str =
    "SELECT next_offset, topic_id FROM sink_position WHERE sink = ?1 AND topic = ?2 AND partition = ?3";

/// Stores the progress of a partition. It never goes back, and progress of another topic stays as it is. Where one of the
/// two ids is not known, they are taken for the same.
pub(super) const STORE_PROGRESS: &str = "\
INSERT INTO sink_position AS p (sink, topic, partition, next_offset, topic_id) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (sink, topic, partition)
DO UPDATE SET next_offset = max(p.next_offset, excluded.next_offset), topic_id = coalesce(excluded.topic_id, p.topic_id),
              updated = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE p.topic_id IS NULL OR excluded.topic_id IS NULL OR p.topic_id = excluded.topic_id";

/// Sets the progress of a partition, whatever it was.
pub(super) const SET_PROGRESS: &str = "\
INSERT INTO sink_position (sink, topic, partition, next_offset, topic_id) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (sink, topic, partition)
DO UPDATE SET next_offset = excluded.next_offset, topic_id = excluded.topic_id,
              updated = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";

/// The lowest id that is stored.
pub(super) const HORIZON: &str = "SELECT id FROM event_horizon";

/// Moves the horizon; it never goes back.
pub(super) const MOVE_HORIZON: &str = "\
UPDATE event_horizon SET id = ?1, updated = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id < ?1";

/// How many rows one statement removes at most.
pub(super) const STEP: u64 = 1000;
/// Removes a few events.
pub(super) const EXPIRE_EVENTS: &str = "\
DELETE FROM event WHERE id IN (SELECT id FROM event WHERE id < ?1 ORDER BY id LIMIT 1000)";
/// Removes a few variants of expired events.
pub(super) const EXPIRE_VARIANTS: &str = "\
DELETE FROM event_variant WHERE rowid IN (SELECT rowid FROM event_variant WHERE id < ?1 ORDER BY id LIMIT 1000)";
/// Removes a few receipts of expired events.
pub(super) const EXPIRE_RECEIPTS: &str = "\
DELETE FROM event_receipt WHERE rowid IN (SELECT rowid FROM event_receipt WHERE id < ?1 LIMIT 1000)";

/// The oldest event.
pub(super) const OLDEST: &str = "SELECT id FROM event ORDER BY id LIMIT 1";

/// Takes the write lock at once, so that a batch never fails in its middle because another process wrote.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// Reads something, in a transaction that could write.
pub(super) const READY: &str = "SELECT 1 FROM sink_position LIMIT 1";

/// Some events between two ids, in order.
pub(super) const EVENTS_OF: &str = "\
SELECT id, time, tenant, source, platform, type, data FROM event WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3";
