-- What the envelope says and the table did not. New columns without a default: no row is rewritten, and the lock is short.
ALTER TABLE event
    ADD COLUMN account        text,
    ADD COLUMN schema_version integer,
    ADD COLUMN id_time        text;

COMMENT ON COLUMN event.id IS 'UUID version 8: 48 bits of milliseconds, then a hash of source and platform identity. The same for every redelivery, unless id_time is received; sorts by time, so that a range of ids is a span of time (event_id_from).';
COMMENT ON COLUMN event.platform IS 'The dialect that the source speaks, as schemas/pages/platforms.md names them: chatwoot, digisac, evolution, …';
COMMENT ON COLUMN event.account IS 'The platform''s own account, organization or workspace that it came from, where the platform says. Null in rows that were stored before this column was there. U+0000 is stored as U+FFFD.';
COMMENT ON COLUMN event.schema_version IS 'The version of the type''s schema, the last part of dataschema; null for types that the sender names itself, and in rows that were stored before this column was there.';
COMMENT ON COLUMN event.id_time IS 'Which clock the time in id comes from: event (a redelivery has the same id) or received (the platform gives no time that a redelivery repeats; equal events within the redelivery window are one row). Null in rows that were stored before this column was there.';

-- The lowest id that an event of this millisecond, or later, can have: a span of time is a range of the primary key.
CREATE FUNCTION event_id_from(at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT CASE
    WHEN at < timestamptz 'epoch' THEN '00000000-0000-0000-0000-000000000000'
    WHEN at >= timestamptz '10889-08-02 05:31:50.656+00' THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff'
    ELSE lpad(to_hex(CAST(trunc(extract(epoch FROM at) * 1000) AS bigint)), 12, '0') || '00000000000000000000'
END::uuid
$$;

COMMENT ON FUNCTION event_id_from(timestamptz) IS 'The lowest id of that millisecond: WHERE id >= event_id_from(''2026-03-10'') AND id < event_id_from(''2026-03-11'') is one day, read by the primary key.';

COMMENT ON COLUMN ticket_history.tenant IS 'Whose event it is.';
COMMENT ON COLUMN ticket_history.source IS 'The source that sent it.';
COMMENT ON COLUMN ticket_history.platform IS 'The dialect of the source.';
COMMENT ON COLUMN ticket_history.ticket_id IS 'The platform''s id of the ticket.';
COMMENT ON COLUMN ticket_history.id IS 'The event.';
COMMENT ON COLUMN ticket_history.time IS 'When it happened.';
COMMENT ON COLUMN ticket_history.received_time IS 'When the webhook was accepted.';
COMMENT ON COLUMN ticket_history.status IS 'What this event says the status is; null where it does not say.';
COMMENT ON COLUMN ticket_history.assignee_id IS 'Who has the ticket, as this event says.';
COMMENT ON COLUMN ticket_history.department IS 'The department, as this event says.';
COMMENT ON COLUMN ticket_history.previous_department IS 'The last department told before.';
COMMENT ON COLUMN ticket_history.team IS 'The team, as this event says.';
COMMENT ON COLUMN ticket_history.previous_team IS 'The last team told before.';

COMMENT ON COLUMN message_delivery.tenant IS 'Whose message it is.';
COMMENT ON COLUMN message_delivery.source IS 'The source that told of it.';
COMMENT ON COLUMN message_delivery.platform IS 'The dialect of the source.';
COMMENT ON COLUMN message_delivery.message_id IS 'The platform''s id of the message.';
COMMENT ON COLUMN message_delivery.conversation_id IS 'The platform''s id of its conversation.';

COMMENT ON COLUMN connection_current.tenant IS 'Whose line it is.';
COMMENT ON COLUMN connection_current.source IS 'The source that tells of it.';
COMMENT ON COLUMN connection_current.platform IS 'The dialect of the source.';
COMMENT ON COLUMN connection_current.state IS 'The last state told.';
COMMENT ON COLUMN connection_current.online IS 'Whether it was last told to be online.';
COMMENT ON COLUMN connection_current.epoch IS 'The highest epoch seen, where the platform counts.';

-- A view for each type, which has the members as columns. Their statements are checked against the types by a test.
CREATE VIEW message_created AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{message,id}' AS message_id,
       data #>> '{message,external_id}' AS external_id,
       data #>> '{message,conversation,id}' AS conversation_id,
       data #>> '{message,conversation,alternate_id}' AS conversation_alternate_id,
       data #>> '{message,conversation,external_id}' AS conversation_external_id,
       CAST(data #>> '{message,conversation,group}' AS boolean) AS conversation_group,
       data #>> '{message,conversation,channel}' AS conversation_channel,
       data #>> '{message,conversation,channel_id}' AS conversation_channel_id,
       data #>> '{message,direction}' AS direction,
       CAST(data #>> '{message,internal}' AS boolean) AS internal,
       data #>> '{message,from,id}' AS from_id,
       data #>> '{message,from,kind}' AS from_kind,
       data #>> '{message,from,name}' AS from_name,
       data #>> '{message,from,phone}' AS from_phone,
       data #>> '{message,from,alternate_id}' AS from_alternate_id,
       data #>> '{message,to,id}' AS to_id,
       data #>> '{message,to,kind}' AS to_kind,
       data #>> '{message,to,name}' AS to_name,
       data #>> '{message,to,phone}' AS to_phone,
       data #>> '{message,to,alternate_id}' AS to_alternate_id,
       data #>> '{message,kind}' AS kind,
       data #>> '{message,text}' AS text,
       data #> '{message,attachments}' AS attachments,
       data #> '{message,mentions}' AS mentions,
       data #>> '{message,quoted,id}' AS quoted_id,
       data #>> '{message,quoted,external_id}' AS quoted_external_id,
       data #>> '{message,quoted,text}' AS quoted_text,
       data #>> '{message,answer,id}' AS answer_id,
       data #>> '{message,answer,title}' AS answer_title,
       data #> '{message,answer,values}' AS answer_values,
       data #>> '{message,status}' AS status,
       data #>> '{message,ticket_id}' AS ticket_id
FROM event
WHERE type = 'message.created';

CREATE VIEW message_updated AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{message,id}' AS message_id,
       data #>> '{message,external_id}' AS external_id,
       data #>> '{message,conversation,id}' AS conversation_id,
       data #>> '{message,conversation,alternate_id}' AS conversation_alternate_id,
       data #>> '{message,conversation,external_id}' AS conversation_external_id,
       CAST(data #>> '{message,conversation,group}' AS boolean) AS conversation_group,
       data #>> '{message,conversation,channel}' AS conversation_channel,
       data #>> '{message,conversation,channel_id}' AS conversation_channel_id,
       data #>> '{message,direction}' AS direction,
       CAST(data #>> '{message,internal}' AS boolean) AS internal,
       data #>> '{message,from,id}' AS from_id,
       data #>> '{message,from,kind}' AS from_kind,
       data #>> '{message,from,name}' AS from_name,
       data #>> '{message,from,phone}' AS from_phone,
       data #>> '{message,from,alternate_id}' AS from_alternate_id,
       data #>> '{message,to,id}' AS to_id,
       data #>> '{message,to,kind}' AS to_kind,
       data #>> '{message,to,name}' AS to_name,
       data #>> '{message,to,phone}' AS to_phone,
       data #>> '{message,to,alternate_id}' AS to_alternate_id,
       data #>> '{message,kind}' AS kind,
       data #>> '{message,text}' AS text,
       data #> '{message,attachments}' AS attachments,
       data #> '{message,mentions}' AS mentions,
       data #>> '{message,quoted,id}' AS quoted_id,
       data #>> '{message,quoted,external_id}' AS quoted_external_id,
       data #>> '{message,quoted,text}' AS quoted_text,
       data #>> '{message,answer,id}' AS answer_id,
       data #>> '{message,answer,title}' AS answer_title,
       data #> '{message,answer,values}' AS answer_values,
       data #>> '{message,status}' AS status,
       data #>> '{message,ticket_id}' AS ticket_id
FROM event
WHERE type = 'message.updated';

CREATE VIEW message_deleted AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{message,id}' AS message_id,
       data #>> '{message,external_id}' AS external_id,
       data #>> '{message,conversation,id}' AS conversation_id,
       data #>> '{message,conversation,alternate_id}' AS conversation_alternate_id,
       data #>> '{message,conversation,external_id}' AS conversation_external_id,
       CAST(data #>> '{message,conversation,group}' AS boolean) AS conversation_group,
       data #>> '{message,conversation,channel}' AS conversation_channel,
       data #>> '{message,conversation,channel_id}' AS conversation_channel_id,
       data #>> '{message,by,id}' AS by_id,
       data #>> '{message,by,kind}' AS by_kind,
       data #>> '{message,by,name}' AS by_name,
       data #>> '{message,by,phone}' AS by_phone,
       data #>> '{message,by,alternate_id}' AS by_alternate_id
FROM event
WHERE type = 'message.deleted';

CREATE VIEW message_status AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{message,id}' AS message_id,
       data #>> '{message,external_id}' AS external_id,
       data #>> '{message,conversation,id}' AS conversation_id,
       data #>> '{message,conversation,alternate_id}' AS conversation_alternate_id,
       data #>> '{message,conversation,external_id}' AS conversation_external_id,
       CAST(data #>> '{message,conversation,group}' AS boolean) AS conversation_group,
       data #>> '{message,conversation,channel}' AS conversation_channel,
       data #>> '{message,conversation,channel_id}' AS conversation_channel_id,
       data #>> '{message,status}' AS status,
       data #>> '{message,recipient,id}' AS recipient_id,
       data #>> '{message,recipient,kind}' AS recipient_kind,
       data #>> '{message,recipient,name}' AS recipient_name,
       data #>> '{message,recipient,phone}' AS recipient_phone,
       data #>> '{message,recipient,alternate_id}' AS recipient_alternate_id,
       CAST(data #>> '{message,at}' AS timestamptz) AS at,
       data #>> '{message,error}' AS error
FROM event
WHERE type = 'message.status';

CREATE VIEW message_reaction AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{message,id}' AS message_id,
       data #>> '{message,conversation,id}' AS conversation_id,
       data #>> '{message,conversation,alternate_id}' AS conversation_alternate_id,
       data #>> '{message,conversation,external_id}' AS conversation_external_id,
       CAST(data #>> '{message,conversation,group}' AS boolean) AS conversation_group,
       data #>> '{message,conversation,channel}' AS conversation_channel,
       data #>> '{message,conversation,channel_id}' AS conversation_channel_id,
       data #>> '{message,direction}' AS direction,
       data #>> '{message,from,id}' AS from_id,
       data #>> '{message,from,kind}' AS from_kind,
       data #>> '{message,from,name}' AS from_name,
       data #>> '{message,from,phone}' AS from_phone,
       data #>> '{message,from,alternate_id}' AS from_alternate_id,
       data #>> '{message,emoji}' AS emoji
FROM event
WHERE type = 'message.reaction';

CREATE VIEW group_participants_updated AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{group,id}' AS group_id,
       data #>> '{group,action}' AS action,
       data #> '{group,participants}' AS participants,
       data #>> '{group,actor,id}' AS actor_id,
       data #>> '{group,actor,kind}' AS actor_kind,
       data #>> '{group,actor,name}' AS actor_name,
       data #>> '{group,actor,phone}' AS actor_phone,
       data #>> '{group,actor,alternate_id}' AS actor_alternate_id
FROM event
WHERE type = 'group.participants.updated';

CREATE VIEW group_created AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{group,id}' AS group_id,
       data #>> '{group,subject}' AS group_subject,
       data #>> '{group,description}' AS description,
       data #>> '{group,owner,id}' AS owner_id,
       data #>> '{group,owner,kind}' AS owner_kind,
       data #>> '{group,owner,name}' AS owner_name,
       data #>> '{group,owner,phone}' AS owner_phone,
       data #>> '{group,owner,alternate_id}' AS owner_alternate_id,
       CAST(data #>> '{group,announce}' AS boolean) AS announce,
       CAST(data #>> '{group,restrict}' AS boolean) AS restrict,
       data #> '{group,participants}' AS participants,
       data #>> '{group,actor,id}' AS actor_id,
       data #>> '{group,actor,kind}' AS actor_kind,
       data #>> '{group,actor,name}' AS actor_name,
       data #>> '{group,actor,phone}' AS actor_phone,
       data #>> '{group,actor,alternate_id}' AS actor_alternate_id
FROM event
WHERE type = 'group.created';

CREATE VIEW group_updated AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{group,id}' AS group_id,
       data #>> '{group,subject}' AS group_subject,
       data #>> '{group,description}' AS description,
       data #>> '{group,owner,id}' AS owner_id,
       data #>> '{group,owner,kind}' AS owner_kind,
       data #>> '{group,owner,name}' AS owner_name,
       data #>> '{group,owner,phone}' AS owner_phone,
       data #>> '{group,owner,alternate_id}' AS owner_alternate_id,
       CAST(data #>> '{group,announce}' AS boolean) AS announce,
       CAST(data #>> '{group,restrict}' AS boolean) AS restrict,
       data #> '{group,participants}' AS participants,
       data #>> '{group,actor,id}' AS actor_id,
       data #>> '{group,actor,kind}' AS actor_kind,
       data #>> '{group,actor,name}' AS actor_name,
       data #>> '{group,actor,phone}' AS actor_phone,
       data #>> '{group,actor,alternate_id}' AS actor_alternate_id
FROM event
WHERE type = 'group.updated';

CREATE VIEW group_join_request AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{group,id}' AS group_id,
       data #>> '{group,action}' AS action,
       data #>> '{group,participant,id}' AS participant_id,
       data #>> '{group,participant,phone}' AS participant_phone,
       data #>> '{group,participant,alternate_id}' AS participant_alternate_id,
       CAST(data #>> '{group,participant,admin}' AS boolean) AS participant_admin,
       data #>> '{group,method}' AS method,
       data #>> '{group,actor,id}' AS actor_id,
       data #>> '{group,actor,kind}' AS actor_kind,
       data #>> '{group,actor,name}' AS actor_name,
       data #>> '{group,actor,phone}' AS actor_phone,
       data #>> '{group,actor,alternate_id}' AS actor_alternate_id
FROM event
WHERE type = 'group.join_request';

CREATE VIEW ticket_created AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{ticket,id}' AS ticket_id,
       data #>> '{ticket,status}' AS status,
       data #>> '{ticket,previous_status}' AS previous_status,
       data #>> '{ticket,protocol}' AS protocol,
       data #>> '{ticket,contact,id}' AS contact_id,
       data #>> '{ticket,contact,kind}' AS contact_kind,
       data #>> '{ticket,contact,name}' AS contact_name,
       data #>> '{ticket,contact,phone}' AS contact_phone,
       data #>> '{ticket,contact,alternate_id}' AS contact_alternate_id,
       data #>> '{ticket,assignee,id}' AS assignee_id,
       data #>> '{ticket,assignee,kind}' AS assignee_kind,
       data #>> '{ticket,assignee,name}' AS assignee_name,
       data #>> '{ticket,assignee,phone}' AS assignee_phone,
       data #>> '{ticket,assignee,alternate_id}' AS assignee_alternate_id,
       data #>> '{ticket,department}' AS department,
       data #>> '{ticket,team}' AS team,
       data #>> '{ticket,channel}' AS channel,
       data #>> '{ticket,channel_id}' AS channel_id,
       data #>> '{ticket,priority}' AS priority,
       data #> '{ticket,labels}' AS labels,
       data #> '{ticket,changed}' AS changed,
       CAST(data #>> '{ticket,opened_at}' AS timestamptz) AS opened_at
FROM event
WHERE type = 'ticket.created';

CREATE VIEW ticket_updated AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{ticket,id}' AS ticket_id,
       data #>> '{ticket,status}' AS status,
       data #>> '{ticket,previous_status}' AS previous_status,
       data #>> '{ticket,protocol}' AS protocol,
       data #>> '{ticket,contact,id}' AS contact_id,
       data #>> '{ticket,contact,kind}' AS contact_kind,
       data #>> '{ticket,contact,name}' AS contact_name,
       data #>> '{ticket,contact,phone}' AS contact_phone,
       data #>> '{ticket,contact,alternate_id}' AS contact_alternate_id,
       data #>> '{ticket,assignee,id}' AS assignee_id,
       data #>> '{ticket,assignee,kind}' AS assignee_kind,
       data #>> '{ticket,assignee,name}' AS assignee_name,
       data #>> '{ticket,assignee,phone}' AS assignee_phone,
       data #>> '{ticket,assignee,alternate_id}' AS assignee_alternate_id,
       data #>> '{ticket,department}' AS department,
       data #>> '{ticket,team}' AS team,
       data #>> '{ticket,channel}' AS channel,
       data #>> '{ticket,channel_id}' AS channel_id,
       data #>> '{ticket,priority}' AS priority,
       data #> '{ticket,labels}' AS labels,
       data #> '{ticket,changed}' AS changed,
       CAST(data #>> '{ticket,opened_at}' AS timestamptz) AS opened_at
FROM event
WHERE type = 'ticket.updated';

CREATE VIEW ticket_transferred AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{ticket,id}' AS ticket_id,
       data #>> '{ticket,status}' AS status,
       data #>> '{ticket,previous_status}' AS previous_status,
       data #>> '{ticket,protocol}' AS protocol,
       data #>> '{ticket,contact,id}' AS contact_id,
       data #>> '{ticket,contact,kind}' AS contact_kind,
       data #>> '{ticket,contact,name}' AS contact_name,
       data #>> '{ticket,contact,phone}' AS contact_phone,
       data #>> '{ticket,contact,alternate_id}' AS contact_alternate_id,
       data #>> '{ticket,assignee,id}' AS assignee_id,
       data #>> '{ticket,assignee,kind}' AS assignee_kind,
       data #>> '{ticket,assignee,name}' AS assignee_name,
       data #>> '{ticket,assignee,phone}' AS assignee_phone,
       data #>> '{ticket,assignee,alternate_id}' AS assignee_alternate_id,
       data #>> '{ticket,department}' AS department,
       data #>> '{ticket,team}' AS team,
       data #>> '{ticket,channel}' AS channel,
       data #>> '{ticket,channel_id}' AS channel_id,
       data #>> '{ticket,priority}' AS priority,
       data #> '{ticket,labels}' AS labels,
       data #> '{ticket,changed}' AS changed,
       CAST(data #>> '{ticket,opened_at}' AS timestamptz) AS opened_at
FROM event
WHERE type = 'ticket.transferred';

CREATE VIEW ticket_closed AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{ticket,id}' AS ticket_id,
       data #>> '{ticket,status}' AS status,
       data #>> '{ticket,previous_status}' AS previous_status,
       data #>> '{ticket,protocol}' AS protocol,
       data #>> '{ticket,contact,id}' AS contact_id,
       data #>> '{ticket,contact,kind}' AS contact_kind,
       data #>> '{ticket,contact,name}' AS contact_name,
       data #>> '{ticket,contact,phone}' AS contact_phone,
       data #>> '{ticket,contact,alternate_id}' AS contact_alternate_id,
       data #>> '{ticket,assignee,id}' AS assignee_id,
       data #>> '{ticket,assignee,kind}' AS assignee_kind,
       data #>> '{ticket,assignee,name}' AS assignee_name,
       data #>> '{ticket,assignee,phone}' AS assignee_phone,
       data #>> '{ticket,assignee,alternate_id}' AS assignee_alternate_id,
       data #>> '{ticket,department}' AS department,
       data #>> '{ticket,team}' AS team,
       data #>> '{ticket,channel}' AS channel,
       data #>> '{ticket,channel_id}' AS channel_id,
       data #>> '{ticket,priority}' AS priority,
       data #> '{ticket,labels}' AS labels,
       data #> '{ticket,changed}' AS changed,
       CAST(data #>> '{ticket,opened_at}' AS timestamptz) AS opened_at
FROM event
WHERE type = 'ticket.closed';

CREATE VIEW ticket_reopened AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{ticket,id}' AS ticket_id,
       data #>> '{ticket,status}' AS status,
       data #>> '{ticket,previous_status}' AS previous_status,
       data #>> '{ticket,protocol}' AS protocol,
       data #>> '{ticket,contact,id}' AS contact_id,
       data #>> '{ticket,contact,kind}' AS contact_kind,
       data #>> '{ticket,contact,name}' AS contact_name,
       data #>> '{ticket,contact,phone}' AS contact_phone,
       data #>> '{ticket,contact,alternate_id}' AS contact_alternate_id,
       data #>> '{ticket,assignee,id}' AS assignee_id,
       data #>> '{ticket,assignee,kind}' AS assignee_kind,
       data #>> '{ticket,assignee,name}' AS assignee_name,
       data #>> '{ticket,assignee,phone}' AS assignee_phone,
       data #>> '{ticket,assignee,alternate_id}' AS assignee_alternate_id,
       data #>> '{ticket,department}' AS department,
       data #>> '{ticket,team}' AS team,
       data #>> '{ticket,channel}' AS channel,
       data #>> '{ticket,channel_id}' AS channel_id,
       data #>> '{ticket,priority}' AS priority,
       data #> '{ticket,labels}' AS labels,
       data #> '{ticket,changed}' AS changed,
       CAST(data #>> '{ticket,opened_at}' AS timestamptz) AS opened_at
FROM event
WHERE type = 'ticket.reopened';

CREATE VIEW contact_created AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{contact,id}' AS contact_id,
       data #>> '{contact,name}' AS name,
       data #>> '{contact,phone}' AS phone,
       data #>> '{contact,email}' AS email,
       data #>> '{contact,identifier}' AS identifier,
       data #>> '{contact,alternate_id}' AS alternate_id,
       data #>> '{contact,channel_id}' AS channel_id,
       CAST(data #>> '{contact,group}' AS boolean) AS contact_group,
       CAST(data #>> '{contact,blocked}' AS boolean) AS blocked,
       data #> '{contact,changed}' AS changed
FROM event
WHERE type = 'contact.created';

CREATE VIEW contact_updated AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{contact,id}' AS contact_id,
       data #>> '{contact,name}' AS name,
       data #>> '{contact,phone}' AS phone,
       data #>> '{contact,email}' AS email,
       data #>> '{contact,identifier}' AS identifier,
       data #>> '{contact,alternate_id}' AS alternate_id,
       data #>> '{contact,channel_id}' AS channel_id,
       CAST(data #>> '{contact,group}' AS boolean) AS contact_group,
       CAST(data #>> '{contact,blocked}' AS boolean) AS blocked,
       data #> '{contact,changed}' AS changed
FROM event
WHERE type = 'contact.updated';

CREATE VIEW connection_updated AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{connection,id}' AS connection_id,
       data #>> '{connection,state}' AS state,
       CAST(data #>> '{connection,online}' AS boolean) AS online,
       CAST(data #>> '{connection,pairing}' AS boolean) AS pairing,
       CAST(data #>> '{connection,epoch}' AS bigint) AS epoch,
       data #>> '{connection,reason}' AS reason
FROM event
WHERE type = 'connection.updated';

CREATE VIEW presence_updated AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{presence,conversation,id}' AS conversation_id,
       data #>> '{presence,conversation,alternate_id}' AS conversation_alternate_id,
       data #>> '{presence,conversation,external_id}' AS conversation_external_id,
       CAST(data #>> '{presence,conversation,group}' AS boolean) AS conversation_group,
       data #>> '{presence,conversation,channel}' AS conversation_channel,
       data #>> '{presence,conversation,channel_id}' AS conversation_channel_id,
       data #> '{presence,parties}' AS parties
FROM event
WHERE type = 'presence.updated';

CREATE VIEW bot_command AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{command,name}' AS name,
       data #>> '{command,answer,id}' AS answer_id,
       data #>> '{command,answer,title}' AS answer_title,
       data #> '{command,answer,values}' AS answer_values,
       data #>> '{command,contact,id}' AS contact_id,
       data #>> '{command,contact,kind}' AS contact_kind,
       data #>> '{command,contact,name}' AS contact_name,
       data #>> '{command,contact,phone}' AS contact_phone,
       data #>> '{command,contact,alternate_id}' AS contact_alternate_id,
       data #>> '{command,message_id}' AS message_id,
       data #>> '{command,conversation,id}' AS conversation_id,
       data #>> '{command,conversation,alternate_id}' AS conversation_alternate_id,
       data #>> '{command,conversation,external_id}' AS conversation_external_id,
       CAST(data #>> '{command,conversation,group}' AS boolean) AS conversation_group,
       data #>> '{command,conversation,channel}' AS conversation_channel,
       data #>> '{command,conversation,channel_id}' AS conversation_channel_id
FROM event
WHERE type = 'bot.command';

CREATE VIEW unmapped AS
SELECT id, time, received_time, tenant, source, platform, account, subject,
       data #>> '{unmapped,reason}' AS reason,
       data #>> '{unmapped,event}' AS event
FROM event
WHERE type = 'unmapped';
