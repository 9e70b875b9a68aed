-- State of a month, March 2026, made inside the server: $MESSAGES messages, and of everything else in proportion. The keys are those that
-- the sink makes (`state_key`, written out, which is ten times as quick); rows come in the order of time, as they do from a sink.
-- Each statement stands alone, ended by a line of `;`.

CREATE FUNCTION pg_temp.part(text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT int4send(octet_length(convert_to($1, 'UTF8'))) || convert_to($1, 'UTF8') $$
;
INSERT INTO message (sent_time, sent_at, delivered_at, read_at, failed_at, key, created_version, text_version, internal, tenant, source,
                     conversation_id, message_id, platform, direction, kind, from_id, from_kind, from_name, ticket_id, channel_id, text, error)
SELECT t, CASE WHEN out THEN t END, CASE WHEN out AND n % 50 <> 3 THEN t + interval '2 s' END,
       CASE WHEN out AND n % 3 = 0 AND n % 50 <> 3 THEN t + interval '1 min' END, CASE WHEN out AND n % 50 = 3 THEN t + interval '9 s' END,
       CAST(left(encode(sha256(of), 'hex'), 12) || left(encode(sha256(of || pg_temp.part('message-' || n)), 'hex'), 20) AS uuid), version, version,
       n % 20 = 1, 'acme', 'source-' || c % 8, 'conversation-' || c, 'message-' || n, (ARRAY['chatwoot', 'baileys', 'whatsapp_cloud', 'digisac'])[1 + c % 4], CASE WHEN out THEN 'outbound' ELSE 'inbound' END,
       'text', CASE WHEN agent THEN 'agent-' || n % 211 ELSE 'contact-' || c END, CASE WHEN agent THEN 'agent' WHEN out THEN 'bot' ELSE 'contact' END,
       CASE WHEN agent THEN 'Ana Exemplo' ELSE 'Bruno Exemplo' END, CASE WHEN c % 5 < 2 THEN 'ticket-' || c END, 'channel-' || c % 30,
       'Bom dia, gostaria de saber do meu pedido ' || left(hash, 12), CASE WHEN out AND n % 50 = 3 THEN 'undeliverable' END
FROM (SELECT n, 1 + n * 7919 % $CONVERSATIONS AS c, t, n % 5 >= 2 AS out, n % 5 >= 3 AS agent, md5(n::text) AS hash,
             pg_temp.part('acme') || pg_temp.part('source-' || (1 + n * 7919 % $CONVERSATIONS) % 8)
                 || pg_temp.part('conversation-' || (1 + n * 7919 % $CONVERSATIONS)) AS of,
             CAST(lpad(to_hex(CAST(extract(epoch FROM t) * 1000 AS bigint)), 12, '0') || '0' || left(md5(n::text), 3) || 'a'
                  || right(md5(n::text), 15) AS uuid) AS version
      FROM (SELECT n, timestamptz '2026-03-01' + n * (interval '31 days' / $MESSAGES) AS t
            FROM generate_series(CAST($MESSAGES AS bigint) * $PART / 10 + 1, CAST($MESSAGES AS bigint) * ($PART + 1) / 10) AS n) AS s) AS m
;
INSERT INTO conversation (first_time, last_time, first_inbound, last_inbound, last_outbound, first_agent, key, is_group, tenant, source,
                          conversation_id, platform, channel, channel_id)
SELECT t, t + interval '9 days', t, t + interval '9 days' - CASE WHEN c % 7 = 0 THEN interval '0' ELSE interval '1 min' END,
       CASE WHEN c % 11 <> 0 THEN t + interval '9 days' - interval '30 s' END, CASE WHEN c % 3 = 0 THEN t + interval '2 min' END,
       CAST(left(encode(sha256(pg_temp.part('acme') || pg_temp.part('source-' || c % 8) || pg_temp.part('conversation-' || c)), 'hex'), 32) AS uuid), c % 40 = 0, 'acme', 'source-' || c % 8, 'conversation-' || c,
       (ARRAY['chatwoot', 'baileys', 'whatsapp_cloud', 'digisac'])[1 + c % 4], 'whatsapp', 'channel-' || c % 30
FROM (SELECT c, timestamptz '2026-03-01' + c * (interval '22 days' / $CONVERSATIONS) AS t
      FROM generate_series(1, CAST($CONVERSATIONS AS bigint)) AS c) AS s
;
INSERT INTO ticket (opened_at, created_time, first_closed, first_inbound, first_agent, last_time, key, status_version, team_version,
                    tenant, source, ticket_id, platform, contact_id, channel, channel_id, status, assignee_id, assignee_name, team)
SELECT t, t, CASE WHEN c % 20 <> 0 THEN t + interval '1 min' * (c % 3000) END, t, t + interval '1 s' * (c % 4000), t + interval '3 days',
       CAST(left(encode(sha256(pg_temp.part('acme') || pg_temp.part('source-' || c % 8) || pg_temp.part('ticket-' || c)), 'hex'), 32) AS uuid), gen_random_uuid(), gen_random_uuid(), 'acme', 'source-' || c % 8, 'ticket-' || c,
       (ARRAY['chatwoot', 'digisac', 'zendesk', 'intercom'])[1 + c % 4], 'contact-' || c, 'whatsapp', 'channel-' || c % 30,
       CASE WHEN c % 20 = 0 THEN 'open' ELSE 'closed' END, 'agent-' || c % 211, 'Ana Exemplo', 'team-' || c % 23
FROM (SELECT c, timestamptz '2026-03-01' + c * (interval '25 days' / $TICKETS) AS t FROM generate_series(1, CAST($TICKETS AS bigint)) AS c) AS s
;
INSERT INTO ticket_change (time, version, tenant, source, ticket_id, platform, type, status, assignee_id, team)
SELECT t, CAST(lpad(to_hex(CAST(extract(epoch FROM t) * 1000 AS bigint)), 12, '0') || '8' || left(md5(c::text), 3) || 'a'
               || right(md5(c::text), 15) AS uuid),
       'acme', 'source-' || c % 8, 'ticket-' || c, 'chatwoot', CASE k WHEN 0 THEN 'ticket.created' ELSE 'ticket.updated' END,
       CASE WHEN k = 0 THEN 'open' WHEN k = 2 OR k = 4 THEN 'closed' WHEN k = 3 AND c % 9 = 0 THEN 'open' END,
       'agent-' || c % 211, 'team-' || c % 23
FROM (SELECT c, k, timestamptz '2026-03-01' + c * (interval '25 days' / $TICKETS) + k * interval '3 h' AS t
      FROM generate_series(0, 4) AS k, generate_series(1, CAST($TICKETS AS bigint)) AS c) AS s
;
INSERT INTO contact (first_time, last_time, name_version, phone_version, is_group, tenant, source, contact_id, platform, name, phone)
SELECT timestamptz '2026-03-01', timestamptz '2026-03-31', gen_random_uuid(), gen_random_uuid(), false, 'acme', 'source-' || c % 8,
       'contact-' || c, (ARRAY['chatwoot', 'baileys', 'whatsapp_cloud', 'digisac'])[1 + c % 4], 'Bruno Exemplo',
       (ARRAY['+55', '55', '+55 ', '+55'])[1 + c % 4] || 11000000000 + c - CASE WHEN c % 10 = 3 THEN 1 ELSE 0 END
FROM generate_series(1, CAST($CONVERSATIONS AS bigint)) AS c
;
INSERT INTO chat_group (created_time, last_time, roster_version, tenant, source, group_id, platform, subject)
SELECT timestamptz '2026-03-01', timestamptz '2026-03-31', CASE WHEN g % 2 = 0 THEN uuid '019cd7f6-f0e0-8000-8000-000000000000' END, 'acme',
       'source-1', 'group-' || g, 'baileys', 'Grupo ' || g
FROM generate_series(1, CAST($GROUPS AS bigint)) AS g
;
INSERT INTO group_member (present_version, admin_version, present, admin, tenant, source, group_id, member_id, platform, phone)
SELECT CASE WHEN m % 9 = 0 THEN uuid '019cd7f6-0000-8000-8000-000000000000' ELSE uuid '019cd7f6-f0e0-8000-8000-000000000000' END,
       uuid '019cd7f6-f0e0-8000-8000-000000000000', m % 7 <> 0, m = 1, 'acme', 'source-1', 'group-' || g, 'member-' || g * 31 + m, 'baileys',
       '+55' || 11000000000 + g * 31 + m
FROM generate_series(1, CAST($GROUPS AS bigint)) AS g, generate_series(1, 100) AS m
;
INSERT INTO event_hour (hour, count, log_partition, tenant, source, platform, type)
SELECT timestamptz '2026-03-01' + h * interval '1 hour', 1 + h * 31 % 17 + p, p, 'acme', 'source-' || s,
       (ARRAY['chatwoot', 'baileys', 'whatsapp_cloud', 'digisac'])[1 + s % 4],
       (ARRAY['message.created', 'message.status', 'message.updated', 'message.deleted', 'ticket.created', 'ticket.updated', 'ticket.closed',
              'contact.updated', 'group.participants.updated', 'presence.updated'])[1 + k]
FROM generate_series(0, 743) AS h, generate_series(0, 7) AS s, generate_series(0, 9) AS k, generate_series(0, 11) AS p
;
