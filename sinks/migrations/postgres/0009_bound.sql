-- Reads the whole table, while readers and writers go on. So that it need not be read when it becomes a partition.
ALTER TABLE event VALIDATE CONSTRAINT event_before_bound;
