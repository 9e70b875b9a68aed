//! Every statement about partitions, in one place. Those that name a partition are put together where they are used.

/// The table `event`: its schema and its owner as SQL writes them, whether the owner is another role than this one, whether this role
/// may make partitions, and the time in ms.
pub(super) const TABLE: &str = "\
SELECT quote_ident(n.nspname), quote_ident(pg_get_userbyid(c.relowner)), pg_get_userbyid(c.relowner) <> current_user,
       pg_has_role(c.relowner, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE'),
       (extract(epoch FROM now()) * 1000)::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass('event')";

/// The partitions: name, bounds, and whether one is being detached.
pub(super) const PARTITIONS: &str = "\
SELECT c.relname::text, pg_get_expr(c.relpartbound, c.oid), i.inhdetachpending
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = to_regclass('event')";

/// The lowest id that is stored.
pub(super) const HORIZON: &str = "SELECT id FROM event_horizon";

/// Keeps makers of partitions, and those who move the horizon, apart until the end of the transaction. False where another one is at
/// it: to wait here would keep the server from detaching a partition.
pub(super) const TRY_LOCK: &str = "SELECT pg_try_advisory_xact_lock(7308332182886739302)";

/// Moves the horizon, and adds to what is being dropped.
pub(super) const MOVE_HORIZON: &str = "\
UPDATE event_horizon
SET id = GREATEST(id, $1), updated = now(),
    dropping = ARRAY(SELECT DISTINCT name FROM unnest(dropping || $2::text[]) AS name ORDER BY name)";

/// What is being dropped, the oldest first: the name, whether it is a partition, whether it is being detached, and whether the table is
/// there. One that is being detached comes before all others, for the server detaches one at a time.
pub(super) const DROPPING: &str = "\
SELECT d.name, i.inhrelid IS NOT NULL, coalesce(i.inhdetachpending, false), c.oid IS NOT NULL
FROM event_horizon h CROSS JOIN unnest(h.dropping) AS d(name)
LEFT JOIN pg_class c ON c.relname = d.name
      AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('event'))
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = to_regclass('event')
ORDER BY 3 DESC, d.name <> 'event_before', d.name";

/// One was dropped.
pub(super) const DROPPED: &str = "UPDATE event_horizon SET dropping = array_remove(dropping, $1), updated = now()";

/// Removes a few variants of expired events.
pub(super) const EXPIRE_VARIANTS: &str = "\
DELETE FROM event_variant WHERE (id, digest) IN (
    SELECT id, digest FROM event_variant WHERE id < $1 ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED)";

/// Removes a few receipts of expired events.
pub(super) const EXPIRE_RECEIPTS: &str = "\
DELETE FROM event_receipt WHERE (hash_half, received_time) IN (
    SELECT hash_half, received_time FROM event_receipt WHERE id < $1 LIMIT 1000 FOR UPDATE SKIP LOCKED)";

/// The oldest event.
pub(super) const OLDEST: &str = "SELECT id FROM event ORDER BY id LIMIT 1";
