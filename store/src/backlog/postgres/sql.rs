//! All statements.

/// The limits of time belong to the transaction, so that a process that stops in the middle of one holds no lock for long. What is
/// in the backlog is settled in the event log: a server that may forget what it has confirmed is told not to.
pub(super) const SETTINGS: &str = "SET LOCAL statement_timeout = 10000; \
     SET LOCAL idle_in_transaction_session_timeout = 5000; \
     SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'";

pub(super) const FIND_STREAM: &str = "SELECT id FROM backlog_stream WHERE sink = $1 AND topic = $2 AND topic_id = $3";

pub(super) const MAKE_STREAM: &str =
    "INSERT INTO backlog_stream (sink, topic, topic_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

pub(super) const FIND_TARGETS: &str = "SELECT name, id FROM backlog_target WHERE name = ANY($1)";

/// How many of these have these numbers.
pub(super) const NUMBERED: &str = "SELECT count(*) FROM unnest($1::text[], $2::int[]) AS known (name, id)
    JOIN backlog_target t ON t.id = known.id AND t.name = known.name";

pub(super) const MAKE_TARGETS: &str =
    "INSERT INTO backlog_target (name) SELECT name FROM unnest($1::text[]) name ORDER BY name ON CONFLICT DO NOTHING";

/// Waits for writes under way, which hold the row's lock. The time is read after that: a release may come in between.
pub(super) const CLAIM: &str = "
    INSERT INTO backlog_owner AS o (stream, part, epoch, owner, until)
    VALUES ($1, $2, 1, $3, clock_timestamp() + make_interval(secs => $4))
    ON CONFLICT (stream, part) DO UPDATE
    SET epoch = o.epoch + 1, owner = $3, until = clock_timestamp() + make_interval(secs => $4)
    WHERE o.until <= clock_timestamp() OR o.owner = $3
    RETURNING epoch";

/// Locked in the order in which writes lock them.
pub(super) const RENEW: &str = "
    WITH mine AS MATERIALIZED (
        SELECT o.stream, o.part, o.epoch
        FROM backlog_owner o
        JOIN unnest($2::int[], $3::int[], $4::bigint[]) AS w (stream, part, epoch) USING (stream, part, epoch)
        WHERE o.owner = $1
        ORDER BY o.stream, o.part
        FOR NO KEY UPDATE OF o
    )
    UPDATE backlog_owner o SET until = clock_timestamp() + make_interval(secs => $5)
    FROM mine
    WHERE o.stream = mine.stream AND o.part = mine.part AND o.epoch = mine.epoch AND o.owner = $1
    RETURNING o.stream, o.part, o.epoch";

/// The epoch is raised, so that a renewal under way does not give the partition back to who has just released it.
pub(super) const RELEASE: &str = "UPDATE backlog_owner SET until = clock_timestamp(), epoch = epoch + 1 \
     WHERE stream = $1 AND part = $2 AND epoch = $3 AND owner = $4";

/// `FOR SHARE` lets whoever claims the partition wait until this transaction has ended. That the lease has ended does not matter:
/// while no one else has claimed the partition, it is still this process's.
pub(super) const FENCE: &str = "
    SELECT o.stream, o.part, o.epoch
    FROM backlog_owner o
    JOIN unnest($2::int[], $3::int[], $4::bigint[]) AS w (stream, part, epoch) USING (stream, part, epoch)
    WHERE o.owner = $1
    ORDER BY o.stream, o.part
    FOR SHARE OF o";

/// The earlier topics of the name, the newest first, each with whether anything waits for it in the partition.
pub(super) const EARLIER: &str = "
    SELECT s.id, EXISTS (SELECT FROM backlog b WHERE b.stream = s.id AND b.part = $4)
    FROM backlog_stream s
    WHERE s.sink = $1 AND s.topic = $2 AND s.id <> $3
    ORDER BY s.id DESC";

/// By their physical places, which are read in one go whatever the planner believes of the table.
pub(super) const TAKE_OVER: &str = "
    UPDATE backlog SET stream = $3, off = off - $4
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM backlog WHERE stream = $1 AND part = $2 LIMIT $5))";

macro_rules! insert {
    ($due:literal, $on_conflict:literal) => {
        concat!(
            "INSERT INTO backlog AS b (stream, part, target, off, attempts, key_hash, since, due, ordered, record_key, \
             rules_version, rules, headers, value)
             SELECT stream, part, target, off, attempts, key_hash, since, ",
            $due,
            ", ordered, record_key, rules_version, string_to_array(rules, ','), headers, value
             FROM unnest($1::int[], $2::int[], $3::int[], $4::bigint[], $5::int[], $6::bigint[], $7::timestamptz[], \
             $8::timestamptz[], $9::boolean[], $10::bytea[], $11::text[], $12::text[], $13::bytea[], $14::bytea[])
             AS w (stream, part, target, off, attempts, key_hash, since, due, ordered, record_key, rules_version, rules, headers, \
             value)
             ON CONFLICT (stream, part, target, off) ",
            $on_conflict
        )
    };
}

pub(super) const ADD: &str = insert!("due", "DO NOTHING");

pub(super) const ADD_FROM_OUTSIDE: &str = insert!("now()", "DO UPDATE SET due = now()");

pub(super) const ADD_MISSING_FROM_OUTSIDE: &str = insert!("now()", "DO NOTHING");

pub(super) const TRIED: &str = "
    UPDATE backlog b SET attempts = w.attempts, due = w.due
    FROM unnest($1::int[], $2::int[], $3::int[], $4::bigint[], $5::int[], $6::timestamptz[])
        AS w (stream, part, target, off, attempts, due)
    WHERE b.stream = w.stream AND b.part = w.part AND b.target = w.target AND b.off = w.off";

pub(super) const REMOVE: &str = "
    DELETE FROM backlog b
    USING unnest($1::int[], $2::int[], $3::int[], $4::bigint[]) AS w (stream, part, target, off)
    WHERE b.stream = w.stream AND b.part = w.part AND b.target = w.target AND b.off = w.off";

/// Goes from target to target by the index, and looks at none of the rows between.
macro_rules! lanes {
    ($rest:literal) => {
        concat!(
            "WITH RECURSIVE lane (target) AS (
                 (SELECT target FROM backlog WHERE stream = $1 AND part = $2 ORDER BY target LIMIT 1)
                 UNION ALL
                 SELECT (SELECT b.target FROM backlog b WHERE b.stream = $1 AND b.part = $2 AND b.target > lane.target \
             ORDER BY b.target LIMIT 1)
                 FROM lane WHERE lane.target IS NOT NULL
             ) ",
            $rest
        )
    };
}

pub(super) const IN_LINE: &str = lanes!(
    "SELECT t.id, t.name FROM lane JOIN backlog_target t ON t.id = lane.target
     WHERE EXISTS (SELECT FROM backlog b WHERE b.stream = $1 AND b.part = $2 AND b.target = lane.target AND b.due IS NULL)
     ORDER BY t.name"
);

pub(super) const READ_AGAIN: &str = lanes!(
    "SELECT t.name, b.off FROM lane JOIN backlog_target t ON t.id = lane.target
     JOIN backlog b ON b.stream = $1 AND b.part = $2 AND b.target = lane.target AND b.off >= $3
     ORDER BY t.name, b.off"
);

pub(super) const DUE: &str = "
    SELECT t.name, b.off, b.record_key, b.due
    FROM backlog b JOIN backlog_target t ON t.id = b.target
    WHERE b.stream = $1 AND b.part = $2 AND b.due IS NOT NULL
    ORDER BY b.due, b.off";

/// The rows of one element come by an index, as many as it gets. The first of each element count first towards the size, so that
/// no element takes all of it. Sizes are read without reading the values.
macro_rules! fetch {
    ($wanted:literal, $which:literal) => {
        concat!(
            "SELECT n, off, attempts, since, due, ordered, record_key, rules_version, array_to_string(rules, ','), headers, value, \
             size
             FROM (
                 SELECT w.n, b.*, sum(b.size) OVER (ORDER BY b.rank, w.n) - b.size AS before
                 FROM unnest($3::bigint[], $4::int[], $5::bigint[], ",
            $wanted,
            " CROSS JOIN LATERAL (
                     SELECT off, attempts, since, due, ordered, record_key, rules_version, rules, headers, value,
                         octet_length(record_key) + octet_length(headers) + octet_length(value) AS size,
                         row_number() OVER (ORDER BY off) AS rank
                     FROM backlog WHERE stream = $1 AND part = $2 AND target = w.target AND off < $6 AND ",
            $which,
            ") b
             ) found
             WHERE before < $7
             ORDER BY n, off"
        )
    };
}

pub(super) const FETCH_IN_LINE: &str = fetch!(
    "$8::bigint[]) AS w (n, target, lim, after)",
    "off > w.after AND due IS NULL ORDER BY off LIMIT w.lim"
);

pub(super) const FETCH_OF_KEY: &str = fetch!(
    "$8::bigint[], $9::bigint[], $10::bytea[]) AS w (n, target, lim, after, key_hash, record_key)",
    "off > w.after AND ordered AND key_hash = w.key_hash AND record_key = w.record_key ORDER BY off LIMIT w.lim"
);

pub(super) const FETCH_AT: &str = fetch!("$8::bigint[]) AS w (n, target, lim, at)", "off = w.at LIMIT w.lim");

macro_rules! condition {
    ($what:literal) => {
        concat!(
            $what,
            " RETURNING target, failing_since, disabled_at, disabled_reason, version"
        )
    };
}

pub(super) const FAILING: &str = condition!(
    "INSERT INTO backlog_condition AS c (sink, target, failing_since, version) VALUES ($1, $2, $3, 0)
     ON CONFLICT (sink, target) DO UPDATE SET failing_since = $3 WHERE c.failing_since IS NULL AND c.disabled_at IS NULL"
);

pub(super) const WORKS: &str = condition!(
    "UPDATE backlog_condition SET failing_since = NULL WHERE sink = $1 AND target = $2 AND failing_since IS NOT NULL"
);

pub(super) const REFUSES: &str = condition!(
    "INSERT INTO backlog_condition AS c (sink, target, disabled_at, disabled_reason, version) VALUES ($1, $2, now(), $3, 0)
     ON CONFLICT (sink, target) DO UPDATE SET disabled_at = now(), disabled_reason = $3 WHERE c.disabled_at IS NULL"
);

pub(super) const FAILED_SINCE: &str = condition!(
    "UPDATE backlog_condition SET disabled_at = now(), disabled_reason = $4
     WHERE sink = $1 AND target = $2 AND disabled_at IS NULL AND failing_since < $3"
);

pub(super) const ENABLED: &str = condition!(
    "UPDATE backlog_condition SET disabled_at = NULL, disabled_reason = NULL, failing_since = NULL
     WHERE sink = $1 AND target = $2 AND (disabled_at IS NOT NULL OR failing_since IS NOT NULL)"
);

pub(super) const COUNT: &str = "UPDATE backlog_counter SET value = value + 1 WHERE name = $1 RETURNING value";

pub(super) const SET_VERSION: &str = "UPDATE backlog_condition SET version = $3 WHERE sink = $1 AND target = $2";

pub(super) const CONDITIONS: &str = "
    SELECT target, failing_since, disabled_at, disabled_reason, version
    FROM backlog_condition
    WHERE sink = $1 AND CASE WHEN $2::bigint IS NULL THEN failing_since IS NOT NULL OR disabled_at IS NOT NULL
        ELSE version > $2 END
    ORDER BY version";

pub(super) const ADD_ORDER: &str = "INSERT INTO backlog_order (id, sink, target, what) VALUES ($1, $2, $3, $4)";

pub(super) const FORGET_ORDERS: &str = "DELETE FROM backlog_order WHERE at < now() - interval '1 day'";

pub(super) const ORDERS: &str =
    "SELECT id, target, what FROM backlog_order WHERE sink = $1 AND id > $2 ORDER BY id LIMIT 1000";

pub(super) const NEWEST_ORDER: &str = "SELECT coalesce(max(id), 0) FROM backlog_order WHERE sink = $1";

pub(super) const TARGETS: &str = "
    SELECT t.name, count(*) FILTER (WHERE b.due IS NULL), count(b.due), min(b.since), min(b.due)
    FROM backlog b JOIN backlog_target t ON t.id = b.target
    WHERE b.stream IN (SELECT id FROM backlog_stream WHERE sink = $1)
    GROUP BY t.name ORDER BY t.name";

/// Where all rows of a target lie.
pub(super) const PLACES: &str = "
    SELECT s.topic, s.topic_id, b.part, b.off
    FROM backlog b JOIN backlog_stream s ON s.id = b.stream JOIN backlog_target t ON t.id = b.target
    WHERE s.sink = $1 AND t.name = $2";

/// Not those that are due within a minute: that may be the end of an attempt that is under way.
pub(super) const MAKE_DUE: &str = "
    UPDATE backlog b SET due = now()
    FROM backlog_stream s, backlog_target t
    WHERE s.sink = $1 AND t.name = $2 AND b.stream = s.id AND b.target = t.id AND b.due > now() + interval '1 minute'";
