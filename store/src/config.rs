//! The section `store` of the configuration.

use std::path::PathBuf;
use std::time::Duration;

use ::database::postgres::{self, DatabaseServer, Owner};
use ::database::sqlite::File;
use schemas::setting::{Findings, Invalid};
use serde::Deserialize;

use crate::attempts;

/// How long to wait for another process that writes to the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The database of the backlog and of the attempt log: `postgres` or `sqlite`.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// PostgreSQL, which all processes share. One database may have these tables and those of the sink `postgres`.
    pub postgres: Option<postgres::Config>,
    /// A file of one process, for `forebay dev`.
    pub sqlite: Option<Sqlite>,
    /// The attempt log.
    pub attempts: attempts::Config,
}

/// A SQLite file.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sqlite {
    /// The database file. It and its folder are made where missing. Required, but for `forebay dev`.
    pub path: PathBuf,
}

impl Config {
    /// Whether it names a database.
    pub fn names_a_database(&self) -> bool {
        self.postgres.is_some() || self.sqlite.is_some()
    }

    /// Everything that is wrong with the settings, as far as it shows without a database. Whether one is named is another question:
    /// `forebay dev` brings one.
    pub fn check(&self) -> Result<(), Vec<Invalid>> {
        let mut found = Findings::default();
        if self.postgres.is_some() && self.sqlite.is_some() {
            found.add("", "names two databases: give `postgres` or `sqlite`, not both");
        }
        if let Some(postgres) = &self.postgres {
            found.add_within("postgres", postgres.check());
        }
        found.add_within("attempts", self.attempts.check());
        found.into_result()
    }

    /// Finds what may be meant, and seldom is.
    pub fn warnings(&self) -> Vec<Invalid> {
        let mut found = Findings::default();
        if let Some(postgres) = &self.postgres {
            found.warn_within("postgres", postgres.warnings());
        }
        found.into_warnings()
    }
}

/// The server that the settings name; returns everything that is wrong with them otherwise.
pub(crate) fn server(config: &postgres::Config) -> Result<DatabaseServer, Vec<Invalid>> {
    let owner = Owner {
        section: "store.postgres",
        name: "store",
    };
    DatabaseServer::new(config, owner)
}

impl Sqlite {
    pub(crate) fn file(&self) -> File {
        File {
            path: self.path.clone(),
            max_size_bytes: None,
            busy_timeout: BUSY_TIMEOUT,
            section: "store.sqlite",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        for (json, place, reason) in [
            (
                r#"{"postgres": {"url": "postgres://h/d"}, "sqlite": {"path": "a"}}"#,
                "",
                "names two databases",
            ),
            (r#"{"postgres": {}}"#, "postgres.url", "is not set"),
            (r#"{"postgres": {"url": "$URL"}}"#, "postgres.url", "begins with `$`"),
            (
                r#"{"postgres": {"url": "postgres://h/d", "max_connections": 0}}"#,
                "postgres.max_connections",
                "is 0",
            ),
            (
                r#"{"attempts": {"retention_days": 0}}"#,
                "attempts.retention_days",
                "is 0",
            ),
        ] {
            let config: Config = serde_json::from_str(json).expect("a section");
            let found = config.check().expect_err(json);
            let found: Vec<(&str, &str)> = found.iter().map(|i| (&*i.place, &*i.reason)).collect();
            assert!(
                matches!(&found[..], [(p, r)] if *p == place && r.starts_with(reason)),
                "{json}: {found:?}"
            );
        }
        assert!(serde_json::from_str::<Config>(r#"{"sqlite": {"file": "a"}}"#).is_err());
    }
}
