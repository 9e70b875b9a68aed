-- As in PostgreSQL, ../postgres/0004_variant.sql, where what it means stands.
CREATE TABLE event_variant (
    id                 TEXT    NOT NULL,
    received_time      TEXT    NOT NULL,
    last_received_time TEXT    NOT NULL,
    stored_time        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    times              INTEGER NOT NULL,
    log_offset         INTEGER NOT NULL,
    last_log_offset    INTEGER NOT NULL,
    log_partition      INTEGER NOT NULL,
    last_log_partition INTEGER NOT NULL,
    digest             BLOB    NOT NULL,
    log_topic          TEXT    NOT NULL,
    last_log_topic     TEXT    NOT NULL,
    tenant             TEXT    NOT NULL,
    source             TEXT    NOT NULL,
    platform           TEXT    NOT NULL,
    type               TEXT    NOT NULL,
    raw_sha256         BLOB    NOT NULL,
    data               TEXT,
    raw                BLOB,
    PRIMARY KEY (id, digest)
) STRICT;
