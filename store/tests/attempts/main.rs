//! The attempt log on a real PostgreSQL and in files of SQLite.

mod backlog_tables;
mod measure;
mod plans;
mod postgres_away;
mod postgres_days;
mod postgres_refused;
mod sqlite_retention;
mod stage;
mod states;
mod written_and_read;
