-- What only memory can tell, told by the table itself: views over what was stored, so that there is no second truth, and
-- the order in which rows came does not matter.

-- For one ticket and one line. Partial, and of the id alone: together 3 to 6 percent of the server's time per row where one
-- event of ten is a ticket's. One for messages would have cost five to ten percent more, so there is none.
CREATE INDEX event_ticket ON event ((data -> 'ticket' ->> 'id')) WHERE type LIKE 'ticket.%';
CREATE INDEX event_connection ON event ((data -> 'connection' ->> 'id')) WHERE type = 'connection.updated';

-- The last value told before an event is the greatest of "number of the event, value" (there is no IGNORE NULLS).
CREATE VIEW ticket_history AS
SELECT tenant, source, platform, ticket_id, id, time, received_time, type,
       CASE
           WHEN type <> 'ticket.updated' THEN substr(type, 8)
           WHEN coalesce(told_status, previous_status) = 'closed' AND status <> 'closed' THEN 'reopened'
           WHEN coalesce(told_status, previous_status) <> 'closed' AND status = 'closed' THEN 'closed'
           WHEN assignee_id <> told_assignee_id OR department <> told_department OR team <> told_team THEN 'transferred'
           ELSE 'updated'
       END AS change,
       status, coalesce(told_status, previous_status) AS previous_status,
       assignee_id, told_assignee_id AS previous_assignee_id,
       department, told_department AS previous_department,
       team, told_team AS previous_team
FROM (SELECT n.*,
             substr(max(number || status) OVER before, 13) AS told_status,
             substr(max(number || assignee_id) OVER before, 13) AS told_assignee_id,
             substr(max(number || department) OVER before, 13) AS told_department,
             substr(max(number || team) OVER before, 13) AS told_team
      FROM (SELECT tenant, source, platform, data -> 'ticket' ->> 'id' AS ticket_id, id, time, received_time, type,
                   coalesce(data -> 'ticket' ->> 'status',
                            CASE type WHEN 'ticket.closed' THEN 'closed'
                                      WHEN 'ticket.reopened' THEN 'open'
                                      WHEN 'ticket.created' THEN 'open' END) AS status,
                   data -> 'ticket' ->> 'previous_status' AS previous_status,
                   data -> 'ticket' -> 'assignee' ->> 'id' AS assignee_id,
                   data -> 'ticket' ->> 'department' AS department,
                   data -> 'ticket' ->> 'team' AS team,
                   lpad(CAST(row_number() OVER (PARTITION BY tenant, source, data -> 'ticket' ->> 'id'
                                                ORDER BY time, id) AS text), 12, '0') COLLATE "C" AS number
            FROM event
            WHERE type LIKE 'ticket.%' AND data -> 'ticket' ->> 'id' IS NOT NULL) AS n
      WINDOW before AS (PARTITION BY tenant, source, ticket_id ORDER BY number
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS told;

COMMENT ON VIEW ticket_history IS 'Every event of a ticket with what it really was, decided from the events before it (by time, then id) of the same tenant, source and ticket.';
COMMENT ON COLUMN ticket_history.type IS 'The event type as it was stored.';
COMMENT ON COLUMN ticket_history.change IS 'created, reopened, transferred, closed or updated. A type that says it outright is believed; ticket.updated is compared with what was told before.';
COMMENT ON COLUMN ticket_history.previous_status IS 'The last status told before; where none was, what the platform says it was.';
COMMENT ON COLUMN ticket_history.previous_assignee_id IS 'The last assignee told before.';

CREATE VIEW message_delivery AS
SELECT DISTINCT ON (tenant, source, message_id)
       tenant, source, platform, message_id, conversation_id, status, status_time, error, id
FROM (SELECT tenant, source, platform, data -> 'message' ->> 'id' AS message_id,
             data -> 'message' -> 'conversation' ->> 'id' AS conversation_id,
             data -> 'message' ->> 'status' AS status,
             coalesce(CAST(data -> 'message' ->> 'at' AS timestamptz), time) AS status_time,
             data -> 'message' ->> 'error' AS error, id,
             CASE data -> 'message' ->> 'status'
                 WHEN 'pending' THEN 1 WHEN 'sent' THEN 2 WHEN 'failed' THEN 3
                 WHEN 'delivered' THEN 4 WHEN 'read' THEN 5 WHEN 'played' THEN 6 END AS height
      FROM event
      WHERE data -> 'message' ->> 'status' IS NOT NULL
        AND type IN ('message.status', 'message.created', 'message.updated')) AS told
ORDER BY tenant, source, message_id, height DESC NULLS LAST, status_time, id;

COMMENT ON VIEW message_delivery IS 'How far each message got: the highest status told of it, in whatever order the news came. Messages that nothing was told of are not in it. Who asks for single messages of a large table adds an index: CREATE INDEX CONCURRENTLY ON event ((data -> ''message'' ->> ''id'')) WHERE data -> ''message'' ->> ''status'' IS NOT NULL.';
COMMENT ON COLUMN message_delivery.status IS 'pending, sent, failed, delivered, read or played, the later the higher: what was delivered has not failed, whatever is said; what was only sent may have.';
COMMENT ON COLUMN message_delivery.status_time IS 'When that status was reached first.';
COMMENT ON COLUMN message_delivery.error IS 'Why it failed, in the platform''s words.';
COMMENT ON COLUMN message_delivery.id IS 'The event that says so.';

-- What an open line has outlived is over: the code that waited to be scanned, and why it was closed before.
CREATE VIEW connection_current AS
SELECT tenant, source, max(platform) AS platform, connection_id,
       (array_agg(state ORDER BY number DESC) FILTER (WHERE state IS NOT NULL))[1] AS state,
       (array_agg(online ORDER BY number DESC) FILTER (WHERE online IS NOT NULL))[1] AS online,
       (array_agg(pairing AND NOT outlived ORDER BY number DESC) FILTER (WHERE pairing IS NOT NULL))[1] AS pairing,
       (array_agg(CASE WHEN NOT outlived THEN reason END ORDER BY number DESC) FILTER (WHERE reason IS NOT NULL))[1] AS reason,
       max(epoch) AS epoch, max(time) AS time
FROM (SELECT lease.*,
             number < coalesce(max(CASE WHEN state = 'open' THEN number END)
                                   OVER (PARTITION BY tenant, source, connection_id), 0) AS outlived
      FROM (SELECT tenant, source, platform, data -> 'connection' ->> 'id' AS connection_id, time,
                   data -> 'connection' ->> 'state' AS state,
                   CAST(data -> 'connection' ->> 'online' AS boolean) AS online,
                   CAST(data -> 'connection' ->> 'pairing' AS boolean) AS pairing,
                   data -> 'connection' ->> 'reason' AS reason,
                   CAST(data -> 'connection' ->> 'epoch' AS bigint) AS epoch,
                   max(CAST(data -> 'connection' ->> 'epoch' AS bigint))
                       OVER (PARTITION BY tenant, source, data -> 'connection' ->> 'id') AS last_epoch,
                   row_number() OVER (PARTITION BY tenant, source, data -> 'connection' ->> 'id' ORDER BY time, id) AS number
            FROM event
            WHERE type = 'connection.updated') AS lease
      WHERE epoch IS NULL OR epoch = last_epoch) AS valid
GROUP BY tenant, source, connection_id;

COMMENT ON VIEW connection_current IS 'How each line stands: its partial events merged, of each member the last one told. Events of an epoch lower than the highest seen are out of date and left out.';
COMMENT ON COLUMN connection_current.connection_id IS 'The platform''s id of the line; null where it tells none, then all of the source are one line.';
COMMENT ON COLUMN connection_current.pairing IS 'A code waits to be scanned; no longer, once the line was open.';
COMMENT ON COLUMN connection_current.reason IS 'Why it closed or failed last, unless it was open since.';
COMMENT ON COLUMN connection_current.time IS 'When anything was told last.';
