//! Whether the user of `postgres.url` may do what the sink does: every missing right at once, with the statement that grants
//! it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sqlx::{PgConnection, Row as _};

use super::database_server::DatabaseServer;
use super::sql;
use super::write::within;
use crate::table::SetupError;

/// What the statements in `sql.rs` need, per table. `ON CONFLICT` reads the columns that it names, and `FOR UPDATE` needs the
/// right to update.
const NEEDED: &[(&str, &[&str])] = &[
    ("_sqlx_migrations", &["SELECT"]),
    ("event", &["SELECT", "INSERT"]),
    ("event_receipt", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("sink_position", &["SELECT", "INSERT", "UPDATE"]),
    ("event_variant", &["SELECT", "INSERT", "UPDATE"]),
];

/// How long rights that were all there are not asked for again.
const GOOD_FOR: Duration = Duration::from_mins(1);

/// When the rights were found to be all there.
#[derive(Debug, Default)]
pub(super) struct KnownGood(Mutex<Option<Instant>>);

impl KnownGood {
    /// Whether there is no need to ask.
    pub(super) fn holds(&self) -> bool {
        let since = self.0.lock();
        since.is_some_and(|since| since.elapsed() < GOOD_FOR)
    }

    /// They existed just now.
    pub(super) fn found(&self) {
        *self.0.lock() = Some(Instant::now());
    }

    /// Something failed, perhaps because a right is missing.
    pub(super) fn forget(&self) {
        *self.0.lock() = None;
    }
}

/// Asks for everything that the sink will need. Tables that do not exist are no matter of rights.
pub(super) async fn check(
    connection: &mut PgConnection,
    server: &DatabaseServer,
    limit: Duration,
) -> Result<(), SetupError> {
    let missing = match within(limit, missing(connection)).await {
        Ok(missing) => missing,
        Err(error) => return Err(SetupError::Unavailable(server.explain(&error))),
    };
    if missing.is_empty() {
        return Ok(());
    }
    let mut lacks = String::new();
    let mut grants = String::new();
    for Missing { thing, rights, user } in missing {
        let separator = if lacks.is_empty() { "" } else { ", " };
        let rights = rights.join(", ");
        write!(lacks, "{separator}{rights} on {thing}")
            .and_then(|()| write!(grants, " GRANT {rights} ON {thing} TO {user};"))
            .unwrap_or_else(|_| unreachable!("a string takes everything"));
    }
    Err(SetupError::Misconfigured(format!(
        "user `{}` lacks rights in the {}: {lacks}; as its owner run:{grants}",
        server.user(),
        server.database()
    )))
}

/// Something that a right is missing to, as SQL writes it.
struct Missing {
    thing: String,
    rights: Vec<String>,
    user: String,
}

/// Every table, once for each right that is needed to it, and beside it the right.
fn needed() -> (Vec<&'static str>, Vec<&'static str>) {
    let pairs = NEEDED
        .iter()
        .flat_map(|(table, rights)| rights.iter().map(|right| (*table, *right)));
    pairs.unzip()
}

async fn missing(connection: &mut PgConnection) -> Result<Vec<Missing>, sqlx::Error> {
    let (tables, rights) = needed();
    // A schema that may not be used hides its tables: then they are neither there nor missing a right.
    let hidden = sqlx::query(sql::HIDDEN_SCHEMAS).fetch_all(&mut *connection).await?;
    let tables = sqlx::query(sql::MISSING_RIGHTS)
        .bind(tables)
        .bind(rights)
        .fetch_all(connection)
        .await?;
    let mut missing: BTreeMap<(bool, String), Missing> = BTreeMap::new();
    for (is_table, rows) in [(false, hidden), (true, tables)] {
        for row in rows {
            let (thing, right, user): (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let entry = missing.entry((is_table, thing.clone())).or_insert_with(|| Missing {
                thing,
                rights: Vec::new(),
                user,
            });
            entry.rights.push(right);
        }
    }
    Ok(missing.into_values().collect())
}
