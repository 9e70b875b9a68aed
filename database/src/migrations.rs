//! A set of migrations, and databases that a newer version has migrated.
//!
//! The description of a migration says which older versions go on beside it, so
//! that a rolling upgrade, or going back, needs no luck: `backlog (works with 6 and later)` is for every version whose own newest
//! migration is 6 or later. Without such words a newer migration is refused.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Migrations of one owner of tables, numbered from 1, and the table in which a database notes which of them it has.
#[derive(Debug, Clone)]
pub struct Migrations {
    table: &'static str,
    /// What follows a number in messages: nothing, or a space and whose they are in brackets.
    whose: &'static str,
    all: Vec<Migration>,
    /// Of those that are no transaction: what takes back a broken attempt.
    mends: Vec<(i64, &'static str)>,
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
    pub fn new(table: &'static str, whose: &'static str, all: &[(&'static str, &'static str)]) -> Self {
        let numbered = (1..).zip(all);
        let migration = |(version, (description, statements)): (i64, &(&'static str, &'static str))| {
            let statements = statements.into_sql_str();
            Migration::new(version, (*description).into(), MigrationType::Simple, statements, false)
        };
        Self {
            table,
            whose,
            all: numbered.map(migration).collect(),
            mends: Vec::new(),
        }
    }

    /// The migration of this number is one statement outside a transaction, as `CREATE INDEX CONCURRENTLY` has to be. Only for
    /// PostgreSQL. An attempt that broke off may leave something half done: `mend` is one statement that takes it away, and that is
    /// run before every attempt.
    #[must_use]
    pub fn outside_transaction(mut self, version: i64, mend: &'static str) -> Self {
        for migration in self.all.iter_mut().filter(|migration| migration.version == version) {
            migration.no_tx = true;
            self.mends.push((version, mend));
        }
        self
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

    /// Those that are no transaction, in their order, each with what takes back a broken attempt.
    pub(crate) fn mends(&self) -> impl Iterator<Item = (i64, &'static str)> {
        self.mends.iter().copied()
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
    pub(crate) fn missing_from(&self, found: &[Found]) -> usize {
        let is_missing = |migration: &&Migration| found.iter().all(|found| found.version != migration.version);
        self.iter().filter(is_missing).count()
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
