-- The same views as in PostgreSQL, ../postgres/0002_views.sql, where what they mean stands.

CREATE INDEX event_ticket ON event (data ->> '$.ticket.id') WHERE type LIKE 'ticket.%';
CREATE INDEX event_connection ON event (data ->> '$.connection.id') WHERE type = 'connection.updated';

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
      FROM (SELECT tenant, source, platform, data ->> '$.ticket.id' AS ticket_id, id, time, received_time, type,
                   coalesce(data ->> '$.ticket.status',
                            CASE type WHEN 'ticket.closed' THEN 'closed'
                                      WHEN 'ticket.reopened' THEN 'open'
                                      WHEN 'ticket.created' THEN 'open' END) AS status,
                   data ->> '$.ticket.previous_status' AS previous_status,
                   data ->> '$.ticket.assignee.id' AS assignee_id,
                   data ->> '$.ticket.department' AS department,
                   data ->> '$.ticket.team' AS team,
                   printf('%012d', row_number() OVER (PARTITION BY tenant, source, data ->> '$.ticket.id'
                                                      ORDER BY time, id)) AS number
            FROM event
            WHERE type LIKE 'ticket.%' AND data ->> '$.ticket.id' IS NOT NULL) AS n
      WINDOW before AS (PARTITION BY tenant, source, ticket_id ORDER BY number
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS told;

CREATE VIEW message_delivery AS
SELECT tenant, source, platform, message_id, conversation_id, status, status_time, error, id
FROM (SELECT told.*,
             row_number() OVER (PARTITION BY tenant, source, message_id
                                ORDER BY height DESC NULLS LAST, status_time, id) AS place
      FROM (SELECT tenant, source, platform, data ->> '$.message.id' AS message_id,
                   data ->> '$.message.conversation.id' AS conversation_id,
                   data ->> '$.message.status' AS status,
                   coalesce(data ->> '$.message.at', time) AS status_time,
                   data ->> '$.message.error' AS error, id,
                   CASE data ->> '$.message.status'
                       WHEN 'pending' THEN 1 WHEN 'sent' THEN 2 WHEN 'failed' THEN 3
                       WHEN 'delivered' THEN 4 WHEN 'read' THEN 5 WHEN 'played' THEN 6 END AS height
            FROM event
            WHERE data ->> '$.message.status' IS NOT NULL
              AND type IN ('message.status', 'message.created', 'message.updated')) AS told) AS placed
WHERE place = 1;

-- What an open line has outlived is over: the code that waited to be scanned, and why it was closed before.
CREATE VIEW connection_current AS
SELECT tenant, source, max(platform) AS platform, connection_id,
       substr(max(number || state), 13) AS state,
       CAST(substr(max(number || online), 13) AS INTEGER) AS online,
       CAST(substr(max(number || CASE WHEN pairing IS NOT NULL THEN pairing AND NOT outlived END), 13) AS INTEGER) AS pairing,
       nullif(substr(max(number || CASE WHEN reason IS NOT NULL AND outlived THEN '' ELSE reason END), 13), '') AS reason,
       max(epoch) AS epoch, max(time) AS time
FROM (SELECT lease.*,
             number < coalesce(max(CASE WHEN state = 'open' THEN number END)
                                   OVER (PARTITION BY tenant, source, connection_id), '') AS outlived
      FROM (SELECT tenant, source, platform, data ->> '$.connection.id' AS connection_id, time,
                   data ->> '$.connection.state' AS state,
                   data ->> '$.connection.online' AS online,
                   data ->> '$.connection.pairing' AS pairing,
                   data ->> '$.connection.reason' AS reason,
                   data ->> '$.connection.epoch' AS epoch,
                   max(data ->> '$.connection.epoch')
                       OVER (PARTITION BY tenant, source, data ->> '$.connection.id') AS last_epoch,
                   printf('%012d', row_number() OVER (PARTITION BY tenant, source, data ->> '$.connection.id'
                                                      ORDER BY time, id)) AS number
            FROM event
            WHERE type = 'connection.updated') AS lease
      WHERE epoch IS NULL OR epoch = last_epoch) AS valid
GROUP BY tenant, source, connection_id;
