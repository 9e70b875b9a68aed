-- How many events each hour has: what a question of volume asks for, in thousands of rows where the table `event` has millions.
-- Kept by the sink in the transaction of the rows. The partition of the log is a part of the key, so that the writers of two
-- partitions never wait for one another. Room in each page, because the rows of the current hour are written again and again.
CREATE TABLE event_hour (
    hour          timestamptz NOT NULL,
    count         bigint      NOT NULL,
    log_partition integer     NOT NULL,
    tenant        text        COLLATE "C" NOT NULL,
    source        text        COLLATE "C" NOT NULL,
    platform      text        COLLATE "C" NOT NULL,
    type          text        COLLATE "C" NOT NULL,
    PRIMARY KEY (hour, tenant, source, platform, type, log_partition)
) WITH (fillfactor = 70);

COMMENT ON TABLE event_hour IS 'How many events each hour got, by the partition of the log that they came from: ask event_volume, which adds these up. A repeat does not count. What is deleted from the table event later, or dropped with a partition of it, stays counted. Rows that an older version stored are counted once `forebay state fill` was run.';
COMMENT ON COLUMN event_hour.hour IS 'The begin of the hour, UTC, of the time in the id: the rows of an hour are the ids from event_id_from(hour) to event_id_from(hour + interval ''1 hour''). It is that of the column time where id_time is event, else that of the first receipt.';
COMMENT ON COLUMN event_hour.count IS 'How many.';
COMMENT ON COLUMN event_hour.log_partition IS 'The partition of the event log.';
COMMENT ON COLUMN event_hour.tenant IS 'Whose events they are.';
COMMENT ON COLUMN event_hour.source IS 'The source that sent them.';
COMMENT ON COLUMN event_hour.platform IS 'The dialect of the source.';
COMMENT ON COLUMN event_hour.type IS 'What happened: message.created, ….';

CREATE VIEW event_volume AS
SELECT hour, tenant, source, platform, type, CAST(sum(count) AS bigint) AS count
FROM event_hour
GROUP BY hour, tenant, source, platform, type;

COMMENT ON VIEW event_volume IS 'How many events each hour has, by tenant, source, platform and type. A span of hours is a range of the primary key of event_hour.';
COMMENT ON COLUMN event_volume.hour IS 'The begin of the hour, UTC: of the time in the id of the events.';
COMMENT ON COLUMN event_volume.tenant IS 'Whose events they are.';
COMMENT ON COLUMN event_volume.source IS 'The source that sent them.';
COMMENT ON COLUMN event_volume.platform IS 'The dialect of the source.';
COMMENT ON COLUMN event_volume.type IS 'What happened: message.created, ….';
COMMENT ON COLUMN event_volume.count IS 'How many.';
