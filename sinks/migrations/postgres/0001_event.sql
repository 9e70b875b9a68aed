-- Fixed-width columns first, so that no row pays for alignment.
CREATE TABLE event (
    id            uuid        NOT NULL PRIMARY KEY,
    time          timestamptz NOT NULL,
    received_time timestamptz NOT NULL,
    stored_time   timestamptz NOT NULL DEFAULT now(),
    log_offset    bigint      NOT NULL,
    log_partition integer     NOT NULL,
    log_topic     text        NOT NULL,
    tenant        text        NOT NULL,
    source        text        NOT NULL,
    platform      text        NOT NULL,
    type          text        NOT NULL,
    subject       text,
    -- "C": compared byte by byte, hence quick, and the index survives an upgrade of the system's collations.
    partition_key text        COLLATE "C" NOT NULL,
    rules_version text        NOT NULL,
    raw_sha256    bytea       NOT NULL,
    data          jsonb       NOT NULL,
    raw           bytea       NOT NULL
);

-- The history of one conversation, in order: the one question that the primary key (which is time) does not answer.
CREATE INDEX event_partition_key_id ON event (partition_key, id);

COMMENT ON TABLE event IS 'Every event that a rule sent to this database, exactly once. Rows are only ever added by Forebay.';
COMMENT ON COLUMN event.id IS 'UUID version 8: 48 bits of milliseconds, then a hash of source and platform identity. The same for every redelivery; sorts by time, so that a range of ids is a span of time.';
COMMENT ON COLUMN event.time IS 'When it happened, as the platform says; the moment of receipt where it does not say.';
COMMENT ON COLUMN event.received_time IS 'When the webhook was accepted.';
COMMENT ON COLUMN event.stored_time IS 'When this row was written (begin of its transaction).';
COMMENT ON COLUMN event.log_offset IS 'Where the event lies in the event log: offset. Rows of one partition in this order are in the order of acceptance.';
COMMENT ON COLUMN event.log_partition IS 'Where the event lies in the event log: partition.';
COMMENT ON COLUMN event.log_topic IS 'Where the event lies in the event log: topic.';
COMMENT ON COLUMN event.tenant IS 'Whose event it is.';
COMMENT ON COLUMN event.source IS 'The id of the configured source that sent it.';
COMMENT ON COLUMN event.platform IS 'The dialect that the source speaks: baileys, chatwoot, digisac, standard.';
COMMENT ON COLUMN event.type IS 'What happened: message.created, ticket.closed, …; unmapped where no mapping knows it.';
COMMENT ON COLUMN event.subject IS 'What it is about, in the platform''s own words. U+0000 is stored as U+FFFD.';
COMMENT ON COLUMN event.partition_key IS 'tenant/source/conversation (or group, or contact): what shares it kept its order. U+0000 is stored as U+FFFD.';
COMMENT ON COLUMN event.rules_version IS 'The version of the set of rules that sent it here.';
COMMENT ON COLUMN event.raw_sha256 IS 'SHA-256 of the request body as it was received.';
COMMENT ON COLUMN event.data IS 'The normalized event. What jsonb cannot hold is replaced here, and only here: \u0000 and lone surrogates by U+FFFD, numbers of more than 64 digits or beyond 1e±308 by their text as a string.';
COMMENT ON COLUMN event.raw IS 'What the platform sent, byte for byte (UTF-8 JSON for most platforms: convert_from(raw, ''UTF8'')); empty if the rules dropped it.';

CREATE TABLE sink_position (
    sink        text        NOT NULL,
    topic       text        NOT NULL,
    partition   integer     NOT NULL,
    next_offset bigint      NOT NULL,
    updated     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sink, topic, partition)
);

COMMENT ON TABLE sink_position IS 'How far each sink has read each partition, written in the transaction of the rows. It only ever grows: after a topic was recreated, delete its rows here to begin anew.';
COMMENT ON COLUMN sink_position.next_offset IS 'The next record to read; everything before it is settled.';

CREATE TABLE event_receipt (
    hash_half     bytea       NOT NULL,
    received_time timestamptz NOT NULL,
    stored_time   timestamptz NOT NULL DEFAULT now(),
    id            uuid        NOT NULL,
    PRIMARY KEY (hash_half, received_time)
);

-- For forgetting old ones in small steps.
CREATE INDEX event_receipt_stored_time ON event_receipt (stored_time);

COMMENT ON TABLE event_receipt IS 'Stored events whose payload has no time of its own: a second receipt within the redelivery window is the same event and not stored again. Old rows are removed by and by.';
COMMENT ON COLUMN event_receipt.hash_half IS 'The 74 bits of the event id that do not depend on time, in ten bytes.';
COMMENT ON COLUMN event_receipt.received_time IS 'When the stored receipt came.';
COMMENT ON COLUMN event_receipt.stored_time IS 'When it was written; forgotten some days later.';
COMMENT ON COLUMN event_receipt.id IS 'The event as it was stored.';
