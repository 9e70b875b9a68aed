-- How far back events are kept, in one row; ../postgres/0008_horizon.sql says what it means.
CREATE TABLE event_horizon (
    one     INTEGER NOT NULL DEFAULT 1 PRIMARY KEY CHECK (one = 1),
    id      TEXT    NOT NULL,
    updated TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

INSERT INTO event_horizon (id) VALUES ('00000000-0000-0000-0000-000000000000');
