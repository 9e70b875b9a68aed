//! Whether the user of a connection may do what is needed: every missing right at once, with the statement that grants it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sqlx::Row as _;

use super::database_server::DatabaseServer;
use super::session::Session;
use super::sql;
use super::within;
use crate::{Migrations, SetupError};

/// How long rights that were all there are not asked for again.
const GOOD_FOR: Duration = Duration::from_mins(1);

/// When the rights were found to be all there.
#[derive(Debug, Default)]
pub struct KnownGood(Mutex<Option<Instant>>);

impl KnownGood {
    /// Whether there is no need to ask.
    pub fn holds(&self) -> bool {
        let since = self.0.lock();
        since.is_some_and(|since| since.elapsed() < GOOD_FOR)
    }

    /// They existed just now.
    pub fn found(&self) {
        *self.0.lock() = Some(Instant::now());
    }

    /// Something failed, perhaps because a right is missing.
    pub fn forget(&self) {
        *self.0.lock() = None;
    }
}

/// Asks for everything that is `needed`: tables, each with the rights to it. Tables that do not exist are no matter of rights.
pub async fn check(
    connection: &mut Session,
    server: &DatabaseServer,
    migrations: &Migrations,
    needed: &[(&str, &[&str])],
) -> Result<(), SetupError> {
    let missing = match within(server.answer_timeout(), missing(connection, migrations, needed)).await {
        Ok(missing) => missing,
        Err(error) => return Err(SetupError::Unavailable(server.explain(&error))),
    };
    if missing.is_empty() {
        return Ok(());
    }
    let mut lacks = String::new();
    let mut grants = String::new();
    let within = server
        .schema()
        .map_or(String::new(), |schema| format!("{}.", sql::identifier(schema)));
    for Missing { thing, rights, user } in missing {
        // What stands alone is found on the search path, which is another for the owner.
        let thing = if thing.contains(['.', ' ']) {
            thing
        } else {
            format!("{within}{thing}")
        };
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

/// Returns the statements that give a role everything that is `needed`, as [`check`] asks for it. Whoever owns the tables runs them.
pub fn grants(server: &DatabaseServer, role: &str, needed: &[(&str, &[&str])]) -> Vec<String> {
    let role = sql::identifier(role);
    let schema = server.schema().map(sql::identifier);
    let of_schema = schema
        .as_ref()
        .map(|schema| format!("GRANT USAGE ON SCHEMA {schema} TO {role};"));
    let of_tables = needed.iter().map(|(table, rights)| {
        let within = schema.as_ref().map_or(String::new(), |schema| format!("{schema}."));
        format!("GRANT {} ON {within}{table} TO {role};", rights.join(", "))
    });
    of_schema.into_iter().chain(of_tables).collect()
}

/// Something that a right is missing to, as SQL writes it.
struct Missing {
    thing: String,
    rights: Vec<String>,
    user: String,
}

async fn missing(
    connection: &mut Session,
    migrations: &Migrations,
    needed: &[(&str, &[&str])],
) -> Result<Vec<Missing>, sqlx::Error> {
    // Every table, once for each right that is needed to it, and beside it the right.
    let pairs = needed
        .iter()
        .flat_map(|(table, rights)| rights.iter().map(|right| (*table, *right)));
    let (tables, rights): (Vec<&str>, Vec<&str>) = pairs.unzip();
    // A schema that may not be used hides its tables: then they are neither there nor missing a right.
    let hidden = sqlx::query(sql::HIDDEN_SCHEMAS)
        .bind(migrations.table())
        .fetch_all(&mut *connection)
        .await?;
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
