//! The tables of the backlog that the view of deliveries reads, where the first migration is not there.

/// Returns the statements that make them.
pub(crate) fn of(database: &str) -> &'static str {
    if database == "postgres" { POSTGRES } else { SQLITE }
}

const POSTGRES: &str = "
CREATE TABLE backlog_stream (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sink text NOT NULL, topic text NOT NULL,
    topic_id text NOT NULL, UNIQUE (sink, topic, topic_id));
CREATE TABLE backlog_target (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE backlog (stream integer NOT NULL, part integer NOT NULL, target integer NOT NULL, attempts integer NOT NULL,
    off bigint NOT NULL, key_hash bigint NOT NULL, since timestamptz NOT NULL, due timestamptz, ordered boolean NOT NULL,
    record_key bytea NOT NULL, rules_version text NOT NULL, rules text[] NOT NULL, headers bytea NOT NULL, value bytea NOT NULL,
    PRIMARY KEY (stream, part, target, off));
CREATE TABLE backlog_condition (sink text NOT NULL, target text NOT NULL, failing_since timestamptz, disabled_at timestamptz,
    disabled_reason text, version bigint NOT NULL, PRIMARY KEY (sink, target));
";

const SQLITE: &str = "
CREATE TABLE backlog_stream (id INTEGER PRIMARY KEY, sink TEXT NOT NULL, topic TEXT NOT NULL, topic_id TEXT NOT NULL,
    UNIQUE (sink, topic, topic_id)) STRICT;
CREATE TABLE backlog_target (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE backlog (stream INTEGER NOT NULL, part INTEGER NOT NULL, target INTEGER NOT NULL, off INTEGER NOT NULL,
    attempts INTEGER NOT NULL, key_hash INTEGER NOT NULL, since INTEGER NOT NULL, due INTEGER, ordered INTEGER NOT NULL,
    record_key BLOB NOT NULL, rules_version TEXT NOT NULL, rules TEXT NOT NULL, headers BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (stream, part, target, off)) STRICT;
CREATE TABLE backlog_condition (sink TEXT NOT NULL, target TEXT NOT NULL, failing_since INTEGER, disabled_at INTEGER,
    disabled_reason TEXT, version INTEGER NOT NULL, PRIMARY KEY (sink, target)) STRICT;
";
