//! The settings of the sink `postgres`.

use std::path::PathBuf;

use database::postgres::{self, DatabaseServer, Owner};
use schemas::secret::Secret;
use schemas::setting::{Findings, Invalid};
use serde::Deserialize;

use crate::state::StateTables;
use crate::table::check_receipts;

/// The section `postgres` of the configuration.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `postgres://user:password@host:port/database`, with `?sslmode=verify-full&sslrootcert=…` where wanted. Required.
    pub url: Secret,
    /// Replaces the user of `url`, to the byte: nothing is escaped. Left out, that of `url`.
    pub user: Option<String>,
    /// Replaces the password of `url`, to the byte: nothing is escaped. Left out, that of `url`.
    pub password: Option<Secret>,
    /// How many connections at most, at least 1. Each partition writes one batch at a time; more connections than
    /// partitions do nothing. Default 4.
    pub max_connections: u32,
    /// How long to wait for a connection before a batch is put off. Default 5000.
    pub connect_timeout_ms: u64,
    /// The server gives up on a statement after this. Default 15000.
    pub statement_timeout_ms: u64,
    /// The server gives up waiting for a lock after this. Default 2000.
    pub lock_timeout_ms: u64,
    /// Events without a time of their own: a second receipt within this span is the same event. Keep it short, since
    /// equal events that are genuine (a member added, removed, added again) look the same. 0 stores every receipt.
    /// Default 600.
    pub receipt_window_seconds: u32,
    /// How long receipts are remembered from when they were stored: longer than the event log keeps records, so that a
    /// replay finds them.
    /// Default 691200 (8 days).
    pub receipt_retention_seconds: u32,
    /// The tables of current state that are kept beside the rows, in their transaction: `all`, or a list of `message`, `conversation`,
    /// `ticket_change`, `ticket`, `contact`, `chat_group`, `group_member`, `connection`; `[]` keeps none. `message` costs most. What a
    /// table says comes from all events that reach the sink: the first times of a ticket are those of messages, which rules have to
    /// send here. `group_member` needs `chat_group`. A table that is kept again after a while lacks what was not written
    /// meanwhile. Default `all`.
    pub state: StateTables,
    /// How `forebay migrate` sets up the wide columns. Default `auto`.
    pub compression: Compression,
}

/// The compression of the columns `data` and `raw`. It holds for rows written from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// lz4 where the server has it (half the work of the default): PostgreSQL 14 or later, built with it.
    #[default]
    Auto,
    /// As the server has it.
    Off,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: Secret::new(""),
            user: None,
            password: None,
            max_connections: 4,
            connect_timeout_ms: 5_000,
            statement_timeout_ms: 15_000,
            lock_timeout_ms: 2_000,
            receipt_window_seconds: 600,
            receipt_retention_seconds: 8 * 24 * 3600,
            state: StateTables::default(),
            compression: Compression::Auto,
        }
    }
}

impl Config {
    /// Of these, what makes a connection.
    fn connection(&self) -> postgres::Config {
        postgres::Config {
            url: self.url.clone(),
            user: self.user.clone(),
            password: self.password.clone(),
            max_connections: self.max_connections,
            connect_timeout_ms: self.connect_timeout_ms,
            statement_timeout_ms: self.statement_timeout_ms,
            lock_timeout_ms: self.lock_timeout_ms,
        }
    }

    /// The server that they name; returns everything that is wrong with them otherwise.
    pub(super) fn server(&self) -> Result<DatabaseServer, Vec<Invalid>> {
        self.check()?;
        let owner = Owner {
            section: "postgres",
            name: "sink",
        };
        DatabaseServer::new(&self.connection(), owner)
    }

    /// Everything that is wrong with the settings, as far as it shows without a server.
    pub fn check(&self) -> Result<(), Vec<Invalid>> {
        let mut found = Findings::default();
        found.add_within("", self.connection().check());
        check_receipts(self.receipt_window_seconds, self.receipt_retention_seconds, &mut found);
        self.state.check(&mut found);
        found.into_result()
    }

    /// Finds what may be meant, and seldom is.
    pub fn warnings(&self) -> Vec<Invalid> {
        self.connection().warnings()
    }

    /// The files of certificates that `url` names, each with the parameter that names it.
    pub fn certificate_files(&self) -> Vec<(&'static str, PathBuf)> {
        self.connection().certificate_files()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> Config {
        serde_json::from_str(json).expect("a section")
    }

    #[test]
    fn what_contradicts_is_named() {
        for (json, place, reason) in [
            (
                r#"{"url": "postgres://h/d", "lock_timeout_ms": 15000}"#,
                "lock_timeout_ms",
                "is 15000, but `statement_timeout_ms` is 15000",
            ),
            (r#"{"url": "postgres://h/d", "user": ""}"#, "user", "is empty"),
            (
                r#"{"url": "postgres://h/d", "password": "$PGPASSWORD"}"#,
                "password",
                "begins with `$`",
            ),
            (r#"{"url": "$DATABASE_URL"}"#, "url", "begins with `$`"),
            (
                r#"{"url": "postgres://h/d", "state": ["group_member"]}"#,
                "state",
                "has `group_member` without `chat_group`",
            ),
        ] {
            let found = config(json).check().expect_err(json);
            let found: Vec<(&str, &str)> = found.iter().map(|i| (&*i.place, &*i.reason)).collect();
            assert!(
                matches!(&found[..], [(p, r)] if *p == place && r.starts_with(reason)),
                "{json}: {found:?}"
            );
        }
        let found = config(r#"{"url": "postgres://u:p@s@h/d", "password": "changeme"}"#).warnings();
        let places: Vec<&str> = found.iter().map(|warning| &*warning.place).collect();
        assert_eq!(places, ["url", "password"]);
    }
}
