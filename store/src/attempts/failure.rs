//! Why something was not done in the database, by what is done then.

/// Why the database did not do what it was asked for.
#[derive(Debug)]
pub(super) enum Failure {
    /// Trying again may help. The reason, without secrets.
    Unavailable(String),
    /// The user of the database may not do it. The reason, and what would grant it.
    Rights(String),
}

/// What a batch came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    /// Rows that are in the table.
    pub(super) rows: u64,
    /// Rows for which there is no partition.
    pub(super) no_partition: u64,
    /// Rows that the database refuses for what they are.
    pub(super) refused: u64,
}

/// When the table is to be looked after again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// In an hour.
    Later,
    /// At once, after what waits to be written.
    Soon,
}
