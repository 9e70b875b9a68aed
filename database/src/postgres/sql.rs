//! What is asked of PostgreSQL about migrations, locks and rights.

/// Whether a table of migrations exists.
pub(super) const HAS_MIGRATIONS: &str = "SELECT to_regclass($1) IS NOT NULL";

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

/// Keeps migrations of this version apart. False where another session has it.
pub(super) const TRY_MIGRATING: &str = "SELECT pg_try_advisory_lock(7308332182886739301)";

/// The answer for who could not have that: that of any lock.
pub(super) const LOCKED: &str = "\
DO $$ BEGIN RAISE EXCEPTION 'another migration goes on' USING ERRCODE = 'lock_not_available'; END $$";

/// How long this session waits for a lock, as it was set.
pub(super) const LOCK_TIMEOUT: &str = "SELECT current_setting('lock_timeout')";
/// The same in milliseconds.
pub(super) const LOCK_TIMEOUT_MS: &str = "SELECT setting::integer FROM pg_settings WHERE name = 'lock_timeout'";
/// Sets it.
pub(super) const SET_LOCK_TIMEOUT: &str = "SELECT set_config('lock_timeout', $1, false)";
