//! What the user of `postgres.url` may have to do.

/// What the statements in `sql.rs` need, per table. `ON CONFLICT` reads the columns that it names, and `FOR UPDATE` needs the
/// right to update.
pub(super) const NEEDED: &[(&str, &[&str])] = &[
    (super::migrate::TABLE, &["SELECT"]),
    ("event", &["SELECT", "INSERT"]),
    ("event_receipt", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("sink_position", &["SELECT", "INSERT", "UPDATE"]),
    ("event_variant", &["SELECT", "INSERT", "UPDATE"]),
];

/// Whom rights are given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// The user of `postgres.url`.
    Process,
    /// Who asks the tables and views, and writes nothing.
    Reader,
}
