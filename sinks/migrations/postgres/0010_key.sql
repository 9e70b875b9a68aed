-- The key of the partitions. With what follows the id in it, the newest events of one tenant or source are found in the index alone.
CREATE UNIQUE INDEX CONCURRENTLY event_id_key ON event (id) INCLUDE (tenant, source, type);
