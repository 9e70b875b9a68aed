-- The attempt log, and where each delivery stands.

-- A partition per day of UTC (attempt_20260131), made and dropped by the program. There is no DEFAULT partition: it would have to be
-- searched and locked whenever another one is made.
-- Names stand as text: a join to a table of names costs the order of the index, so that the newest attempts of a target would be
-- sorted out of all that it has.
-- Fixed-width columns first, so that no row pays for alignment. "C": compared byte by byte, hence quick, and the indexes survive an
-- upgrade of the system's collations.
CREATE TABLE attempt (
    at              timestamptz NOT NULL,
    event_id        uuid        NOT NULL,
    log_offset      bigint      NOT NULL,
    log_partition   integer     NOT NULL,
    number          integer     NOT NULL,
    total_us        integer     NOT NULL,
    connect_us      integer,
    first_byte_us   integer,
    status          smallint,
    sink            text COLLATE "C" NOT NULL,
    target          text COLLATE "C" NOT NULL,
    tenant          text COLLATE "C" NOT NULL,
    event_type      text COLLATE "C" NOT NULL,
    class           text COLLATE "C" NOT NULL,
    log_topic       text COLLATE "C" NOT NULL,
    reason          text,
    answer          text,
    request_headers text
) PARTITION BY RANGE (at);

CREATE INDEX attempt_target_at ON attempt (target, at);
CREATE INDEX attempt_event_id ON attempt (event_id);
-- The newest failures of a target that has none, or few.
CREATE INDEX attempt_failed_target_at ON attempt (target, at) WHERE class <> 'delivered';

COMMENT ON TABLE attempt IS 'Every attempt to deliver an event, for as long as attempts are kept. What could not be written in time is missing; after an answer of this database was lost, rows may be there twice.';
COMMENT ON COLUMN attempt.at IS 'When it began.';
COMMENT ON COLUMN attempt.event_id IS 'The event: event.id of the sink postgres.';
COMMENT ON COLUMN attempt.log_offset IS 'Where the event lies in the event log: offset.';
COMMENT ON COLUMN attempt.log_partition IS 'Where the event lies in the event log: partition.';
COMMENT ON COLUMN attempt.log_topic IS 'Where the event lies in the event log: topic.';
COMMENT ON COLUMN attempt.number IS 'Which attempt of this delivery it is, from 1.';
COMMENT ON COLUMN attempt.total_us IS 'How long all of it took, microseconds.';
COMMENT ON COLUMN attempt.connect_us IS 'How long it took to have a connection, microseconds: resolving, connecting and TLS. Null: none was made for it.';
COMMENT ON COLUMN attempt.first_byte_us IS 'How long it took until the head of the answer had come, microseconds. Null: it did not.';
COMMENT ON COLUMN attempt.status IS 'The status of the answer. Null: none came.';
COMMENT ON COLUMN attempt.sink IS 'The sink.';
COMMENT ON COLUMN attempt.target IS 'The target: of the sink http the id of the endpoint.';
COMMENT ON COLUMN attempt.tenant IS 'Whose event it is.';
COMMENT ON COLUMN attempt.event_type IS 'The type of the event.';
COMMENT ON COLUMN attempt.class IS 'What became of it, as in the metrics: delivered, gone, status_3xx, status_4xx, status_5xx, timeout, dns, connect, tls, network, protocol, blocked, token, no_slot, unavailable.';
COMMENT ON COLUMN attempt.reason IS 'Why it failed, at most 1024 bytes.';
COMMENT ON COLUMN attempt.answer IS 'The beginning of the answer to a failed attempt. U+0000 is stored as U+FFFD.';
COMMENT ON COLUMN attempt.request_headers IS 'The headers of the request, a JSON object, without what proves who we are.';

-- The newest attempt of each delivery, with what waits. For one event it reads attempt_event_id; for the newest of a target it walks
-- attempt_target_at and stops. A row of the backlog is the truth about what will be sent, so it comes before the last attempt.
CREATE VIEW delivery_state AS
SELECT a.event_id, a.sink, a.target, a.tenant, a.event_type,
       CASE WHEN w.waits IS NOT NULL AND c.disabled_at IS NOT NULL THEN 'disabled'
            WHEN w.waits IS NOT NULL THEN 'waiting'
            WHEN a.class = 'delivered' THEN 'delivered'
            ELSE 'failed' END AS state,
       a.number AS attempts, a.class AS last_class, a.status AS last_status, a.reason AS last_reason, a.at AS last_attempt_at,
       w.due AS next_attempt_at, a.log_topic, a.log_partition, a.log_offset
FROM attempt a
LEFT JOIN backlog_condition c ON c.sink = a.sink AND c.target = a.target
LEFT JOIN LATERAL (
    SELECT true AS waits, b.due
    FROM backlog_stream s, backlog_target t, backlog b
    WHERE s.sink = a.sink AND s.topic = a.log_topic AND t.name = a.target
      AND b.stream = s.id AND b.part = a.log_partition AND b.target = t.id AND b.off = a.log_offset
    LIMIT 1
) w ON true
WHERE NOT EXISTS (
    SELECT FROM attempt later
    WHERE later.event_id = a.event_id AND later.sink = a.sink AND later.target = a.target
      AND later.at >= a.at AND (later.at > a.at OR later.number > a.number)
);

COMMENT ON VIEW delivery_state IS 'Where each delivery stands that was tried at least once: one row per event and target.';
COMMENT ON COLUMN delivery_state.state IS 'delivered; waiting: in the backlog; disabled: in the backlog of a target that gets no deliveries; failed: neither delivered nor waiting in the backlog (a dead letter, or it waits in memory for its next attempt).';
COMMENT ON COLUMN delivery_state.attempts IS 'The number of the last attempt.';
COMMENT ON COLUMN delivery_state.next_attempt_at IS 'When it is tried again. Null where it waits: as soon as its target takes deliveries.';
