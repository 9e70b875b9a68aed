//! Connections to PostgreSQL and SQLite, and migrations, for whoever keeps tables: settings and what is wrong with them, pools,
//! what errors mean to an operator, and which migrations a database has.
//!
//! Several may keep tables in one database: each has [`Migrations`] of its own, in a table of its own.

mod migrations;
pub mod postgres;
pub mod sqlite;

use schemas::setting::{Invalid, in_one_line};

pub use migrations::{Found, Migrated, Migrations};

/// Why a database could not be made ready, by what the caller will do.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Will not pass by itself: stop and report it to the operator.
    #[error("{0}")]
    Misconfigured(String),
    /// May pass: try again.
    #[error("{0}")]
    Unavailable(String),
}

impl From<Vec<Invalid>> for SetupError {
    fn from(found: Vec<Invalid>) -> Self {
        Self::Misconfigured(in_one_line(&found))
    }
}
