-- Current state, as in PostgreSQL, ../postgres/0009_state.sql, where what everything means stands. Keys are the texts themselves.

CREATE TABLE message (
    tenant          TEXT NOT NULL,
    source          TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    message_id      TEXT NOT NULL,
    sent_time       TEXT,
    edited_time     TEXT,
    deleted_time    TEXT,
    pending_at      TEXT,
    sent_at         TEXT,
    delivered_at    TEXT,
    read_at         TEXT,
    played_at       TEXT,
    failed_at       TEXT,
    internal        INTEGER,
    created_version TEXT,
    platform        TEXT,
    direction       TEXT,
    kind            TEXT,
    from_id         TEXT,
    from_kind       TEXT,
    from_name       TEXT,
    ticket_id       TEXT,
    channel_id      TEXT,
    text            TEXT,
    text_version    TEXT,
    error           TEXT,
    status          TEXT GENERATED ALWAYS AS (
        CASE WHEN played_at IS NOT NULL THEN 'played' WHEN read_at IS NOT NULL THEN 'read' WHEN delivered_at IS NOT NULL THEN 'delivered'
             WHEN failed_at IS NOT NULL THEN 'failed' WHEN sent_at IS NOT NULL THEN 'sent' WHEN pending_at IS NOT NULL THEN 'pending' END) STORED,
    PRIMARY KEY (tenant, source, conversation_id, message_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE conversation (
    tenant          TEXT NOT NULL,
    source          TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    first_time      TEXT,
    last_time       TEXT,
    first_inbound   TEXT,
    last_inbound    TEXT,
    last_outbound   TEXT,
    first_agent     TEXT,
    emptied_version TEXT,
    is_group        INTEGER,
    platform        TEXT,
    channel         TEXT,
    channel_id      TEXT,
    PRIMARY KEY (tenant, source, conversation_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE ticket_change (
    tenant          TEXT NOT NULL,
    source          TEXT NOT NULL,
    ticket_id       TEXT NOT NULL,
    version         TEXT NOT NULL,
    time            TEXT,
    platform        TEXT,
    type            TEXT,
    status          TEXT,
    previous_status TEXT,
    assignee_id     TEXT,
    department      TEXT,
    team            TEXT,
    cleared         TEXT,
    PRIMARY KEY (tenant, source, ticket_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE ticket (
    tenant             TEXT NOT NULL,
    source             TEXT NOT NULL,
    ticket_id          TEXT NOT NULL,
    opened_at          TEXT,
    created_time       TEXT,
    first_closed       TEXT,
    first_inbound      TEXT,
    first_agent        TEXT,
    last_time          TEXT,
    platform           TEXT,
    contact_id         TEXT,
    protocol           TEXT,
    channel            TEXT,
    channel_id         TEXT,
    status             TEXT,
    status_version     TEXT,
    assignee_id        TEXT,
    assignee_name      TEXT,
    assignee_version   TEXT,
    department         TEXT,
    department_version TEXT,
    team               TEXT,
    team_version       TEXT,
    priority           TEXT,
    priority_version   TEXT,
    labels             TEXT,
    labels_version     TEXT,
    PRIMARY KEY (tenant, source, ticket_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE contact (
    tenant             TEXT NOT NULL,
    source             TEXT NOT NULL,
    contact_id         TEXT NOT NULL,
    first_time         TEXT,
    last_time          TEXT,
    is_group           INTEGER,
    platform           TEXT,
    identifier         TEXT,
    alternate_id       TEXT,
    name               TEXT,
    name_version       TEXT,
    phone              TEXT,
    phone_version      TEXT,
    email              TEXT,
    email_version      TEXT,
    blocked            INTEGER,
    blocked_version    TEXT,
    channel_id         TEXT,
    channel_id_version TEXT,
    phone_digits       TEXT GENERATED ALWAYS AS (
        CASE WHEN length(replace(replace(replace(replace(replace(replace(replace(phone, '+', ''), '-', ''), '(', ''), ')', ''), '.', ''), '/', ''), ' ', '')) BETWEEN 1 AND 32
              AND replace(replace(replace(replace(replace(replace(replace(phone, '+', ''), '-', ''), '(', ''), ')', ''), '.', ''), '/', ''), ' ', '') NOT GLOB '*[^0-9]*'
             THEN replace(replace(replace(replace(replace(replace(replace(phone, '+', ''), '-', ''), '(', ''), ')', ''), '.', ''), '/', ''), ' ', '') END) STORED,
    PRIMARY KEY (tenant, source, contact_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE chat_group (
    tenant              TEXT NOT NULL,
    source              TEXT NOT NULL,
    group_id            TEXT NOT NULL,
    created_time        TEXT,
    last_time           TEXT,
    roster_version      TEXT,
    platform            TEXT,
    owner_id            TEXT,
    subject             TEXT,
    subject_version     TEXT,
    description         TEXT,
    description_version TEXT,
    announce            INTEGER,
    announce_version    TEXT,
    restrict            INTEGER,
    restrict_version    TEXT,
    PRIMARY KEY (tenant, source, group_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE group_member (
    tenant          TEXT NOT NULL,
    source          TEXT NOT NULL,
    group_id        TEXT NOT NULL,
    member_id       TEXT NOT NULL,
    platform        TEXT,
    alternate_id    TEXT,
    present         INTEGER,
    present_version TEXT,
    admin           INTEGER,
    admin_version   TEXT,
    phone           TEXT,
    phone_version   TEXT,
    PRIMARY KEY (tenant, source, group_id, member_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE connection (
    tenant          TEXT NOT NULL,
    source          TEXT NOT NULL,
    connection_id   TEXT NOT NULL,
    epoch           INTEGER NOT NULL,
    last_time       TEXT,
    opened_version  TEXT,
    platform        TEXT,
    state           TEXT,
    state_version   TEXT,
    online          INTEGER,
    online_version  TEXT,
    pairing         INTEGER,
    pairing_version TEXT,
    reason          TEXT,
    reason_version  TEXT,
    PRIMARY KEY (tenant, source, connection_id, epoch)
) STRICT, WITHOUT ROWID;

CREATE INDEX message_agent ON message (sent_time, from_id, source) WHERE from_kind = 'agent' AND NOT internal;
CREATE INDEX message_failed ON message (failed_at) WHERE failed_at IS NOT NULL;
CREATE INDEX contact_phone ON contact (phone_digits) WHERE phone_digits IS NOT NULL;
CREATE INDEX conversation_emptied ON conversation (tenant, source, conversation_id) WHERE emptied_version IS NOT NULL;

DROP VIEW ticket_history;
DROP VIEW message_delivery;
DROP VIEW connection_current;

CREATE VIEW ticket_history AS
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
             nullif(substr(max(version || status) OVER before, 37), '') AS told_status,
             nullif(substr(max(version || coalesce(assignee_id, CASE WHEN cleared LIKE '%"assignee"%' THEN '' END)) OVER before, 37), '') AS told_assignee_id,
             nullif(substr(max(version || coalesce(department, CASE WHEN cleared LIKE '%"department"%' THEN '' END)) OVER before, 37), '') AS told_department,
             nullif(substr(max(version || coalesce(team, CASE WHEN cleared LIKE '%"team"%' THEN '' END)) OVER before, 37), '') AS told_team
      FROM (SELECT tenant, source, platform, ticket_id, time, type, status, previous_status, assignee_id, department, team, cleared, version,
                   substr(version, 1, 14) || '8' || substr(version, 16) AS id
            FROM ticket_change) AS n
      WINDOW before AS (PARTITION BY tenant, source, ticket_id ORDER BY version
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS told;

CREATE VIEW message_delivery AS
SELECT tenant, source, platform, message_id, conversation_id, status,
       CASE status WHEN 'played' THEN played_at WHEN 'read' THEN read_at WHEN 'delivered' THEN delivered_at
                   WHEN 'failed' THEN failed_at WHEN 'sent' THEN sent_at ELSE pending_at END AS status_time,
       CASE WHEN status = 'failed' THEN error END AS error,
       NULL AS id
FROM message
WHERE status IS NOT NULL;

-- What an open line has outlived is over: the code that waited to be scanned, and why it was closed before.
CREATE VIEW connection_current AS
SELECT tenant, source, max(platform) AS platform, connection_id,
       nullif(substr(max(state_version || coalesce(state, '')), 37), '') AS state,
       CAST(nullif(substr(max(online_version || coalesce(online, '')), 37), '') AS INTEGER) AS online,
       CAST(nullif(substr(max(pairing_version || coalesce(pairing AND (opened IS NULL OR pairing_version >= opened), '')), 37), '') AS INTEGER) AS pairing,
       nullif(substr(max(reason_version || CASE WHEN opened IS NULL OR reason_version >= opened THEN coalesce(reason, '') ELSE '' END), 37), '') AS reason,
       nullif(max(epoch), 0) AS epoch, max(time) AS time
FROM (SELECT lease.*, max(opened_version) OVER (PARTITION BY tenant, source, connection_id) AS opened
      FROM (SELECT tenant, source, platform, nullif(connection_id, '') AS connection_id, epoch, last_time AS time, opened_version,
                   state, state_version, online, online_version, pairing, pairing_version, reason, reason_version,
                   max(epoch) OVER (PARTITION BY tenant, source, connection_id) AS last_epoch
            FROM connection) AS lease
      WHERE epoch = 0 OR epoch = last_epoch) AS valid
GROUP BY tenant, source, connection_id;

CREATE VIEW group_member_current AS
SELECT m.tenant, m.source, m.platform, m.group_id, g.subject, m.member_id, m.alternate_id, m.phone, m.admin,
       g.roster_version IS NOT NULL AS complete
FROM group_member AS m
LEFT JOIN chat_group AS g ON (g.tenant, g.source, g.group_id) = (m.tenant, m.source, m.group_id)
WHERE m.present AND (g.roster_version IS NULL OR m.present_version >= g.roster_version);

CREATE VIEW message_current AS
SELECT tenant, source, platform, conversation_id, message_id, sent_time, edited_time, direction, internal, kind, from_id, from_kind, from_name,
       ticket_id, channel_id, text, status, error
FROM message AS m
WHERE deleted_time IS NULL
  AND NOT EXISTS (SELECT 1 FROM conversation AS c
                  WHERE c.emptied_version IS NOT NULL
                    AND (c.tenant, c.source, c.conversation_id) = (m.tenant, m.source, m.conversation_id)
                    AND c.emptied_version > coalesce(m.created_version, m.text_version));
