//! The event log on local disk: embedded, durable, for one process.
