//! What is asked of PostgreSQL about migrations, locks and rights.

use std::fmt::Write as _;

use sqlx::migrate::Migration;

/// Whether a table of migrations exists.
pub(super) const HAS_MIGRATIONS: &str = "SELECT to_regclass($1) IS NOT NULL";

/// The setting that says whether a session has the options with which it began: see `connect.rs`.
pub(super) const MARK: &str = "forebay.began_with_options";

/// Asked of each new session: whether it has its options, whether it takes writes, whether the server is a standby, and whether the
/// schema exists, whose quoted name comes in the place of `{}`.
pub(super) const FACTS: &str = "\
SELECT current_setting('forebay.began_with_options', true), current_setting('transaction_read_only'),
       pg_is_in_recovery()::text, (to_regnamespace({}) IS NOT NULL)::text";

/// Whether a session takes no writes.
pub(super) const IS_READ_ONLY: &str = "SHOW transaction_read_only";

/// Which session this is.
pub(super) const OWN_PID: &str = "SELECT pg_backend_pid()";

/// The sessions that this one waits for: who they are, what they do, and for how many seconds their transaction has been open. Of other
/// users' sessions only a monitor sees the last two.
pub(super) const HOLDERS: &str = "\
SELECT pid, usename::text, application_name, state, extract(epoch FROM now() - xact_start)::bigint
FROM pg_stat_activity WHERE pid = ANY(pg_blocking_pids($1)) ORDER BY pid";

/// Which of these rights to these tables the user lacks. A right to some columns counts: who granted that knew which.
pub(super) const MISSING_RIGHTS: &str = "\
SELECT to_regclass(needed.name)::text, needed.action, quote_ident(current_user)
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS needed(name, action, number)
WHERE to_regclass(needed.name) IS NOT NULL
  AND NOT CASE needed.action
              WHEN 'DELETE' THEN has_table_privilege(to_regclass(needed.name), needed.action)
              ELSE has_any_column_privilege(to_regclass(needed.name), needed.action) END
ORDER BY needed.number";

/// The schemas on the user's search path that hold this table of migrations and that the user may not look into.
pub(super) const HIDDEN_SCHEMAS: &str = "\
SELECT 'SCHEMA ' || quote_ident(n.nspname), 'USAGE', quote_ident(current_user)
FROM pg_namespace n
WHERE to_regclass($1::text) IS NULL
  AND NOT has_schema_privilege(n.oid, 'USAGE')
  AND EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = $1::text)
  AND n.nspname IN (SELECT replace(btrim(part, ' \"'), '$user', current_user)
                    FROM unnest(string_to_array(current_setting('search_path'), ',')) AS part)
ORDER BY 1";

/// A name as SQL writes it, whatever it holds.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL writes it. A backslash stands for itself, as it does everywhere unless `standard_conforming_strings` is off.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Keeps other migrations waiting until the transaction ends. False where another one has the lock.
pub(super) const LOCK_TRANSACTION: &str = "SELECT pg_try_advisory_xact_lock($1)";
/// Keeps other migrations waiting until the session ends, or the next. False where another one has the lock.
pub(super) const LOCK_SESSION: &str = "SELECT pg_try_advisory_lock($1)";
/// The answer for who could not have that in time: that of any lock.
pub(super) const LOCKED: &str = "\
DO $$ BEGIN RAISE EXCEPTION 'another migration goes on' USING ERRCODE = 'lock_not_available'; END $$";
/// Sets how long the session waits for a lock.
pub(super) const SET_LOCK_TIMEOUT: &str = "SELECT set_config('lock_timeout', $1, false)";
/// Lets other migrations go on.
pub(super) const UNLOCK_SESSION: &str = "SELECT pg_advisory_unlock($1)";

/// Makes the table of migrations, as the driver has it.
pub(super) fn make_migrations(table: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {table} (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    success BOOLEAN NOT NULL,
    checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL
)"
    )
}

/// Notes a migration: its number, description, digest, and the nanoseconds that it took.
pub(super) fn note_migration(table: &str) -> String {
    format!(
        "INSERT INTO {table} (version, description, success, checksum, execution_time) VALUES ($1, $2, TRUE, $3, $4)"
    )
}

/// The same for a script, where how long it took is not known.
pub(super) fn noted_migration(table: &str, migration: &Migration) -> String {
    let mut digest = String::new();
    for byte in migration.checksum.iter() {
        write!(digest, "{byte:02x}").unwrap_or_else(|_| unreachable!("a string takes everything"));
    }
    format!(
        "INSERT INTO {table} (version, description, success, checksum, execution_time) VALUES ({}, {}, TRUE, '\\x{digest}', -1);",
        migration.version,
        literal(&migration.description)
    )
}
