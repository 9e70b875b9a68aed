//! All statements.

/// With the lock that writing takes, so that one transaction sees what the other has written.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

pub(super) const MAKE_STREAM: &str =
    "INSERT INTO backlog_stream (sink, topic, topic_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";

pub(super) const FIND_STREAM: &str = "SELECT id FROM backlog_stream WHERE sink = ?1 AND topic = ?2 AND topic_id = ?3";

/// The earlier topics of the name, the newest first.
pub(super) const EARLIER: &str =
    "SELECT id FROM backlog_stream WHERE sink = ?1 AND topic = ?2 AND id <> ?3 ORDER BY id DESC";

pub(super) const TAKE_OVER: &str = "UPDATE backlog SET stream = ?3, off = off - ?4 WHERE stream = ?1 AND part = ?2";

pub(super) const MAKE_TARGET: &str = "INSERT INTO backlog_target (name) VALUES (?1) ON CONFLICT DO NOTHING";

macro_rules! insert {
    ($on_conflict:literal) => {
        concat!(
            "INSERT INTO backlog (stream, part, target, off, attempts, key_hash, since, due, ordered, record_key, rules_version, \
             rules, headers, value)
             VALUES (?1, ?2, (SELECT id FROM backlog_target WHERE name = ?3), ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT (stream, part, target, off) DO ",
            $on_conflict
        )
    };
}

pub(super) const ADD: &str = insert!("NOTHING");

pub(super) const ADD_FROM_OUTSIDE: &str = insert!("UPDATE SET due = excluded.due");

/// One that waits already stays as it is.
pub(super) const ADD_MISSING_FROM_OUTSIDE: &str = ADD;

/// The row of a place: stream, partition, target, offset.
macro_rules! of_place {
    ($what:literal) => {
        concat!(
            $what,
            " WHERE stream = ?1 AND part = ?2 AND target = (SELECT id FROM backlog_target WHERE name = ?3) AND off = ?4"
        )
    };
}

pub(super) const TRIED: &str = of_place!("UPDATE backlog SET attempts = ?5, due = ?6");

pub(super) const REMOVE: &str = of_place!("DELETE FROM backlog");

/// Goes from target to target by the index, and looks at none of the rows between.
macro_rules! lanes {
    ($rest:literal) => {
        concat!(
            "WITH RECURSIVE lane (target) AS (
                 SELECT min(target) FROM backlog WHERE stream = ?1 AND part = ?2
                 UNION ALL
                 SELECT (SELECT min(b.target) FROM backlog b WHERE b.stream = ?1 AND b.part = ?2 AND b.target > lane.target)
                 FROM lane WHERE lane.target IS NOT NULL
             ) ",
            $rest
        )
    };
}

pub(super) const IN_LINE: &str = lanes!(
    "SELECT t.name FROM lane JOIN backlog_target t ON t.id = lane.target
     WHERE EXISTS (SELECT 1 FROM backlog b WHERE b.stream = ?1 AND b.part = ?2 AND b.target = lane.target AND b.due IS NULL)
     ORDER BY t.name"
);

pub(super) const READ_AGAIN: &str = lanes!(
    "SELECT t.name, b.off FROM lane JOIN backlog_target t ON t.id = lane.target
     JOIN backlog b ON b.stream = ?1 AND b.part = ?2 AND b.target = lane.target AND b.off >= ?3
     ORDER BY t.name, b.off"
);

pub(super) const DUE: &str = "
    SELECT t.name, b.off, b.record_key, b.due
    FROM backlog b JOIN backlog_target t ON t.id = b.target
    WHERE b.stream = ?1 AND b.part = ?2 AND b.due IS NOT NULL
    ORDER BY b.due, b.off";

macro_rules! fetch {
    ($which:literal) => {
        concat!(
            "SELECT off, attempts, since, due, ordered, record_key, rules_version, rules, headers, value
             FROM backlog
             WHERE stream = ?1 AND part = ?2 AND target = (SELECT id FROM backlog_target WHERE name = ?3) AND off < ?4 AND ",
            $which,
            " ORDER BY off LIMIT ?6"
        )
    };
}

pub(super) const FETCH_IN_LINE: &str = fetch!("off > ?5 AND due IS NULL");

pub(super) const FETCH_OF_KEY: &str = fetch!("off > ?5 AND ordered AND key_hash = ?7 AND record_key = ?8");

pub(super) const FETCH_AT: &str = fetch!("off = ?5");

macro_rules! condition {
    ($what:literal) => {
        concat!(
            $what,
            " RETURNING target, failing_since, disabled_at, disabled_reason, version"
        )
    };
}

pub(super) const FAILING: &str = condition!(
    "INSERT INTO backlog_condition AS c (sink, target, failing_since, version) VALUES (?1, ?2, ?3, 0)
     ON CONFLICT (sink, target) DO UPDATE SET failing_since = ?3 WHERE c.failing_since IS NULL AND c.disabled_at IS NULL"
);

pub(super) const WORKS: &str = condition!(
    "UPDATE backlog_condition SET failing_since = NULL WHERE sink = ?1 AND target = ?2 AND failing_since IS NOT NULL"
);

pub(super) const REFUSES: &str = condition!(
    "INSERT INTO backlog_condition AS c (sink, target, disabled_at, disabled_reason, version) VALUES (?1, ?2, ?3, ?4, 0)
     ON CONFLICT (sink, target) DO UPDATE SET disabled_at = ?3, disabled_reason = ?4 WHERE c.disabled_at IS NULL"
);

pub(super) const FAILED_SINCE: &str = condition!(
    "UPDATE backlog_condition SET disabled_at = ?3, disabled_reason = ?4
     WHERE sink = ?1 AND target = ?2 AND disabled_at IS NULL AND failing_since < ?5"
);

pub(super) const ENABLED: &str = condition!(
    "UPDATE backlog_condition SET disabled_at = NULL, disabled_reason = NULL, failing_since = NULL
     WHERE sink = ?1 AND target = ?2 AND (disabled_at IS NOT NULL OR failing_since IS NOT NULL)"
);

pub(super) const COUNT: &str = "UPDATE backlog_counter SET value = value + 1 WHERE name = ?1 RETURNING value";

pub(super) const SET_VERSION: &str = "UPDATE backlog_condition SET version = ?3 WHERE sink = ?1 AND target = ?2";

pub(super) const CONDITIONS: &str = "
    SELECT target, failing_since, disabled_at, disabled_reason, version
    FROM backlog_condition
    WHERE sink = ?1 AND CASE WHEN ?2 IS NULL THEN failing_since IS NOT NULL OR disabled_at IS NOT NULL ELSE version > ?2 END
    ORDER BY version";

pub(super) const ADD_ORDER: &str = "INSERT INTO backlog_order (id, sink, target, what, at) VALUES (?1, ?2, ?3, ?4, ?5)";

pub(super) const FORGET_ORDERS: &str = "DELETE FROM backlog_order WHERE at < ?1";

pub(super) const ORDERS: &str =
    "SELECT id, target, what FROM backlog_order WHERE sink = ?1 AND id > ?2 ORDER BY id LIMIT 1000";

pub(super) const NEWEST_ORDER: &str = "SELECT coalesce(max(id), 0) FROM backlog_order WHERE sink = ?1";

pub(super) const TARGETS: &str = "
    SELECT t.name, count(*) - count(b.due), count(b.due), min(b.since), min(b.due)
    FROM backlog b JOIN backlog_target t ON t.id = b.target
    WHERE b.stream IN (SELECT id FROM backlog_stream WHERE sink = ?1)
    GROUP BY t.name ORDER BY t.name";

/// Where all rows of a target lie.
pub(super) const PLACES: &str = "
    SELECT s.topic, s.topic_id, b.part, b.off
    FROM backlog b JOIN backlog_stream s ON s.id = b.stream JOIN backlog_target t ON t.id = b.target
    WHERE s.sink = ?1 AND t.name = ?2";

/// Not those that are due within a minute: that may be the end of an attempt that is under way.
pub(super) const MAKE_DUE: &str = "
    UPDATE backlog SET due = ?3
    WHERE stream IN (SELECT id FROM backlog_stream WHERE sink = ?1)
        AND target = (SELECT id FROM backlog_target WHERE name = ?2) AND due > ?3 + 60000";
