-- A repeat whose body differs from the stored one is not dropped in silence. A table of its own: nothing here locks or rewrites
-- `event`, and an older version goes on writing beside this one. No foreign key: it would lock rows of `event`, and cost each
-- deletion there a look-up. Fixed-width columns first, so that no row pays for alignment.
CREATE TABLE event_variant (
    id                 uuid        NOT NULL,
    received_time      timestamptz NOT NULL,
    last_received_time timestamptz NOT NULL,
    stored_time        timestamptz NOT NULL DEFAULT now(),
    times              bigint      NOT NULL,
    log_offset         bigint      NOT NULL,
    last_log_offset    bigint      NOT NULL,
    log_partition      integer     NOT NULL,
    last_log_partition integer     NOT NULL,
    digest             bytea       NOT NULL,
    log_topic          text        NOT NULL,
    last_log_topic     text        NOT NULL,
    tenant             text        NOT NULL,
    source             text        NOT NULL,
    platform           text        NOT NULL,
    type               text        NOT NULL,
    raw_sha256         bytea       NOT NULL,
    data               jsonb,
    raw                bytea,
    PRIMARY KEY (id, digest)
);

COMMENT ON TABLE event_variant IS 'Repeats of stored events whose body differs from the stored one: each body once, at most eight of one event. Either the platform reports one event in several ways, or two events share an id and one of them is only here. JSON is compared by value (the order of members, white space, escapes and the form of numbers do not count), anything else byte for byte. Who deletes rows of event deletes those of the same id here too.';
COMMENT ON COLUMN event_variant.id IS 'The id under which the event is stored in the table event. Where only the receipt dates an event, the repeat itself may have another one.';
COMMENT ON COLUMN event_variant.received_time IS 'When the first repeat with this body was accepted.';
COMMENT ON COLUMN event_variant.last_received_time IS 'When the last one was accepted.';
COMMENT ON COLUMN event_variant.stored_time IS 'When this row was written (begin of its transaction).';
COMMENT ON COLUMN event_variant.times IS 'How many repeats had this body. A record that is read once more does not count again.';
COMMENT ON COLUMN event_variant.log_offset IS 'Where the first repeat with this body lies in the event log: offset.';
COMMENT ON COLUMN event_variant.last_log_offset IS 'Where the last one lies in the event log: offset.';
COMMENT ON COLUMN event_variant.log_partition IS 'Where the first one lies in the event log: partition.';
COMMENT ON COLUMN event_variant.last_log_partition IS 'Where the last one lies in the event log: partition.';
COMMENT ON COLUMN event_variant.digest IS 'SHA-256 of what the body says: of its JSON without white space, members sorted by name, each text and number written in one way; of its bytes where it is no JSON; of data where there is no body. Empty: the repeats beyond the eight bodies that are kept, all in one row.';
COMMENT ON COLUMN event_variant.log_topic IS 'Where the first one lies in the event log: topic.';
COMMENT ON COLUMN event_variant.last_log_topic IS 'Where the last one lies in the event log: topic.';
COMMENT ON COLUMN event_variant.tenant IS 'Whose event it is.';
COMMENT ON COLUMN event_variant.source IS 'The id of the configured source that sent it.';
COMMENT ON COLUMN event_variant.platform IS 'The dialect that the source speaks.';
COMMENT ON COLUMN event_variant.type IS 'What happened, as this body says it.';
COMMENT ON COLUMN event_variant.raw_sha256 IS 'SHA-256 of the request body that it came in.';
COMMENT ON COLUMN event_variant.data IS 'The normalized event, as in the table event. Null in the row of those beyond the eight.';
COMMENT ON COLUMN event_variant.raw IS 'What the platform sent, byte for byte. Null in the row of those beyond the eight.';
