//! The backlog in a database: see [`schemas::backlog`] for what it promises.
