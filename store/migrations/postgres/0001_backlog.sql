-- The backlog: deliveries that wait, who owns them, and what is known of targets in trouble.

CREATE TABLE backlog_stream (
    id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sink     text NOT NULL,
    topic    text NOT NULL,
    topic_id text NOT NULL,
    UNIQUE (sink, topic, topic_id)
);

COMMENT ON TABLE backlog_stream IS 'The sinks and topics that rows of the backlog belong to. A topic that was made anew has another row.';
COMMENT ON COLUMN backlog_stream.topic_id IS 'Which topic it is, beside its name; empty where the event log has no ids.';

CREATE TABLE backlog_target (
    id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE
);

COMMENT ON TABLE backlog_target IS 'The names of targets, each with a short number. Rows are never removed.';

-- Renewals change no indexed column; with room on its page such an update touches no index.
CREATE TABLE backlog_owner (
    stream integer     NOT NULL,
    part   integer     NOT NULL,
    epoch  bigint      NOT NULL,
    owner  uuid        NOT NULL,
    until  timestamptz NOT NULL,
    PRIMARY KEY (stream, part)
) WITH (fillfactor = 50);

COMMENT ON TABLE backlog_owner IS 'Which process owns the backlog of which partition: it alone adds and removes rows there. Renewed every few seconds.';
COMMENT ON COLUMN backlog_owner.epoch IS 'Raised with every claim. What is written with an older one changes nothing.';
COMMENT ON COLUMN backlog_owner.owner IS 'Drawn at the start of each process.';
COMMENT ON COLUMN backlog_owner.until IS 'Another process may take the partition after this.';

-- Fixed-width columns first, so that no row pays for alignment.
CREATE TABLE backlog (
    stream        integer     NOT NULL,
    part          integer     NOT NULL,
    target        integer     NOT NULL,
    attempts      integer     NOT NULL,
    off           bigint      NOT NULL,
    key_hash      bigint      NOT NULL,
    since         timestamptz NOT NULL,
    due           timestamptz,
    ordered       boolean     NOT NULL,
    record_key    bytea       NOT NULL,
    rules_version text        NOT NULL,
    rules         text[]      NOT NULL,
    headers       bytea       NOT NULL,
    value         bytea       NOT NULL,
    PRIMARY KEY (stream, part, target, off)
);

CREATE INDEX backlog_due ON backlog (stream, part, due) WHERE due IS NOT NULL;
-- Rows of targets without order pay nothing for it.
CREATE INDEX backlog_key ON backlog (stream, part, target, key_hash, off) WHERE ordered;

-- Rows come and go quickly, so they are cleaned up often. Giving pages back locks the table against its writers, so that is left
-- to a VACUUM of the operator.
ALTER TABLE backlog SET (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 100000,
    autovacuum_vacuum_cost_delay = 0,
    vacuum_truncate = off
);

-- lz4 where the server has it: its default is slower to write.
DO $$
BEGIN
    EXECUTE 'ALTER TABLE backlog ALTER COLUMN value SET COMPRESSION lz4';
EXCEPTION WHEN feature_not_supported OR syntax_error OR invalid_parameter_value THEN
    NULL;
END
$$;

COMMENT ON TABLE backlog IS 'Deliveries that wait, one row each. Written once, removed when it was delivered or became a dead letter; changed only by an attempt that failed.';
COMMENT ON COLUMN backlog.stream IS 'The sink and topic: see backlog_stream.';
COMMENT ON COLUMN backlog.part IS 'Where the event lies in the event log: partition.';
COMMENT ON COLUMN backlog.target IS 'What it is to be delivered to: see backlog_target.';
COMMENT ON COLUMN backlog.attempts IS 'How many attempts were made.';
COMMENT ON COLUMN backlog.off IS 'Where the event lies in the event log: offset. The order of deliveries is the order of offsets.';
COMMENT ON COLUMN backlog.key_hash IS 'The first 8 bytes of the SHA-256 of record_key.';
COMMENT ON COLUMN backlog.since IS 'When it came into the backlog.';
COMMENT ON COLUMN backlog.due IS 'When its next attempt is due, if it has been tried or is being tried; null: it is in line, and goes out as soon as its target takes deliveries.';
COMMENT ON COLUMN backlog.ordered IS 'Whether its target takes deliveries of one key in their order.';
COMMENT ON COLUMN backlog.record_key IS 'The key of the record in the event log: tenant/source/conversation (or group, or contact).';
COMMENT ON COLUMN backlog.rules_version IS 'The version of the set of rules that sent it.';
COMMENT ON COLUMN backlog.rules IS 'The rules that sent it.';
COMMENT ON COLUMN backlog.headers IS 'The headers of the record: of each, the length of its name (4 bytes, big-endian), the name, the length of its value, the value.';
COMMENT ON COLUMN backlog.value IS 'The value of the record, byte for byte: the event as CloudEvents JSON (convert_from(value, ''UTF8'')).';

CREATE TABLE backlog_condition (
    sink            text   NOT NULL,
    target          text   NOT NULL,
    failing_since   timestamptz,
    disabled_at     timestamptz,
    disabled_reason text,
    version         bigint NOT NULL,
    PRIMARY KEY (sink, target)
);

COMMENT ON TABLE backlog_condition IS 'What is known of targets that are, or were, in trouble; one row each.';
COMMENT ON COLUMN backlog_condition.failing_since IS 'Since when no delivery went through; null: deliveries go through.';
COMMENT ON COLUMN backlog_condition.disabled_at IS 'Since when nothing is delivered to it; null: it gets deliveries.';
COMMENT ON COLUMN backlog_condition.disabled_reason IS 'Why it is disabled.';
COMMENT ON COLUMN backlog_condition.version IS 'Raised with every change of any row.';

CREATE TABLE backlog_order (
    id     bigint      PRIMARY KEY,
    sink   text        NOT NULL,
    target text        NOT NULL,
    what   text        NOT NULL CHECK (what IN ('look', 'try')),
    at     timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE backlog_order IS 'What the owners of partitions are to look at. Kept for a day.';
COMMENT ON COLUMN backlog_order.what IS 'look: rows were added or made due by others. try: try the target now.';

-- Not sequences: the lock on the row makes numbers visible in their order, so that a reader who has seen one has seen all before it.
CREATE TABLE backlog_counter (
    name  text   PRIMARY KEY,
    value bigint NOT NULL
) WITH (fillfactor = 50);

INSERT INTO backlog_counter (name, value) VALUES ('condition', 0), ('order', 0);

COMMENT ON TABLE backlog_counter IS 'The newest backlog_condition.version and the newest backlog_order.id.';
