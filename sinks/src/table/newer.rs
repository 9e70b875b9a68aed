//! Databases that a newer version has migrated. The description of a migration says which older versions go on beside it, so
//! that a rolling upgrade, or going back, needs no luck: `backlog (works with 6 and later)` is for every version whose own newest
//! migration is 6 or later. Without such words a newer migration is refused.

use sqlx::migrate::Migration;

/// A migration that the database has.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) version: i64,
    pub(crate) description: String,
    pub(crate) checksum: Vec<u8>,
    /// Whether all of it was applied.
    pub(crate) success: bool,
}

/// The newest migration that this version does not know and can work with; `None` if it knows them all. The error is one that it
/// neither knows nor can work with.
pub(crate) fn newest_unknown(found: &[Found], ours: &[Migration]) -> Result<Option<i64>, i64> {
    let newest = ours.iter().map(|migration| migration.version).max().unwrap_or(0);
    let mut unknown = None;
    for one in found {
        if ours.iter().any(|migration| migration.version == one.version) {
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

/// The oldest newest migration of a version that goes on beside this one.
fn works_with(description: &str) -> Option<i64> {
    let (_, rest) = description.split_once("(works with ")?;
    rest.strip_suffix(" and later)")?.parse().ok()
}

/// Holds that whoever adds a migration decided what becomes of older versions: every one after `frozen` says it, or that it breaks
/// them.
#[cfg(test)]
pub(crate) fn check_descriptions(ours: &[Migration], frozen: i64) {
    for migration in ours.iter().filter(|migration| migration.version > frozen) {
        let Migration {
            version, description, ..
        } = migration;
        assert!(
            works_with(description).is_some_and(|oldest| oldest < *version) || description.ends_with(" (breaking)"),
            "migration {version}: end its description with `(works with N and later)`, N being the newest migration of the \
             oldest program that can run beside it, or with `(breaking)`: {description}"
        );
    }
}

#[cfg(test)]
mod tests {
    use sqlx::SqlSafeStr as _;
    use sqlx::migrate::MigrationType;

    use super::*;

    fn ours() -> Vec<Migration> {
        let migration = |version| Migration::new(version, "a".into(), MigrationType::Simple, "".into_sql_str(), false);
        (1..=6).map(migration).collect()
    }

    fn unknown(described: &[(i64, &str)]) -> Result<Option<i64>, i64> {
        let found = |(version, description): &(i64, &str)| Found {
            version: *version,
            description: (*description).to_owned(),
            checksum: Vec::new(),
            success: true,
        };
        newest_unknown(&described.iter().map(found).collect::<Vec<_>>(), &ours())
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
}
