-- no-transaction
-- The key of the partitions. With what follows the id in it, the newest events of one tenant or source are found in the index alone.
-- An attempt that broke off leaves an index that is not valid: it is taken away first.
DROP INDEX CONCURRENTLY IF EXISTS event_id_key;
CREATE UNIQUE INDEX CONCURRENTLY event_id_key ON event (id) INCLUDE (tenant, source, type);
