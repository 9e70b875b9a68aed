//! The settings of a connection to PostgreSQL.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use schemas::secret::Secret;
use schemas::setting::{Findings, Invalid};
use schemas::spec::reference;
use serde::Deserialize;

use super::hosts::Hosts;
use super::url;

/// How long beyond the server's own statement time-out an answer is waited for.
const ANSWER_GRACE: Duration = Duration::from_secs(5);

/// PostgreSQL cuts longer names.
const LONGEST_NAME: usize = 63;

/// The settings of a connection to PostgreSQL.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `postgres://user:password@host:port/database`, with `?sslmode=verify-full&sslrootcert=…` where wanted. Several hosts, as in
    /// `postgres://h1:5432,h2:5432/database`, are tried until one takes writes, as with `target_session_attrs=read-write`.
    /// Required.
    pub url: Secret,
    /// Replaces the user of `url`, to the byte: nothing is escaped. Left out, that of `url`.
    pub user: Option<String>,
    /// Replaces the password of `url`, to the byte: nothing is escaped. Left out, that of `url`.
    pub password: Option<Secret>,
    /// The schema that holds the tables, to the byte: nothing is escaped or folded. It must exist. Left out, the search path of the
    /// user, which is usually `public`.
    pub schema: Option<String>,
    /// Whether a pooler such as PgBouncer stands between, which gives each transaction any connection to the server. Default `auto`.
    pub pooler: Pooler,
    /// How many connections at most, at least 1. Default 4.
    pub max_connections: u32,
    /// How long to wait for a connection. Default 5000.
    pub connect_timeout_ms: u64,
    /// The server gives up on a statement after this. Default 15000.
    pub statement_timeout_ms: u64,
    /// The server gives up waiting for a lock after this. Default 2000.
    pub lock_timeout_ms: u64,
}

/// What stands between here and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pooler {
    /// It is found out with each connection: a pooler refuses or loses the options with which a session begins.
    #[default]
    Auto,
    /// Nothing: statements are prepared once for each connection, and options are given when it begins.
    None,
    /// A pooler that gives each transaction any connection to the server (PgBouncer with `pool_mode = transaction`). Nothing is
    /// prepared for longer than a transaction, and limits are set in each.
    Transaction,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: Secret::new(""),
            user: None,
            password: None,
            schema: None,
            pooler: Pooler::Auto,
            max_connections: 4,
            connect_timeout_ms: 5_000,
            statement_timeout_ms: 15_000,
            lock_timeout_ms: 2_000,
        }
    }
}

impl Config {
    /// How long one statement may take as seen from here, so that a server that vanished without a word is noticed.
    pub fn answer_timeout(&self) -> Duration {
        Duration::from_millis(self.statement_timeout_ms) + ANSWER_GRACE
    }

    /// Everything that is wrong with the settings, as far as it shows without a server.
    pub fn check(&self) -> Result<(), Vec<Invalid>> {
        let mut found = Findings::default();
        if let Some(hosts) = found.keep_at("url", self.hosts())
            && self.pooler == Pooler::Transaction
            && hosts.have_options()
        {
            let reason = "has `options`, which a pooler does not hand on: write `schema: NAME` beside it for a search path, and give the \
                          user what else you need (`ALTER ROLE … SET …`)";
            found.add("url", reason);
        }
        for (parameter, path) in self.files() {
            if let Err(error) = File::open(&path) {
                let reason = format!(
                    "names `{}` as `{parameter}`, which cannot be read: {error}",
                    path.display()
                );
                found.add("url", reason);
            }
        }
        let at_least_one = [
            ("max_connections", u64::from(self.max_connections)),
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("statement_timeout_ms", self.statement_timeout_ms),
            ("lock_timeout_ms", self.lock_timeout_ms),
        ];
        for (key, _) in at_least_one.into_iter().filter(|(_, value)| *value == 0) {
            found.add(key, "is 0: give at least 1");
        }
        if self.statement_timeout_ms > 0 && self.lock_timeout_ms >= self.statement_timeout_ms {
            let reason = format!(
                "is {}, but `statement_timeout_ms` is {}: give less, or the server gives up the statement before the lock",
                self.lock_timeout_ms, self.statement_timeout_ms
            );
            found.add("lock_timeout_ms", reason);
        }
        if self.user.as_ref().is_some_and(String::is_empty) {
            found.add("user", "is empty: give a name, or leave it out");
        }
        if let Some(schema) = &self.schema {
            if schema.is_empty() {
                found.add("schema", "is empty: give a name, or leave it out");
            } else if schema.contains('\0') || schema.len() > LONGEST_NAME {
                found.add(
                    "schema",
                    format!("is no name of a schema: at most {LONGEST_NAME} bytes, none of them 0"),
                );
            }
        }
        if let Some(password) = &self.password {
            found.keep_at("password", reference::check(password));
            if password.expose_str().is_none_or(|password| password.contains('\0')) {
                found.add("password", "holds bytes that no password has");
            }
        }
        found.into_result()
    }

    /// Finds what may be meant, and seldom is.
    pub fn warnings(&self) -> Vec<Invalid> {
        let mut found = Findings::default();
        if let Some(reason) = self.url.expose_str().and_then(url::warning) {
            found.add("url", reason);
        }
        if let Some(reason) = self.password.as_ref().and_then(reference::likely) {
            found.add("password", reason);
        }
        found.into_warnings()
    }

    fn files(&self) -> Vec<(&'static str, PathBuf)> {
        self.url.expose_str().map(url::files).unwrap_or_default()
    }

    /// The files of certificates that `url` names, each with the parameter that names it.
    pub fn certificate_files(&self) -> Vec<(&'static str, PathBuf)> {
        let mut files = self.files();
        files.retain(|(parameter, _)| *parameter != "sslkey");
        files
    }

    /// The servers that `url` names, with `user` and `password` in the place of its own. The error never quotes it, for it may
    /// hold a password.
    pub(super) fn hosts(&self) -> Result<Hosts, String> {
        if self.url.is_empty() {
            return Err("is not set: write postgres://user:password@host:5432/database".to_owned());
        }
        reference::check(&self.url)?;
        let url = self
            .url
            .expose_str()
            .ok_or("is not a connection URL: it is not UTF-8")?;
        let mut hosts = url::hosts(url)?;
        for options in &mut hosts.all {
            if let Some(user) = &self.user {
                *options = options.clone().username(user);
            }
            if let Some(password) = self.password.as_ref().and_then(Secret::expose_str) {
                *options = options.clone().password(password);
            }
        }
        Ok(hosts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> Config {
        serde_json::from_str(json).expect("a section")
    }

    #[test]
    fn user_and_password_replace_those_of_the_url_to_the_byte() {
        let options = config(r#"{"url": "postgres://u:p@h/d", "user": "a@b", "password": "p@/#?%41"}"#).hosts();
        let options = options.expect("valid").all.remove(0);
        assert_eq!((options.get_username(), options.get_host()), ("a@b", "h"));
        // The driver shows a password nowhere else.
        assert!(format!("{options:?}").contains("p@/#?%41"));
    }

    #[test]
    fn what_cannot_work_is_named_by_its_key() {
        for (json, place, reason) in [
            (
                r#"{"url": "postgres://h/d?sslmode=verify-full&sslrootcert=/nowhere/ca.pem"}"#,
                "url",
                "names `/nowhere/ca.pem` as `sslrootcert`, which cannot be read",
            ),
            (
                r#"{"url": "postgres://h1,h2/d?sslcert=/etc/hostname&sslkey=/nowhere/k.pem"}"#,
                "url",
                "names `/nowhere/k.pem` as `sslkey`, which cannot be read",
            ),
            (
                r#"{"url": "postgres://h/d?options=-cjit%3Doff", "pooler": "transaction"}"#,
                "url",
                "has `options`, which a pooler does not hand on",
            ),
            (r#"{"url": "postgres://h/d", "schema": ""}"#, "schema", "is empty"),
            (
                r#"{"url": "postgres://h/d", "schema": "a\u0000"}"#,
                "schema",
                "is no name",
            ),
        ] {
            let found = config(json).check().expect_err(json);
            let found: Vec<(&str, &str)> = found.iter().map(|i| (&*i.place, &*i.reason)).collect();
            assert!(
                matches!(&found[..], [(p, r)] if *p == place && r.starts_with(reason)),
                "{json}: {found:?}"
            );
        }
        assert!(serde_json::from_str::<Config>(r#"{"pooler": "session"}"#).is_err());
    }
}
