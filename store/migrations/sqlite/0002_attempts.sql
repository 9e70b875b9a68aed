-- The attempt log, and where each delivery stands, as in PostgreSQL but for partitions. uuid is text in lower case; times are
-- milliseconds since 1970. What each column means stands in ../postgres/0002_attempts.sql and in COMMENTs of that database.
CREATE TABLE attempt (
    at              INTEGER NOT NULL,
    event_id        TEXT    NOT NULL,
    log_offset      INTEGER NOT NULL,
    log_partition   INTEGER NOT NULL,
    number          INTEGER NOT NULL,
    total_us        INTEGER NOT NULL,
    connect_us      INTEGER,
    first_byte_us   INTEGER,
    status          INTEGER,
    sink            TEXT    NOT NULL,
    target          TEXT    NOT NULL,
    tenant          TEXT    NOT NULL,
    event_type      TEXT    NOT NULL,
    class           TEXT    NOT NULL,
    log_topic       TEXT    NOT NULL,
    reason          TEXT,
    answer          TEXT,
    request_headers TEXT
) STRICT;

-- What is older than the retention.
CREATE INDEX attempt_at ON attempt (at);
CREATE INDEX attempt_target_at ON attempt (target, at);
CREATE INDEX attempt_event_id ON attempt (event_id);
-- The newest failures of a target that has none, or few.
CREATE INDEX attempt_failed_target_at ON attempt (target, at) WHERE class <> 'delivered';

CREATE VIEW delivery_state AS
SELECT event_id, sink, target, tenant, event_type,
       CASE WHEN place IS NOT NULL AND disabled_at IS NOT NULL THEN 'disabled'
            WHEN place IS NOT NULL THEN 'waiting'
            WHEN class = 'delivered' THEN 'delivered'
            ELSE 'failed' END AS state,
       number AS attempts, class AS last_class, status AS last_status, reason AS last_reason, at AS last_attempt_at,
       (SELECT due FROM backlog WHERE backlog.rowid = place) AS next_attempt_at, log_topic, log_partition, log_offset
FROM (
    SELECT a.*, c.disabled_at,
           (SELECT b.rowid
            FROM backlog_stream s, backlog_target t, backlog b
            WHERE s.sink = a.sink AND s.topic = a.log_topic AND t.name = a.target
              AND b.stream = s.id AND b.part = a.log_partition AND b.target = t.id AND b.off = a.log_offset
            LIMIT 1) AS place
    FROM attempt a
    LEFT JOIN backlog_condition c ON c.sink = a.sink AND c.target = a.target
    WHERE NOT EXISTS (
        SELECT 1 FROM attempt later
        WHERE later.event_id = a.event_id AND later.sink = a.sink AND later.target = a.target
          AND later.at >= a.at AND (later.at > a.at OR later.number > a.number)
    )
);
