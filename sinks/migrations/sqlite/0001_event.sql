-- The same tables as in PostgreSQL. uuid is text in lower case; times are RFC 3339 in UTC with milliseconds, which sorts as
-- text; jsonb is text (json_extract(data, '$.message.text')); bytea is blob. What each column means stands in
-- ../postgres/0001_event.sql and in COMMENTs of that database.
CREATE TABLE event (
    id            TEXT    NOT NULL PRIMARY KEY,
    time          TEXT    NOT NULL,
    received_time TEXT    NOT NULL,
    stored_time   TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    log_offset    INTEGER NOT NULL,
    log_partition INTEGER NOT NULL,
    log_topic     TEXT    NOT NULL,
    tenant        TEXT    NOT NULL,
    source        TEXT    NOT NULL,
    platform      TEXT    NOT NULL,
    type          TEXT    NOT NULL,
    subject       TEXT,
    partition_key TEXT    NOT NULL,
    rules_version TEXT    NOT NULL,
    raw_sha256    BLOB    NOT NULL,
    data          TEXT    NOT NULL,
    raw           BLOB    NOT NULL
) STRICT;

CREATE INDEX event_partition_key_id ON event (partition_key, id);

CREATE TABLE sink_position (
    sink        TEXT    NOT NULL,
    topic       TEXT    NOT NULL,
    partition   INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    updated     TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (sink, topic, partition)
) STRICT;

CREATE TABLE event_receipt (
    hash_half     BLOB NOT NULL,
    received_time TEXT NOT NULL,
    stored_time   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    id            TEXT NOT NULL,
    PRIMARY KEY (hash_half, received_time)
) STRICT;

CREATE INDEX event_receipt_stored_time ON event_receipt (stored_time);
