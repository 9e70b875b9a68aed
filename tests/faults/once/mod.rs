//! Exactly once, at every named point: one fixed history through the real processor into PostgreSQL, with one fault at one
//! statement, and the contents of the database afterwards.

pub(crate) mod course;
pub(crate) mod history;
pub(crate) mod site;
