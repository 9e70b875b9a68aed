-- `ticket.cleared` in the views of the tickets. SQLite has no CREATE OR REPLACE VIEW.

DROP VIEW ticket_created;
CREATE VIEW ticket_created AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data ->> '$.ticket.id' AS ticket_id,
       data ->> '$.ticket.status' AS status,
       data ->> '$.ticket.previous_status' AS previous_status,
       data ->> '$.ticket.protocol' AS protocol,
       data ->> '$.ticket.contact.id' AS contact_id,
       data ->> '$.ticket.contact.kind' AS contact_kind,
       data ->> '$.ticket.contact.name' AS contact_name,
       data ->> '$.ticket.contact.phone' AS contact_phone,
       data ->> '$.ticket.contact.alternate_id' AS contact_alternate_id,
       data ->> '$.ticket.assignee.id' AS assignee_id,
       data ->> '$.ticket.assignee.kind' AS assignee_kind,
       data ->> '$.ticket.assignee.name' AS assignee_name,
       data ->> '$.ticket.assignee.phone' AS assignee_phone,
       data ->> '$.ticket.assignee.alternate_id' AS assignee_alternate_id,
       data ->> '$.ticket.department' AS department,
       data ->> '$.ticket.team' AS team,
       data ->> '$.ticket.channel' AS channel,
       data ->> '$.ticket.channel_id' AS channel_id,
       data ->> '$.ticket.priority' AS priority,
       data -> '$.ticket.labels' AS labels,
       data -> '$.ticket.changed' AS changed,
       data ->> '$.ticket.opened_at' AS opened_at,
       data -> '$.ticket.cleared' AS cleared
FROM event
WHERE type = 'ticket.created';

DROP VIEW ticket_updated;
CREATE VIEW ticket_updated AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data ->> '$.ticket.id' AS ticket_id,
       data ->> '$.ticket.status' AS status,
       data ->> '$.ticket.previous_status' AS previous_status,
       data ->> '$.ticket.protocol' AS protocol,
       data ->> '$.ticket.contact.id' AS contact_id,
       data ->> '$.ticket.contact.kind' AS contact_kind,
       data ->> '$.ticket.contact.name' AS contact_name,
       data ->> '$.ticket.contact.phone' AS contact_phone,
       data ->> '$.ticket.contact.alternate_id' AS contact_alternate_id,
       data ->> '$.ticket.assignee.id' AS assignee_id,
       data ->> '$.ticket.assignee.kind' AS assignee_kind,
       data ->> '$.ticket.assignee.name' AS assignee_name,
       data ->> '$.ticket.assignee.phone' AS assignee_phone,
       data ->> '$.ticket.assignee.alternate_id' AS assignee_alternate_id,
       data ->> '$.ticket.department' AS department,
       data ->> '$.ticket.team' AS team,
       data ->> '$.ticket.channel' AS channel,
       data ->> '$.ticket.channel_id' AS channel_id,
       data ->> '$.ticket.priority' AS priority,
       data -> '$.ticket.labels' AS labels,
       data -> '$.ticket.changed' AS changed,
       data ->> '$.ticket.opened_at' AS opened_at,
       data -> '$.ticket.cleared' AS cleared
FROM event
WHERE type = 'ticket.updated';

DROP VIEW ticket_transferred;
CREATE VIEW ticket_transferred AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data ->> '$.ticket.id' AS ticket_id,
       data ->> '$.ticket.status' AS status,
       data ->> '$.ticket.previous_status' AS previous_status,
       data ->> '$.ticket.protocol' AS protocol,
       data ->> '$.ticket.contact.id' AS contact_id,
       data ->> '$.ticket.contact.kind' AS contact_kind,
       data ->> '$.ticket.contact.name' AS contact_name,
       data ->> '$.ticket.contact.phone' AS contact_phone,
       data ->> '$.ticket.contact.alternate_id' AS contact_alternate_id,
       data ->> '$.ticket.assignee.id' AS assignee_id,
       data ->> '$.ticket.assignee.kind' AS assignee_kind,
       data ->> '$.ticket.assignee.name' AS assignee_name,
       data ->> '$.ticket.assignee.phone' AS assignee_phone,
       data ->> '$.ticket.assignee.alternate_id' AS assignee_alternate_id,
       data ->> '$.ticket.department' AS department,
       data ->> '$.ticket.team' AS team,
       data ->> '$.ticket.channel' AS channel,
       data ->> '$.ticket.channel_id' AS channel_id,
       data ->> '$.ticket.priority' AS priority,
       data -> '$.ticket.labels' AS labels,
       data -> '$.ticket.changed' AS changed,
       data ->> '$.ticket.opened_at' AS opened_at,
       data -> '$.ticket.cleared' AS cleared
FROM event
WHERE type = 'ticket.transferred';

DROP VIEW ticket_closed;
CREATE VIEW ticket_closed AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data ->> '$.ticket.id' AS ticket_id,
       data ->> '$.ticket.status' AS status,
       data ->> '$.ticket.previous_status' AS previous_status,
       data ->> '$.ticket.protocol' AS protocol,
       data ->> '$.ticket.contact.id' AS contact_id,
       data ->> '$.ticket.contact.kind' AS contact_kind,
       data ->> '$.ticket.contact.name' AS contact_name,
       data ->> '$.ticket.contact.phone' AS contact_phone,
       data ->> '$.ticket.contact.alternate_id' AS contact_alternate_id,
       data ->> '$.ticket.assignee.id' AS assignee_id,
       data ->> '$.ticket.assignee.kind' AS assignee_kind,
       data ->> '$.ticket.assignee.name' AS assignee_name,
       data ->> '$.ticket.assignee.phone' AS assignee_phone,
       data ->> '$.ticket.assignee.alternate_id' AS assignee_alternate_id,
       data ->> '$.ticket.department' AS department,
       data ->> '$.ticket.team' AS team,
       data ->> '$.ticket.channel' AS channel,
       data ->> '$.ticket.channel_id' AS channel_id,
       data ->> '$.ticket.priority' AS priority,
       data -> '$.ticket.labels' AS labels,
       data -> '$.ticket.changed' AS changed,
       data ->> '$.ticket.opened_at' AS opened_at,
       data -> '$.ticket.cleared' AS cleared
FROM event
WHERE type = 'ticket.closed';

DROP VIEW ticket_reopened;
CREATE VIEW ticket_reopened AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data ->> '$.ticket.id' AS ticket_id,
       data ->> '$.ticket.status' AS status,
       data ->> '$.ticket.previous_status' AS previous_status,
       data ->> '$.ticket.protocol' AS protocol,
       data ->> '$.ticket.contact.id' AS contact_id,
       data ->> '$.ticket.contact.kind' AS contact_kind,
       data ->> '$.ticket.contact.name' AS contact_name,
       data ->> '$.ticket.contact.phone' AS contact_phone,
       data ->> '$.ticket.contact.alternate_id' AS contact_alternate_id,
       data ->> '$.ticket.assignee.id' AS assignee_id,
       data ->> '$.ticket.assignee.kind' AS assignee_kind,
       data ->> '$.ticket.assignee.name' AS assignee_name,
       data ->> '$.ticket.assignee.phone' AS assignee_phone,
       data ->> '$.ticket.assignee.alternate_id' AS assignee_alternate_id,
       data ->> '$.ticket.department' AS department,
       data ->> '$.ticket.team' AS team,
       data ->> '$.ticket.channel' AS channel,
       data ->> '$.ticket.channel_id' AS channel_id,
       data ->> '$.ticket.priority' AS priority,
       data -> '$.ticket.labels' AS labels,
       data -> '$.ticket.changed' AS changed,
       data ->> '$.ticket.opened_at' AS opened_at,
       data -> '$.ticket.cleared' AS cleared
FROM event
WHERE type = 'ticket.reopened';
