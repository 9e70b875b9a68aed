-- As in PostgreSQL, ../postgres/0003_progress.sql, where what it means stands.
ALTER TABLE sink_position ADD COLUMN topic_id TEXT;
