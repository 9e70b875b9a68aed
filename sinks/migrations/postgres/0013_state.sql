-- Current state: what all the events say together, in tables that are written in the transaction of the rows of `event`. What each
-- column takes from two events is one of three: the least, the greatest, or that of the greatest version; so neither order nor
-- repeats matter. New tables only: an older version goes on writing beside this one, and `forebay` fills in what it wrote.
--
-- "C" on what is compared: byte by byte, hence alike on every server and in SQLite, and the indexes survive an upgrade of the system's
-- collations. Room is left in each page (fillfactor), so that a row that changes stays on its page and no index is touched.

CREATE FUNCTION state_key(VARIADIC parts text[]) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT CASE WHEN array_position(parts, NULL) IS NULL THEN
    CAST(encode(substr(sha256(string_agg(int4send(octet_length(convert_to(part, 'UTF8'))) || convert_to(part, 'UTF8'), '' ORDER BY number)),
                       1, 16), 'hex') AS uuid)
END
FROM unnest(parts) WITH ORDINALITY AS u (part, number)
$$;

COMMENT ON FUNCTION state_key(text[]) IS 'The key of a row: WHERE key = state_key(tenant, source, ticket_id). The first 16 bytes of SHA-256 over the parts, each as its length in bytes (4 bytes, big-endian) and its UTF-8.';

CREATE FUNCTION message_key(tenant text, source text, conversation_id text, message_id text) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT CAST(left(replace(CAST(state_key(tenant, source, conversation_id) AS text), '-', ''), 12)
            || left(replace(CAST(state_key(tenant, source, conversation_id, message_id) AS text), '-', ''), 20) AS uuid)
$$;

COMMENT ON FUNCTION message_key(text, text, text, text) IS 'The key of a message: 6 bytes of the key of its conversation, so that messages of one conversation are side by side, then 10 bytes of state_key over all four.';

CREATE TABLE message (
    sent_time       timestamptz,
    edited_time     timestamptz,
    deleted_time    timestamptz,
    pending_at      timestamptz,
    sent_at         timestamptz,
    delivered_at    timestamptz,
    read_at         timestamptz,
    played_at       timestamptz,
    failed_at       timestamptz,
    key             uuid NOT NULL,
    created_version uuid,
    text_version    uuid,
    internal        boolean,
    tenant          text COLLATE "C" NOT NULL,
    source          text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    message_id      text COLLATE "C" NOT NULL,
    platform        text COLLATE "C",
    direction       text COLLATE "C",
    kind            text COLLATE "C",
    from_id         text COLLATE "C",
    from_kind       text COLLATE "C",
    from_name       text COLLATE "C",
    ticket_id       text COLLATE "C",
    channel_id      text COLLATE "C",
    text            text,
    error           text COLLATE "C",
    status          text GENERATED ALWAYS AS (
        CASE WHEN played_at IS NOT NULL THEN 'played' WHEN read_at IS NOT NULL THEN 'read' WHEN delivered_at IS NOT NULL THEN 'delivered'
             WHEN failed_at IS NOT NULL THEN 'failed' WHEN sent_at IS NOT NULL THEN 'sent' WHEN pending_at IS NOT NULL THEN 'pending' END) STORED,
    PRIMARY KEY (key)
) WITH (fillfactor = 80);

COMMENT ON TABLE message IS 'A message as all its events say together, in whatever order they came. One without sent_time is a message that only later news told of.';
COMMENT ON COLUMN message.sent_time IS 'When it was sent: the time of message.created. Null where only later news told of it.';
COMMENT ON COLUMN message.edited_time IS 'When its text was changed last.';
COMMENT ON COLUMN message.deleted_time IS 'When it was deleted first.';
COMMENT ON COLUMN message.pending_at IS 'When it was first said to be pending.';
COMMENT ON COLUMN message.sent_at IS 'When it was first said to be sent.';
COMMENT ON COLUMN message.delivered_at IS 'When it was first said to be delivered.';
COMMENT ON COLUMN message.read_at IS 'When it was first said to be read.';
COMMENT ON COLUMN message.played_at IS 'When it was first said to be played.';
COMMENT ON COLUMN message.failed_at IS 'When it was first said to have failed.';
COMMENT ON COLUMN message.key IS 'The primary key as one number: message_key(tenant, source, conversation_id, message_id).';
COMMENT ON COLUMN message.created_version IS 'The version at which it was written last (message.created): what is lower than conversation.emptied_version is gone.';
COMMENT ON COLUMN message.text_version IS 'The version of text.';
COMMENT ON COLUMN message.internal IS 'Whether it is a note that only agents see.';
COMMENT ON COLUMN message.tenant IS 'Whose it is.';
COMMENT ON COLUMN message.source IS 'The id of the configured source that told of it.';
COMMENT ON COLUMN message.conversation_id IS 'The platform''s id of the conversation. It belongs to the key: some platforms number messages within one chat only.';
COMMENT ON COLUMN message.message_id IS 'The platform''s id of the message.';
COMMENT ON COLUMN message.platform IS 'The dialect that the source speaks.';
COMMENT ON COLUMN message.direction IS 'inbound or outbound.';
COMMENT ON COLUMN message.kind IS 'text, image, audio, …';
COMMENT ON COLUMN message.from_id IS 'Who sent it: the platform''s id.';
COMMENT ON COLUMN message.from_kind IS 'Who sent it: contact, agent, bot, system, …';
COMMENT ON COLUMN message.from_name IS 'Who sent it: the name.';
COMMENT ON COLUMN message.ticket_id IS 'The ticket that it belongs to.';
COMMENT ON COLUMN message.channel_id IS 'The platform''s id of the channel.';
COMMENT ON COLUMN message.text IS 'The text, as it was told last.';
COMMENT ON COLUMN message.error IS 'Why it failed, in the platform''s words.';
COMMENT ON COLUMN message.status IS 'The highest status that was ever told: what was delivered has not failed, what was only sent may have. Null: none was told.';

CREATE TABLE conversation (
    first_time      timestamptz,
    last_time       timestamptz,
    first_inbound   timestamptz,
    last_inbound    timestamptz,
    last_outbound   timestamptz,
    first_agent     timestamptz,
    key             uuid NOT NULL,
    emptied_version uuid,
    is_group        boolean,
    tenant          text COLLATE "C" NOT NULL,
    source          text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    platform        text COLLATE "C",
    channel         text COLLATE "C",
    channel_id      text COLLATE "C",
    PRIMARY KEY (key)
) WITH (fillfactor = 70);

COMMENT ON TABLE conversation IS 'A conversation: when it was active, and who is waiting. Internal notes are neither inbound nor outbound.';
COMMENT ON COLUMN conversation.first_time IS 'The time of its first message.';
COMMENT ON COLUMN conversation.last_time IS 'The time of its last message.';
COMMENT ON COLUMN conversation.first_inbound IS 'The time of the first message from outside.';
COMMENT ON COLUMN conversation.last_inbound IS 'The time of the last message from outside. Later than last_outbound: somebody waits.';
COMMENT ON COLUMN conversation.last_outbound IS 'The time of the last message to the outside.';
COMMENT ON COLUMN conversation.first_agent IS 'The time of the first message that an agent sent.';
COMMENT ON COLUMN conversation.key IS 'The primary key as one number: state_key(tenant, source, conversation_id).';
COMMENT ON COLUMN conversation.emptied_version IS 'The greatest version that says that it was emptied: its messages of a lower version are gone.';
COMMENT ON COLUMN conversation.is_group IS 'Whether it is a group.';
COMMENT ON COLUMN conversation.tenant IS 'Whose it is.';
COMMENT ON COLUMN conversation.source IS 'The id of the configured source that told of it.';
COMMENT ON COLUMN conversation.conversation_id IS 'The platform''s id of the conversation.';
COMMENT ON COLUMN conversation.platform IS 'The dialect that the source speaks.';
COMMENT ON COLUMN conversation.channel IS 'whatsapp, telegram, …';
COMMENT ON COLUMN conversation.channel_id IS 'The platform''s id of the channel.';

CREATE TABLE ticket_change (
    time            timestamptz,
    version         uuid NOT NULL,
    cleared         jsonb,
    tenant          text COLLATE "C" NOT NULL,
    source          text COLLATE "C" NOT NULL,
    ticket_id       text COLLATE "C" NOT NULL,
    platform        text COLLATE "C",
    type            text COLLATE "C",
    status          text COLLATE "C",
    previous_status text COLLATE "C",
    assignee_id     text COLLATE "C",
    department      text COLLATE "C",
    team            text COLLATE "C",
    PRIMARY KEY (tenant, source, ticket_id, version)
);

COMMENT ON TABLE ticket_change IS 'One row for each event of a ticket, as narrow as can be: reopenings, transfers and the last closing are counted here (ticket_history). Rows are only ever added, and stay when the partitions of event go.';
COMMENT ON COLUMN ticket_change.time IS 'When it happened.';
COMMENT ON COLUMN ticket_change.version IS 'The event that says so: its id, with the rank of its type in the digit that is 8 in every id.';
COMMENT ON COLUMN ticket_change.cleared IS 'The names of what the event says is empty now.';
COMMENT ON COLUMN ticket_change.tenant IS 'Whose it is.';
COMMENT ON COLUMN ticket_change.source IS 'The id of the configured source that told of it.';
COMMENT ON COLUMN ticket_change.ticket_id IS 'The platform''s id of the ticket.';
COMMENT ON COLUMN ticket_change.platform IS 'The dialect that the source speaks.';
COMMENT ON COLUMN ticket_change.type IS 'The type of the event.';
COMMENT ON COLUMN ticket_change.status IS 'The status as this event tells it: that of ticket.created is open, of ticket.closed closed, of ticket.reopened open, where it tells none.';
COMMENT ON COLUMN ticket_change.previous_status IS 'The status before, as this event tells it.';
COMMENT ON COLUMN ticket_change.assignee_id IS 'Who has the ticket, as this event tells.';
COMMENT ON COLUMN ticket_change.department IS 'The department, as this event tells.';
COMMENT ON COLUMN ticket_change.team IS 'The team, as this event tells.';

CREATE TABLE ticket (
    opened_at          timestamptz,
    created_time       timestamptz,
    first_closed       timestamptz,
    first_inbound      timestamptz,
    first_agent        timestamptz,
    last_time          timestamptz,
    key                uuid NOT NULL,
    status_version     uuid,
    assignee_version   uuid,
    department_version uuid,
    team_version       uuid,
    priority_version   uuid,
    labels_version     uuid,
    labels             jsonb,
    tenant             text COLLATE "C" NOT NULL,
    source             text COLLATE "C" NOT NULL,
    ticket_id          text COLLATE "C" NOT NULL,
    platform           text COLLATE "C",
    contact_id         text COLLATE "C",
    protocol           text COLLATE "C",
    channel            text COLLATE "C",
    channel_id         text COLLATE "C",
    status             text,
    assignee_id        text,
    assignee_name      text,
    department         text,
    team               text,
    priority           text,
    PRIMARY KEY (key)
) WITH (fillfactor = 70);

COMMENT ON TABLE ticket IS 'A ticket as all its events say together, in whatever order they came.';
COMMENT ON COLUMN ticket.opened_at IS 'When it was opened, as the platform tells it. Where it does not, created_time.';
COMMENT ON COLUMN ticket.created_time IS 'The time of ticket.created.';
COMMENT ON COLUMN ticket.first_closed IS 'When it was closed first. The last closing is asked of ticket_change.';
COMMENT ON COLUMN ticket.first_inbound IS 'The time of its first message from outside.';
COMMENT ON COLUMN ticket.first_agent IS 'The time of the first message that an agent sent. Before first_inbound: the agent began.';
COMMENT ON COLUMN ticket.last_time IS 'The time of the last event of the ticket.';
COMMENT ON COLUMN ticket.key IS 'The primary key as one number: state_key(tenant, source, ticket_id).';
COMMENT ON COLUMN ticket.status_version IS 'The version of status.';
COMMENT ON COLUMN ticket.assignee_version IS 'The version of assignee_id and assignee_name.';
COMMENT ON COLUMN ticket.department_version IS 'The version of department.';
COMMENT ON COLUMN ticket.team_version IS 'The version of team.';
COMMENT ON COLUMN ticket.priority_version IS 'The version of priority.';
COMMENT ON COLUMN ticket.labels_version IS 'The version of labels.';
COMMENT ON COLUMN ticket.labels IS 'The labels, as they were told last.';
COMMENT ON COLUMN ticket.tenant IS 'Whose it is.';
COMMENT ON COLUMN ticket.source IS 'The id of the configured source that told of it.';
COMMENT ON COLUMN ticket.ticket_id IS 'The platform''s id of the ticket.';
COMMENT ON COLUMN ticket.platform IS 'The dialect that the source speaks.';
COMMENT ON COLUMN ticket.contact_id IS 'Whose ticket it is: the platform''s id of the contact.';
COMMENT ON COLUMN ticket.protocol IS 'The number that the customer was given.';
COMMENT ON COLUMN ticket.channel IS 'whatsapp, telegram, …';
COMMENT ON COLUMN ticket.channel_id IS 'The platform''s id of the channel.';
COMMENT ON COLUMN ticket.status IS 'open, pending, closed, …: as it was told last.';
COMMENT ON COLUMN ticket.assignee_id IS 'Who has it: the platform''s id; null with a version where nobody has.';
COMMENT ON COLUMN ticket.assignee_name IS 'Who has it: the name.';
COMMENT ON COLUMN ticket.department IS 'The department, as it was told last.';
COMMENT ON COLUMN ticket.team IS 'The team, as it was told last.';
COMMENT ON COLUMN ticket.priority IS 'The priority, as it was told last.';

CREATE TABLE contact (
    first_time         timestamptz,
    last_time          timestamptz,
    name_version       uuid,
    phone_version      uuid,
    email_version      uuid,
    blocked_version    uuid,
    channel_id_version uuid,
    is_group           boolean,
    blocked            boolean,
    tenant             text COLLATE "C" NOT NULL,
    source             text COLLATE "C" NOT NULL,
    contact_id         text COLLATE "C" NOT NULL,
    platform           text COLLATE "C",
    identifier         text COLLATE "C",
    alternate_id       text COLLATE "C",
    name               text,
    phone              text,
    email              text,
    channel_id         text,
    phone_digits       text COLLATE "C" GENERATED ALWAYS AS (
        substring(translate(phone, '+-()./ ', '') FROM '^[0-9]{1,32}$')) STORED,
    PRIMARY KEY (tenant, source, contact_id)
) WITH (fillfactor = 80);

COMMENT ON TABLE contact IS 'A contact as all events say together. One person may be several contacts: phone_digits joins them.';
COMMENT ON COLUMN contact.first_time IS 'When it was first heard of.';
COMMENT ON COLUMN contact.last_time IS 'When it was last heard of.';
COMMENT ON COLUMN contact.name_version IS 'The version of name.';
COMMENT ON COLUMN contact.phone_version IS 'The version of phone.';
COMMENT ON COLUMN contact.email_version IS 'The version of email.';
COMMENT ON COLUMN contact.blocked_version IS 'The version of blocked.';
COMMENT ON COLUMN contact.channel_id_version IS 'The version of channel_id.';
COMMENT ON COLUMN contact.is_group IS 'Whether it stands for a group.';
COMMENT ON COLUMN contact.blocked IS 'Whether it is blocked, as was told last.';
COMMENT ON COLUMN contact.tenant IS 'Whose it is.';
COMMENT ON COLUMN contact.source IS 'The id of the configured source that told of it.';
COMMENT ON COLUMN contact.contact_id IS 'The platform''s id of the contact.';
COMMENT ON COLUMN contact.platform IS 'The dialect that the source speaks.';
COMMENT ON COLUMN contact.identifier IS 'The id that the customer gave it.';
COMMENT ON COLUMN contact.alternate_id IS 'A second id of the same contact on the messaging network.';
COMMENT ON COLUMN contact.name IS 'The name, as it was told last.';
COMMENT ON COLUMN contact.phone IS 'The phone number, as it was told last and as it was written.';
COMMENT ON COLUMN contact.email IS 'The address, as it was told last.';
COMMENT ON COLUMN contact.channel_id IS 'The platform''s id of the channel, as it was told last.';
COMMENT ON COLUMN contact.phone_digits IS 'The digits of phone, at most 32, where it is digits with + - ( ) . / and spaces between them; null otherwise. The same number written in several ways is equal here; the ninth digit of Brazil is not mended.';

CREATE TABLE chat_group (
    created_time        timestamptz,
    last_time           timestamptz,
    roster_version      uuid,
    subject_version     uuid,
    description_version uuid,
    announce_version    uuid,
    restrict_version    uuid,
    announce            boolean,
    restrict            boolean,
    tenant              text COLLATE "C" NOT NULL,
    source              text COLLATE "C" NOT NULL,
    group_id            text COLLATE "C" NOT NULL,
    platform            text COLLATE "C",
    owner_id            text COLLATE "C",
    subject             text,
    description         text,
    PRIMARY KEY (tenant, source, group_id)
) WITH (fillfactor = 80);

COMMENT ON TABLE chat_group IS 'A group as all events say together.';
COMMENT ON COLUMN chat_group.created_time IS 'When it was created, where an event told.';
COMMENT ON COLUMN chat_group.last_time IS 'The time of the last event of the group.';
COMMENT ON COLUMN chat_group.roster_version IS 'The greatest version that brought all the members: who was told before it and not by it has gone. Null: no event has, and the members known are at least so many.';
COMMENT ON COLUMN chat_group.subject_version IS 'The version of subject.';
COMMENT ON COLUMN chat_group.description_version IS 'The version of description.';
COMMENT ON COLUMN chat_group.announce_version IS 'The version of announce.';
COMMENT ON COLUMN chat_group.restrict_version IS 'The version of restrict.';
COMMENT ON COLUMN chat_group.announce IS 'Whether only admins may write, as was told last.';
COMMENT ON COLUMN chat_group.restrict IS 'Whether only admins may change the group, as was told last.';
COMMENT ON COLUMN chat_group.tenant IS 'Whose it is.';
COMMENT ON COLUMN chat_group.source IS 'The id of the configured source that told of it.';
COMMENT ON COLUMN chat_group.group_id IS 'The platform''s id of the group.';
COMMENT ON COLUMN chat_group.platform IS 'The dialect that the source speaks.';
COMMENT ON COLUMN chat_group.owner_id IS 'Whose group it is.';
COMMENT ON COLUMN chat_group.subject IS 'The name, as it was told last.';
COMMENT ON COLUMN chat_group.description IS 'The description, as it was told last.';

CREATE TABLE group_member (
    present_version uuid,
    admin_version   uuid,
    phone_version   uuid,
    present         boolean,
    admin           boolean,
    tenant          text COLLATE "C" NOT NULL,
    source          text COLLATE "C" NOT NULL,
    group_id        text COLLATE "C" NOT NULL,
    member_id       text COLLATE "C" NOT NULL,
    platform        text COLLATE "C",
    alternate_id    text COLLATE "C",
    phone           text,
    PRIMARY KEY (tenant, source, group_id, member_id)
) WITH (fillfactor = 80);

COMMENT ON TABLE group_member IS 'Somebody who is or was in a group. Who is in it now: group_member_current.';
COMMENT ON COLUMN group_member.present_version IS 'The version of present.';
COMMENT ON COLUMN group_member.admin_version IS 'The version of admin.';
COMMENT ON COLUMN group_member.phone_version IS 'The version of phone.';
COMMENT ON COLUMN group_member.present IS 'Whether the member was in the group as of present_version. Gone as well, if chat_group.roster_version is greater.';
COMMENT ON COLUMN group_member.admin IS 'Whether the member is an admin, as was told last.';
COMMENT ON COLUMN group_member.tenant IS 'Whose it is.';
COMMENT ON COLUMN group_member.source IS 'The id of the configured source that told of it.';
COMMENT ON COLUMN group_member.group_id IS 'The platform''s id of the group.';
COMMENT ON COLUMN group_member.member_id IS 'The platform''s id of the member.';
COMMENT ON COLUMN group_member.platform IS 'The dialect that the source speaks.';
COMMENT ON COLUMN group_member.alternate_id IS 'A second id of the same member.';
COMMENT ON COLUMN group_member.phone IS 'The phone number, as it was told last.';

CREATE TABLE connection (
    last_time       timestamptz,
    epoch           bigint NOT NULL,
    opened_version  uuid,
    state_version   uuid,
    online_version  uuid,
    pairing_version uuid,
    reason_version  uuid,
    online          boolean,
    pairing         boolean,
    tenant          text COLLATE "C" NOT NULL,
    source          text COLLATE "C" NOT NULL,
    connection_id   text COLLATE "C" NOT NULL,
    platform        text COLLATE "C",
    state           text,
    reason          text,
    PRIMARY KEY (tenant, source, connection_id, epoch)
) WITH (fillfactor = 80);

COMMENT ON TABLE connection IS 'A line between the platform and the messaging network, in one lease of it. How it stands now: connection_current.';
COMMENT ON COLUMN connection.last_time IS 'The time of the last event of the line.';
COMMENT ON COLUMN connection.epoch IS 'The lease, where the platform counts; 0 where it tells none.';
COMMENT ON COLUMN connection.opened_version IS 'The greatest version that says that the line is open: a code to scan and a reason of before are over.';
COMMENT ON COLUMN connection.state_version IS 'The version of state.';
COMMENT ON COLUMN connection.online_version IS 'The version of online.';
COMMENT ON COLUMN connection.pairing_version IS 'The version of pairing.';
COMMENT ON COLUMN connection.reason_version IS 'The version of reason.';
COMMENT ON COLUMN connection.online IS 'Whether it is online, as was told last.';
COMMENT ON COLUMN connection.pairing IS 'Whether a code waits to be scanned, as was told last.';
COMMENT ON COLUMN connection.tenant IS 'Whose it is.';
COMMENT ON COLUMN connection.source IS 'The id of the configured source that told of it.';
COMMENT ON COLUMN connection.connection_id IS 'The platform''s id of the line; empty where it tells none, then all of the source are one line.';
COMMENT ON COLUMN connection.platform IS 'The dialect that the source speaks.';
COMMENT ON COLUMN connection.state IS 'The state, as it was told last.';
COMMENT ON COLUMN connection.reason IS 'Why it closed or failed last.';

-- No index may hold what every event changes (last_time, status): such a change would touch the index each time.

-- Messages per agent: read from the index alone.
CREATE INDEX message_agent ON message (sent_time, from_id, source) WHERE from_kind = 'agent' AND NOT internal;
CREATE INDEX message_failed ON message (failed_at) WHERE failed_at IS NOT NULL;
-- With the platform, so that who joins contacts across platforms reads the index alone.
CREATE INDEX contact_phone ON contact (phone_digits) INCLUDE (platform) WHERE phone_digits IS NOT NULL;
-- Rows come in the order of time, more or less: a few pages tell where a day is, and cost the sink nothing.
CREATE INDEX message_sent ON message USING brin (sent_time) WITH (autosummarize = on);
-- Few are ever emptied: message_current asks for each message whether its conversation is one of them.
CREATE INDEX conversation_emptied ON conversation (tenant, source, conversation_id) WHERE emptied_version IS NOT NULL;
-- For ticket_history, whose columns have the collation that they had when it was a view over `event`.
CREATE INDEX ticket_change_ticket ON ticket_change (ticket_id COLLATE "default");

-- Views over these tables, with the columns that they had: who was granted one keeps it. A column of a view keeps its collation too.

CREATE OR REPLACE VIEW ticket_history AS
SELECT tenant, source, platform, ticket_id, id, time, (SELECT e.received_time FROM event AS e WHERE e.id = told.id) AS received_time, type,
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
             nullif(substr(max(number || status) OVER before, 37), '') AS told_status,
             nullif(substr(max(number || coalesce(assignee_id, CASE WHEN cleared ? 'assignee' THEN '' END)) OVER before, 37), '') AS told_assignee_id,
             nullif(substr(max(number || coalesce(department, CASE WHEN cleared ? 'department' THEN '' END)) OVER before, 37), '') AS told_department,
             nullif(substr(max(number || coalesce(team, CASE WHEN cleared ? 'team' THEN '' END)) OVER before, 37), '') AS told_team
      FROM (SELECT tenant COLLATE "default" AS tenant, source COLLATE "default" AS source, platform COLLATE "default" AS platform,
                   ticket_id COLLATE "default" AS ticket_id, time, type COLLATE "default" AS type, status COLLATE "default" AS status,
                   previous_status COLLATE "default" AS previous_status, assignee_id COLLATE "default" AS assignee_id,
                   department COLLATE "default" AS department, team COLLATE "default" AS team, cleared, version,
                   CAST(overlay(CAST(version AS text) PLACING '8' FROM 15) AS uuid) AS id, CAST(version AS text) COLLATE "C" AS number
            FROM ticket_change) AS n
      WINDOW before AS (PARTITION BY tenant, source, ticket_id ORDER BY version
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS told;

COMMENT ON VIEW ticket_history IS 'Every event of a ticket with what it really was, decided from the events before it of the same tenant, source and ticket. Over ticket_change.';
COMMENT ON COLUMN ticket_history.received_time IS 'When the webhook was accepted; null when the event itself is no longer kept.';
COMMENT ON COLUMN ticket_history.previous_assignee_id IS 'The last assignee told before; null where it was told to have none.';

CREATE OR REPLACE VIEW message_delivery AS
SELECT tenant COLLATE "default" AS tenant, source COLLATE "default" AS source, platform COLLATE "default" AS platform,
       message_id COLLATE "default" AS message_id, conversation_id COLLATE "default" AS conversation_id, status,
       CASE status WHEN 'played' THEN played_at WHEN 'read' THEN read_at WHEN 'delivered' THEN delivered_at
                   WHEN 'failed' THEN failed_at WHEN 'sent' THEN sent_at ELSE pending_at END AS status_time,
       CASE WHEN status = 'failed' THEN error COLLATE "default" END AS error,
       CAST(NULL AS uuid) AS id
FROM message
WHERE status IS NOT NULL;

COMMENT ON VIEW message_delivery IS 'How far each message got: the highest status told of it, in whatever order the news came. Over message, which has the time of each status. Messages that nothing was told of are not in it. One message is found at once by WHERE key = message_key(tenant, source, conversation_id, message_id) of message.';
COMMENT ON COLUMN message_delivery.error IS 'Why it failed, in the platform''s words; null if it arrived all the same.';
COMMENT ON COLUMN message_delivery.id IS 'Always null: state does not keep which event said so. Kept so that the view can be replaced where it is granted.';

-- What an open line has outlived is over: the code that waited to be scanned, and why it was closed before.
CREATE OR REPLACE VIEW connection_current AS
SELECT tenant, source, max(platform) AS platform, connection_id,
       (array_agg(state ORDER BY state_version DESC) FILTER (WHERE state_version IS NOT NULL))[1] AS state,
       (array_agg(online ORDER BY online_version DESC) FILTER (WHERE online_version IS NOT NULL))[1] AS online,
       (array_agg(pairing AND (opened IS NULL OR pairing_version >= opened) ORDER BY pairing_version DESC)
           FILTER (WHERE pairing_version IS NOT NULL))[1] AS pairing,
       (array_agg(CASE WHEN opened IS NULL OR reason_version >= opened THEN reason END ORDER BY reason_version DESC)
           FILTER (WHERE reason_version IS NOT NULL))[1] AS reason,
       nullif(max(epoch), 0) AS epoch, max(time) AS time
FROM (SELECT lease.*, first_value(opened_version) OVER (PARTITION BY tenant, source, connection_id
                                                        ORDER BY opened_version DESC NULLS LAST) AS opened
      FROM (SELECT tenant COLLATE "default" AS tenant, source COLLATE "default" AS source, platform COLLATE "default" AS platform,
                   nullif(connection_id, '') COLLATE "default" AS connection_id, epoch, last_time AS time, opened_version,
                   state, state_version, online, online_version, pairing, pairing_version, reason, reason_version,
                   max(epoch) OVER (PARTITION BY tenant, source, connection_id) AS last_epoch
            FROM connection) AS lease
      WHERE epoch = 0 OR epoch = last_epoch) AS valid
GROUP BY tenant, source, connection_id;

COMMENT ON VIEW connection_current IS 'How each line stands: of each member the last one told, in the highest epoch or without one. Over connection.';

CREATE VIEW group_member_current AS
SELECT m.tenant, m.source, m.platform, m.group_id, g.subject, m.member_id, m.alternate_id, m.phone, m.admin,
       g.roster_version IS NOT NULL AS complete
FROM group_member AS m
LEFT JOIN chat_group AS g ON (g.tenant, g.source, g.group_id) = (m.tenant, m.source, m.group_id)
WHERE m.present AND (g.roster_version IS NULL OR m.present_version >= g.roster_version);

COMMENT ON VIEW group_member_current IS 'Who is in each group now. Where complete is false, say "at least" beside every count: no event has brought all the members.';
COMMENT ON COLUMN group_member_current.tenant IS 'Whose it is.';
COMMENT ON COLUMN group_member_current.source IS 'The source that told of it.';
COMMENT ON COLUMN group_member_current.platform IS 'The dialect of the source.';
COMMENT ON COLUMN group_member_current.group_id IS 'The platform''s id of the group.';
COMMENT ON COLUMN group_member_current.subject IS 'The name of the group.';
COMMENT ON COLUMN group_member_current.member_id IS 'The platform''s id of the member.';
COMMENT ON COLUMN group_member_current.alternate_id IS 'A second id of the same member.';
COMMENT ON COLUMN group_member_current.phone IS 'The phone number, where one was told.';
COMMENT ON COLUMN group_member_current.admin IS 'Whether the member is an admin; null where nothing told.';
COMMENT ON COLUMN group_member_current.complete IS 'Whether some event has brought all the members of the group. False: who was in it before we listened and said nothing is unknown.';

CREATE VIEW message_current AS
SELECT tenant, source, platform, conversation_id, message_id, sent_time, edited_time, direction, internal, kind, from_id, from_kind, from_name,
       ticket_id, channel_id, text, status, error
FROM message AS m
WHERE deleted_time IS NULL
  AND NOT EXISTS (SELECT FROM conversation AS c
                  WHERE c.emptied_version IS NOT NULL
                    AND (c.tenant, c.source, c.conversation_id) = (m.tenant, m.source, m.conversation_id)
                    AND c.emptied_version > coalesce(m.created_version, m.text_version));

COMMENT ON VIEW message_current IS 'The messages that are still there: neither deleted nor in a conversation that was emptied after them. Those without sent_time only later news told of.';
COMMENT ON COLUMN message_current.tenant IS 'Whose it is.';
COMMENT ON COLUMN message_current.source IS 'The id of the configured source that told of it.';
COMMENT ON COLUMN message_current.platform IS 'The dialect that the source speaks.';
COMMENT ON COLUMN message_current.conversation_id IS 'The platform''s id of the conversation. It belongs to the key: some platforms number messages within one chat only.';
COMMENT ON COLUMN message_current.message_id IS 'The platform''s id of the message.';
COMMENT ON COLUMN message_current.sent_time IS 'When it was sent: the time of message.created. Null where only later news told of it.';
COMMENT ON COLUMN message_current.edited_time IS 'When its text was changed last.';
COMMENT ON COLUMN message_current.direction IS 'inbound or outbound.';
COMMENT ON COLUMN message_current.internal IS 'Whether it is a note that only agents see.';
COMMENT ON COLUMN message_current.kind IS 'text, image, audio, …';
COMMENT ON COLUMN message_current.from_id IS 'Who sent it: the platform''s id.';
COMMENT ON COLUMN message_current.from_kind IS 'Who sent it: contact, agent, bot, system, …';
COMMENT ON COLUMN message_current.from_name IS 'Who sent it: the name.';
COMMENT ON COLUMN message_current.ticket_id IS 'The ticket that it belongs to.';
COMMENT ON COLUMN message_current.channel_id IS 'The platform''s id of the channel.';
COMMENT ON COLUMN message_current.text IS 'The text, as it was told last.';
COMMENT ON COLUMN message_current.status IS 'The highest status that was ever told: what was delivered has not failed, what was only sent may have. Null: none was told.';
COMMENT ON COLUMN message_current.error IS 'Why it failed, in the platform''s words.';
