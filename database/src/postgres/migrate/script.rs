//! The migrations as a script, for who may make tables and does not run the program.

use std::time::Duration;

use super::super::database_server::DatabaseServer;
use super::super::sql;
use super::{Failure, all_found, apply, state};
use crate::migrations::statements_of;
use crate::{Migrations, SetupError};

/// Which migrations a script has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that the database lacks, which is asked.
    Missing,
    /// All, for a database that has none of them. Nothing is asked.
    All,
}

/// Returns the migrations as statements for psql, with the notes that they were applied, and `then` after them; `None` if there is
/// nothing to do. What can be in a transaction is in one, as a whole: from one that cannot, to the next.
pub async fn script(
    server: &DatabaseServer,
    migrations: &Migrations,
    which: Which,
    lock: Duration,
    then: &str,
) -> Result<Option<String>, SetupError> {
    let found = match which {
        Which::All => vec![],
        Which::Missing => all_found(server, migrations).await.map_err(Failure::into_error)?,
    };
    state(&found, server, migrations).map_err(Failure::into_error)?;
    if let Some(error) = migrations.contradiction(&found) {
        return Err(Failure::of_migration(server, error).into_error());
    }
    let mut text = Script::new(server, lock);
    for migration in migrations.missing_from(&found) {
        let title = format!(
            "-- Migration {}{}: {}",
            migration.version,
            migrations.whose(),
            migration.description
        );
        let table = migrations.table();
        let note = sql::noted_migration(table, migration);
        if migration.no_tx {
            text.outside();
            text.add(&format!("{title}\n{};", sql::make_migrations(table)));
            for statement in statements_of(migration) {
                text.add(&statement);
            }
            text.add(&note);
        } else {
            text.inside();
            let body = migration.sql.as_str().trim_end();
            // A last line that is a comment must not swallow what follows.
            text.add(&format!("{title}\n{};\n{body}\n;\n{note}", sql::make_migrations(table)));
        }
    }
    Ok(text.finish(then))
}

struct Script {
    text: String,
    is_open: bool,
    settings: String,
    search_path: Option<String>,
}

impl Script {
    fn new(server: &DatabaseServer, lock: Duration) -> Self {
        let search_path = server
            .schema()
            .map(|name| format!("search_path = {}", sql::identifier(name)));
        let number = apply::lock_number(server.database_name());
        let limit = format!("SET LOCAL lock_timeout = {};", lock.as_millis().max(1));
        let path = search_path.as_ref().map(|path| format!("SET LOCAL {path};"));
        // Another migration waits for the end of this one.
        let turn = format!("DO $$ BEGIN PERFORM pg_advisory_xact_lock({number}); END $$;");
        let settings: Vec<String> = [limit].into_iter().chain(path).chain([turn]).collect();
        Self {
            text: String::new(),
            is_open: false,
            settings: settings.join("\n"),
            search_path,
        }
    }

    fn inside(&mut self) {
        if !self.is_open {
            self.text.push_str("BEGIN;\n");
            self.text.push_str(&self.settings);
            self.text.push('\n');
            self.is_open = true;
        }
    }

    fn outside(&mut self) {
        if self.is_open {
            self.text.push_str("COMMIT;\n");
            self.is_open = false;
        }
        if let Some(path) = &self.search_path {
            let statement = format!("SET {path};");
            self.add(&statement);
        }
    }

    fn add(&mut self, statement: &str) {
        self.text.push_str(statement);
        self.text.push('\n');
    }

    fn finish(mut self, then: &str) -> Option<String> {
        if self.text.is_empty() {
            return None;
        }
        if !then.is_empty() {
            self.inside();
            self.add(then);
        }
        if self.is_open {
            self.text.push_str("COMMIT;\n");
        }
        Some(self.text)
    }
}
