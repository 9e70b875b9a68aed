//! A set of migrations, and databases that a newer version has migrated.
//!
//! The description of a migration says which older versions go on beside it, so
//! that a rolling upgrade, or going back, needs no luck: `backlog (works with 6 and later)` is for every version whose own newest
//! migration is 6 or later. Without such words a newer migration is refused.

use std::collections::BTreeSet;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

/// The first line of a migration that must not be in a transaction.
const ALONE: &str = "-- no-transaction\n";

/// The statements of a migration that must not be in a transaction.
pub(crate) fn statements_of(migration: &Migration) -> Vec<String> {
    let mut all = vec![];
    let mut one = String::new();
    for line in migration
        .sql
        .as_str()
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
    {
        one.push_str(line);
        one.push('\n');
        if line.trim_end().ends_with(';') {
            all.push(std::mem::take(&mut one).trim().to_owned());
        }
    }
    if !one.trim().is_empty() {
        all.push(one.trim().to_owned());
    }
    all
}

/// Migrations of one owner of tables, numbered from 1, and the table in which a database notes which of them it has.
#[derive(Debug, Clone)]
pub struct Migrations {
    table: &'static str,
    /// What follows a number in messages: nothing, or a space and whose they are in brackets.
    whose: &'static str,
    all: Vec<Migration>,
}

/// What there was to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// How many of our migrations were missing before.
    pub missing: usize,
    /// The newest migration of a newer version which this one can work with, if the database has one.
    pub newer: Option<i64>,
}

/// A migration that the database has.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its number.
    pub version: i64,
    /// What it is for, and which versions can work with it.
    pub description: String,
    /// The digest of its statements.
    pub checksum: Vec<u8>,
    /// Whether all of it was applied.
    pub success: bool,
}

impl Migrations {
    /// The migrations, each as its description and its statements, in their order; `table` is where they are noted. `whose` follows a
    /// number in messages where one database holds several sets: it is empty, or begins with a space.
    ///
    /// Each is a transaction, unless its first line is `-- no-transaction`: for `CREATE INDEX CONCURRENTLY` and the like, which must
    /// not be in one. Its statements, each ended by `;` at the end of a line, must bear to be run again: what comes after a failure
    /// begins with the first of them (`DROP INDEX CONCURRENTLY IF EXISTS …` before the `CREATE`).
    pub fn new(table: &'static str, whose: &'static str, all: &[(&'static str, &'static str)]) -> Self {
        let numbered = (1..).zip(all);
        let migration = |(version, (description, statements)): (i64, &(&'static str, &'static str))| {
            let statements = statements.into_sql_str();
            let alone = statements.as_str().starts_with(ALONE);
            Migration::new(version, (*description).into(), MigrationType::Simple, statements, alone)
        };
        Self {
            table,
            whose,
            all: numbered.map(migration).collect(),
        }
    }

    /// The table in which they are noted.
    pub fn table(&self) -> &'static str {
        self.table
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn whose(&self) -> &'static str {
        self.whose
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Migration> {
        self.all.iter()
    }

    /// The statement that asks which of them a database has.
    pub(crate) fn query(&self) -> sqlx::AssertSqlSafe<String> {
        // The name of the table is a literal of the program.
        sqlx::AssertSqlSafe(format!(
            "SELECT version, description, checksum, success FROM {} ORDER BY version",
            self.table
        ))
    }

    /// Applies them; `newer` says whether the database may have others.
    pub(crate) fn migrator(&self, newer: bool) -> Migrator {
        let mut migrator = Migrator::with_migrations(self.all.clone());
        migrator.dangerous_set_table_name(self.table);
        migrator.set_ignore_missing(newer);
        migrator
    }

    /// How many of them are not among those that were found.
    pub(crate) fn missing_from<'m>(&'m self, found: &'m [Found]) -> impl Iterator<Item = &'m Migration> {
        let is_missing = |migration: &&Migration| found.iter().all(|found| found.version != migration.version);
        self.iter().filter(is_missing)
    }

    /// Why none may be applied to a database that has these: one of ours is not whole, or was another.
    pub(crate) fn contradiction(&self, found: &[Found]) -> Option<MigrateError> {
        found.iter().find_map(|found| {
            let ours = self.iter().find(|migration| migration.version == found.version)?;
            if !found.success {
                return Some(MigrateError::Dirty(found.version));
            }
            (found.checksum != *ours.checksum).then_some(MigrateError::VersionMismatch(found.version))
        })
    }

    /// Every table and view that they make and do not drop again, sorted.
    pub fn relations(&self) -> Vec<String> {
        let mut names = BTreeSet::from([self.table.to_owned()]);
        for line in self.iter().flat_map(|migration| migration.sql.as_str().lines()) {
            match made_or_dropped(line) {
                Some((true, made)) => names.extend(made),
                Some((false, dropped)) => names.retain(|name| !dropped.contains(name)),
                None => {}
            }
        }
        names.into_iter().collect()
    }

    /// The newest migration that this version does not know and can work with; `None` if it knows them all. The error is one that it
    /// neither knows nor can work with.
    pub(crate) fn newest_unknown(&self, found: &[Found]) -> Result<Option<i64>, i64> {
        let newest = self.iter().map(|migration| migration.version).max().unwrap_or(0);
        let mut unknown = None;
        for one in found {
            if self.iter().any(|migration| migration.version == one.version) {
                continue;
            }
            let fits = works_with(&one.description).is_some_and(|oldest| newest >= oldest);
            if !fits || !one.success || one.version < newest {
                return Err(one.version);
            }
            unknown = unknown.max(Some(one.version));
        }
        Ok(unknown)
    }

    /// Whether whoever added a migration after `frozen` decided what becomes of older versions: each of them says it, or that it
    /// breaks them. For tests; the error says what to write.
    pub fn check_descriptions(&self, frozen: i64) -> Result<(), String> {
        for migration in self.iter().filter(|migration| migration.version > frozen) {
            let Migration {
                version, description, ..
            } = migration;
            let decided = works_with(description).is_some_and(|oldest| oldest < *version);
            if !decided && !description.ends_with(" (breaking)") {
                return Err(format!(
                    "migration {version}: end its description with `(works with N and later)`, N being the newest migration of the \
                     oldest program that can run beside it, or with `(breaking)`: {description}"
                ));
            }
        }
        Ok(())
    }
}

/// Which tables or views a line makes (true) or drops. A statement that does either begins a line, and names them in it.
fn made_or_dropped(line: &str) -> Option<(bool, Vec<String>)> {
    /// Words that may stand between.
    const BETWEEN: [&str; 8] = [
        "OR",
        "REPLACE",
        "MATERIALIZED",
        "UNLOGGED",
        "IF",
        "NOT",
        "EXISTS",
        "ONLY",
    ];
    let mut words = line.split_whitespace();
    let makes = match words.next()? {
        "CREATE" => true,
        "DROP" => false,
        _ => return None,
    };
    let mut words = words.filter(|word| !BETWEEN.contains(word));
    if !matches!(words.next()?, "TABLE" | "VIEW") {
        return None;
    }
    let name = |word: &str| word.split([';', ',', '(']).next().unwrap_or_default().to_owned();
    // Only one is made at a time; what follows a list of those that are dropped is no name.
    let names = words.take(if makes { 1 } else { usize::MAX }).map(name).collect();
    Some((makes, names))
}

/// The oldest newest migration of a version that goes on beside this one.
fn works_with(description: &str) -> Option<i64> {
    let (_, rest) = description.split_once("(works with ")?;
    rest.strip_suffix(" and later)")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Migrations {
        Migrations::new("_migrations", "", &[("a", ""); 6])
    }

    fn unknown(described: &[(i64, &str)]) -> Result<Option<i64>, i64> {
        let found = |(version, description): &(i64, &str)| Found {
            version: *version,
            description: (*description).to_owned(),
            checksum: Vec::new(),
            success: true,
        };
        ours().newest_unknown(&described.iter().map(found).collect::<Vec<_>>())
    }

    #[test]
    fn a_newer_migration_fits_if_it_says_so() {
        assert_eq!(unknown(&[(1, "a"), (6, "a")]), Ok(None));
        assert_eq!(unknown(&[(7, "b (works with 6 and later)")]), Ok(Some(7)));
        assert_eq!(unknown(&[(7, "b (works with 5 and later)")]), Ok(Some(7)));
        let both = [(7, "b (works with 6 and later)"), (8, "c (works with 6 and later)")];
        assert_eq!(unknown(&both), Ok(Some(8)));
        let second = [(7, "b (works with 6 and later)"), (8, "c (works with 7 and later)")];
        assert_eq!(unknown(&second), Err(8));
        for refused in [
            "b",
            "b (breaking)",
            "b (works with 7 and later)",
            "b (works with six and later)",
            "",
        ] {
            assert_eq!(unknown(&[(7, refused)]), Err(7), "{refused}");
        }
        assert_eq!(
            unknown(&[(0, "b (works with 0 and later)")]),
            Err(0),
            "that one is not newer"
        );
    }

    #[test]
    fn what_stays_of_tables_and_views_is_known() {
        let all = [
            (
                "a",
                "CREATE TABLE a (\n  b int\n);\nCREATE VIEW v AS\nSELECT 1;\nCREATE INDEX i ON a (b);",
            ),
            (
                "b",
                "DROP VIEW IF EXISTS v, w;\nCREATE UNLOGGED TABLE IF NOT EXISTS t(b int);\nCREATE OR REPLACE VIEW w AS SELECT 1",
            ),
        ];
        assert_eq!(Migrations::new("_m", "", &all).relations(), ["_m", "a", "t", "w"]);
    }

    #[test]
    fn what_must_not_be_in_a_transaction_is_one_statement_after_the_other() {
        let text = "-- no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS i;\n-- why\nCREATE INDEX CONCURRENTLY i\n  ON t (a);\n";
        let migrations = Migrations::new("_m", "", &[("a", ""), ("b", text)]);
        let alone: Vec<_> = migrations.iter().filter(|migration| migration.no_tx).collect();
        assert_eq!(alone.len(), 1);
        assert_eq!(
            statements_of(alone[0]),
            [
                "DROP INDEX CONCURRENTLY IF EXISTS i;",
                "CREATE INDEX CONCURRENTLY i\n  ON t (a);"
            ]
        );
    }

    #[test]
    fn a_description_says_what_becomes_of_older_versions() {
        let described = |last| Migrations::new("_migrations", "", &[("a", ""), (last, "")]).check_descriptions(1);
        assert_eq!(described("b (works with 1 and later)"), Ok(()));
        assert_eq!(described("b (breaking)"), Ok(()));
        for undecided in ["b", "b (works with 2 and later)"] {
            let error = described(undecided).expect_err(undecided);
            assert!(error.starts_with("migration 2: end its description"), "{error}");
        }
    }
}
