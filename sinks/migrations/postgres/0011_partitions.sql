-- The table of today becomes the partition `event_before` of a new table `event`. Everything that was made for `event` goes with the
-- name: owner, rights, comments, indexes, triggers, policies, views. No row is read or written, and what fails leaves it as it was.
DO $$
DECLARE
    path     text := current_setting('search_path');
    wait     integer := (SELECT setting FROM pg_settings WHERE name = 'lock_timeout');
    before   oid := 'event'::regclass;
    old      pg_class := (SELECT c FROM pg_class c WHERE c.oid = before);
    home     text := (SELECT quote_ident(nspname) FROM pg_namespace WHERE oid = old.relnamespace);
    owner    text := quote_ident(pg_get_userbyid(old.relowner));
    bound    text := (SELECT substring(pg_get_constraintdef(oid) FROM '''([0-9a-f-]{36})''')
                      FROM pg_constraint WHERE conrelid = before AND conname = 'event_before_bound');
    ends     timestamptz := to_timestamp(('x' || left(replace(bound, '-', ''), 12))::bit(48)::bigint / 1000.0);
    next     timestamptz := (date_trunc('week', now() AT TIME ZONE 'UTC') + interval '14 days') AT TIME ZONE 'UTC';
    refused  text;
    views    jsonb;
    indexes  jsonb;
    triggers jsonb;
    policies jsonb;
    one      record;
    who      text;
    after    uuid;
    name     text;
BEGIN
    -- What cannot be moved, and would be lost without a word.
    SELECT string_agg(format('foreign key %I of %s', conname, conrelid::regclass), ', ') INTO refused
    FROM pg_constraint WHERE confrelid = before AND contype = 'f' AND conparentid = 0;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION '% refers to the table event, which becomes a table of partitions: drop it, then run `forebay migrate` again',
                        refused;
    END IF;
    SELECT string_agg(format('rule %I', rulename), ', ') INTO refused FROM pg_rewrite WHERE ev_class = before;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION '% is on the table event, which becomes a table of partitions: drop it, then run `forebay migrate` again', refused;
    END IF;

    -- Shorter than the time after which a server looks for deadlocks (1 s): a reader of a view comes to `event` by way of the view, and
    -- this the other way round. Then this gives up, and not the reader.
    IF wait = 0 OR wait > 500 THEN
        PERFORM set_config('lock_timeout', '500ms', true);
    END IF;
    LOCK TABLE event IN ACCESS EXCLUSIVE MODE;
    -- So that definitions are written with the names of their schemas.
    PERFORM set_config('search_path', '', true);

    SELECT coalesce(jsonb_agg(jsonb_build_object('name', v.oid::regclass::text, 'kind', v.relkind,
                                                 'mine', pg_has_role(v.relowner, 'USAGE'), 'owner', pg_get_userbyid(v.relowner),
                                                 'options', array_to_string(v.reloptions, ', '),
                                                 'definition', pg_get_viewdef(v.oid)) ORDER BY v.oid), '[]')
    INTO views
    FROM pg_class v
    WHERE v.oid IN (SELECT r.ev_class FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
                    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = before);
    SELECT coalesce(jsonb_agg(jsonb_build_object('name', c.relname, 'definition', pg_get_indexdef(c.oid)) ORDER BY c.oid), '[]')
    INTO indexes
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = before AND i.indisvalid AND NOT i.indisprimary AND c.relname <> 'event_id_key';
    SELECT coalesce(jsonb_agg(jsonb_build_object('name', tgname, 'enabled', tgenabled, 'definition', pg_get_triggerdef(oid))
                              ORDER BY tgname), '[]')
    INTO triggers
    FROM pg_trigger WHERE tgrelid = before AND NOT tgisinternal;
    SELECT coalesce(jsonb_agg(to_jsonb(p) || jsonb_build_object('roles', (
               SELECT string_agg(CASE role WHEN 'public' THEN 'PUBLIC' ELSE quote_ident(role) END, ', ') FROM unnest(p.roles) AS role
           ))), '[]')
    INTO policies
    FROM pg_policies p WHERE format('%I.%I', p.schemaname, p.tablename)::regclass = before;

    EXECUTE format('ALTER TABLE %s.event RENAME TO event_before', home);
    FOR one IN SELECT conname FROM pg_constraint WHERE conrelid = before AND contype = 'p' LOOP
        EXECUTE format('ALTER TABLE %s.event_before RENAME CONSTRAINT %I TO event_before_old_pkey', home, one.conname);
    END LOOP;
    FOR one IN SELECT * FROM jsonb_to_recordset(indexes) AS x (name text) LOOP
        EXECUTE format('ALTER INDEX %s.%I RENAME TO %I', home, one.name, left('event_before_' || regexp_replace(one.name, '^event_', ''), 63));
    END LOOP;

    EXECUTE format('CREATE TABLE %1$s.event (LIKE %1$s.event_before INCLUDING ALL EXCLUDING INDEXES) PARTITION BY RANGE (id)', home);
    EXECUTE format('ALTER TABLE %s.event DROP CONSTRAINT event_before_bound', home);
    IF old.relowner <> (SELECT oid FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('ALTER TABLE %s.event OWNER TO %s', home, owner);
    END IF;
    EXECUTE format('COMMENT ON TABLE %s.event IS %L', home, obj_description(before, 'pg_class'));
    EXECUTE format('COMMENT ON TABLE %s.event_before IS %L', home, 'The partition of event that was the whole table before there were partitions.');

    -- Exactly the rights of before: those that a new table has by default may be others.
    FOR one IN SELECT DISTINCT a.grantee FROM pg_class c, aclexplode(c.relacl) AS a
               WHERE c.oid = format('%s.event', home)::regclass AND a.grantee <> c.relowner
    LOOP
        who := CASE one.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(one.grantee)) END;
        EXECUTE format('REVOKE ALL ON %s.event FROM %s', home, who);
    END LOOP;
    FOR one IN
        SELECT NULL::name AS attname, a.grantee, a.privilege_type, a.is_grantable FROM aclexplode(old.relacl) AS a
        UNION ALL
        SELECT t.attname, a.grantee, a.privilege_type, a.is_grantable FROM pg_attribute t, aclexplode(t.attacl) AS a
        WHERE t.attrelid = before AND NOT t.attisdropped
    LOOP
        who := CASE one.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(one.grantee)) END;
        EXECUTE format('GRANT %s%s ON %s.event TO %s%s', one.privilege_type, ' (' || quote_ident(one.attname) || ')', home, who,
                       CASE WHEN one.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
    FOR one IN SELECT * FROM jsonb_to_recordset(policies)
                             AS x (policyname text, permissive text, roles text, cmd text, qual text, with_check text)
    LOOP
        EXECUTE format('CREATE POLICY %I ON %s.event AS %s FOR %s TO %s', one.policyname, home, one.permissive, one.cmd, one.roles)
                || coalesce(' USING (' || one.qual || ')', '') || coalesce(' WITH CHECK (' || one.with_check || ')', '');
    END LOOP;
    IF old.relrowsecurity THEN
        EXECUTE format('ALTER TABLE %s.event ENABLE ROW LEVEL SECURITY', home);
    END IF;
    IF old.relforcerowsecurity THEN
        EXECUTE format('ALTER TABLE %s.event FORCE ROW LEVEL SECURITY', home);
    END IF;

    FOR one IN SELECT * FROM jsonb_to_recordset(indexes) AS x (name text, definition text) LOOP
        BEGIN
            EXECUTE one.definition;
        EXCEPTION WHEN feature_not_supported THEN
            RAISE WARNING 'the index % stays on event_before, and partitions have none like it: %', one.name, SQLERRM;
        END;
    END LOOP;

    -- A view knows its tables by number, and would go on to read the old one. Replaced, it keeps its owner, rights and comments.
    FOR one IN SELECT * FROM jsonb_to_recordset(views)
                             AS x (name text, kind text, mine boolean, owner text, options text, definition text)
    LOOP
        IF one.kind <> 'v' THEN
            RAISE WARNING 'the materialized view % reads event_before only, which gets no rows from % on: make it anew', one.name, (ends AT TIME ZONE 'UTC')::date;
        ELSIF NOT one.mine THEN
            RAISE WARNING 'the view % reads event_before only, which gets no rows from % on, for it belongs to %: make it anew as that user',
                          one.name, (ends AT TIME ZONE 'UTC')::date, one.owner;
        ELSE
            BEGIN
                EXECUTE format('CREATE OR REPLACE VIEW %s%s AS %s', one.name, ' WITH (' || one.options || ')', one.definition);
            EXCEPTION WHEN OTHERS THEN
                -- Not the lock of a reader: with that, all is tried again.
                IF SQLSTATE IN ('55P03', '40P01', '57014') THEN
                    RAISE;
                END IF;
                RAISE WARNING 'the view % reads event_before only, which gets no rows from % on, for it cannot be replaced (%): make it anew',
                              one.name, (ends AT TIME ZONE 'UTC')::date, SQLERRM;
            END;
        END IF;
    END LOOP;
    FOR one IN SELECT DISTINCT d.objid::regprocedure::text AS name FROM pg_depend d
               WHERE d.classid = 'pg_proc'::regclass
                 AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = before
                      OR d.refclassid = 'pg_type'::regclass AND d.refobjid = old.reltype)
    LOOP
        RAISE WARNING 'the function % is bound to event_before: make it anew', one.name;
    END LOOP;

    EXECUTE format('ALTER TABLE %s.event_before DROP CONSTRAINT event_before_old_pkey', home);
    EXECUTE format('ALTER TABLE %s.event_before ADD CONSTRAINT event_before_pkey PRIMARY KEY USING INDEX event_id_key', home);
    EXECUTE format('ALTER TABLE %s.event ADD CONSTRAINT event_pkey PRIMARY KEY (id) INCLUDE (tenant, source, type)', home);
    FOR one IN SELECT * FROM jsonb_to_recordset(triggers) AS x (name text, enabled text, definition text) LOOP
        EXECUTE format('DROP TRIGGER %I ON %s.event_before', one.name, home);
    END LOOP;
    EXECUTE format('ALTER TABLE %1$s.event ATTACH PARTITION %1$s.event_before FOR VALUES FROM (MINVALUE) TO (%2$L)', home, bound);
    EXECUTE format('ALTER TABLE %s.event_before DROP CONSTRAINT event_before_bound', home);
    FOR one IN SELECT * FROM jsonb_to_recordset(triggers) AS x (name text, enabled text, definition text) LOOP
        EXECUTE one.definition;
        IF one.enabled <> 'O' THEN
            EXECUTE format('ALTER TABLE %s.event %s TRIGGER %I', home,
                           CASE one.enabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, one.name);
        END IF;
    END LOOP;
    FOR one IN SELECT p.pubname FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid WHERE r.prrelid = before LOOP
        BEGIN
            EXECUTE format('ALTER PUBLICATION %I ADD TABLE %s.event', one.pubname, home);
            RAISE WARNING 'the publication % now has the partitions of event: its subscribers need these tables, or publish_via_partition_root',
                          one.pubname;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'the publication % has event_before only (%): add the table event to it', one.pubname, SQLERRM;
        END;
    END LOOP;

    -- Where days have passed since the bound was set: older programs write on, and make no partition.
    EXECUTE format('SELECT %s.event_id_from($1)', home) INTO after USING next;
    IF ends < next - interval '7 days' THEN
        name := 'event_' || to_char(ends AT TIME ZONE 'UTC', 'YYYYMMDD');
        EXECUTE format('CREATE TABLE %1$s.%2$I PARTITION OF %1$s.event FOR VALUES FROM (%3$L) TO (%4$L)', home, name, bound, after);
        FOR one IN SELECT DISTINCT a.grantee FROM pg_class c, aclexplode(c.relacl) AS a
                   WHERE c.oid = format('%s.%I', home, name)::regclass AND a.grantee <> c.relowner
        LOOP
            who := CASE one.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(one.grantee)) END;
            EXECUTE format('REVOKE ALL ON %s.%I FROM %s', home, name, who);
        END LOOP;
    END IF;
    PERFORM set_config('search_path', path, true);
END
$$;
