-- The backlog: deliveries that wait, and what is known of targets in trouble. Times are milliseconds since 1970.
-- Who owns a partition is known in the memory of the one process that has this file.

CREATE TABLE backlog_stream (
    id       INTEGER PRIMARY KEY,
    sink     TEXT NOT NULL,
    topic    TEXT NOT NULL,
    topic_id TEXT NOT NULL, -- empty where the event log has no ids
    UNIQUE (sink, topic, topic_id)
) STRICT;

CREATE TABLE backlog_target (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE backlog (
    stream        INTEGER NOT NULL,
    part          INTEGER NOT NULL,
    target        INTEGER NOT NULL,
    off           INTEGER NOT NULL, -- the offset in the event log
    attempts      INTEGER NOT NULL, -- that were made
    key_hash      INTEGER NOT NULL, -- the first 8 bytes of the SHA-256 of record_key
    since         INTEGER NOT NULL, -- when it came into the backlog
    due           INTEGER,          -- when its next attempt is due; null: in line
    ordered       INTEGER NOT NULL, -- 1: its target takes deliveries of one key in their order
    record_key    BLOB    NOT NULL,
    rules_version TEXT    NOT NULL,
    rules         TEXT    NOT NULL, -- separated by commas
    headers       BLOB    NOT NULL, -- of each: length of the name (4 bytes, big-endian), name, length of the value, value
    value         BLOB    NOT NULL,
    PRIMARY KEY (stream, part, target, off)
) STRICT;

CREATE INDEX backlog_due ON backlog (stream, part, due) WHERE due IS NOT NULL;
CREATE INDEX backlog_key ON backlog (stream, part, target, key_hash, off) WHERE ordered;

CREATE TABLE backlog_condition (
    sink            TEXT    NOT NULL,
    target          TEXT    NOT NULL,
    failing_since   INTEGER, -- null: deliveries go through
    disabled_at     INTEGER, -- null: it gets deliveries
    disabled_reason TEXT,
    version         INTEGER NOT NULL, -- raised with every change of any row
    PRIMARY KEY (sink, target)
) STRICT;

CREATE TABLE backlog_order (
    id     INTEGER PRIMARY KEY,
    sink   TEXT    NOT NULL,
    target TEXT    NOT NULL,
    what   TEXT    NOT NULL CHECK (what IN ('look', 'try')),
    at     INTEGER NOT NULL
) STRICT;

-- The newest version of a condition and the newest number of an order.
CREATE TABLE backlog_counter (
    name  TEXT    PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

INSERT INTO backlog_counter (name, value) VALUES ('condition', 0), ('order', 0);
