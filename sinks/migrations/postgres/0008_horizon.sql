-- First of four steps that make `event` a table of partitions by range of id. Each is a migration of its own: what was done stays
-- done, and writers go on beside all of them.

-- Older than this nothing is stored any more: what is older was dropped, and a replay must not bring it back.
CREATE TABLE event_horizon (
    one      boolean     NOT NULL DEFAULT true PRIMARY KEY CHECK (one),
    id       uuid        NOT NULL,
    dropping text[]      NOT NULL DEFAULT '{}',
    updated  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO event_horizon (id) VALUES ('00000000-0000-0000-0000-000000000000');

COMMENT ON TABLE event_horizon IS 'How far back events are kept: one row. Forebay writes it before it drops partitions of event.';
COMMENT ON COLUMN event_horizon.one IS 'True: there is one row.';
COMMENT ON COLUMN event_horizon.id IS 'Events with a lower id are expired: they are answered as delivered, and not stored. It never goes back by itself.';
COMMENT ON COLUMN event_horizon.dropping IS 'The partitions of event that are being dropped: detached, then dropped, then removed from here.';
COMMENT ON COLUMN event_horizon.updated IS 'When it was written last.';

DO $$
DECLARE
    owner   name := (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'event'::regclass);
    newest  timestamptz := (SELECT to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
                            FROM event ORDER BY id DESC LIMIT 1);
    grantee oid;
BEGIN
    IF owner <> current_user THEN
        EXECUTE format('ALTER TABLE event_horizon OWNER TO %I', owner);
    END IF;
    -- Who may add events has to see what is expired.
    FOR grantee IN
        SELECT a.grantee FROM pg_class c, aclexplode(c.relacl) AS a
        WHERE c.oid = 'event'::regclass AND a.privilege_type = 'INSERT'
        UNION
        SELECT a.grantee FROM pg_attribute t, aclexplode(t.attacl) AS a
        WHERE t.attrelid = 'event'::regclass AND a.privilege_type = 'INSERT'
    LOOP
        EXECUTE format('GRANT SELECT ON event_horizon TO %s',
                       CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END);
    END LOOP;
    -- The end of what the table of today will hold: the Monday after the next one, for an id may be a day ahead of its receipt, and
    -- between the steps days may pass. Not checked here: that would read the whole table with writers locked out.
    EXECUTE format('ALTER TABLE event ADD CONSTRAINT event_before_bound CHECK (id < %L::uuid) NOT VALID',
                   event_id_from((date_trunc('week', greatest(now(), newest) AT TIME ZONE 'UTC') + interval '14 days')
                                 AT TIME ZONE 'UTC'));
END
$$;
