//! What the user of `postgres.url` may have to do.

use crate::state::{StateTable, StateTables};

/// A table, and the rights to it.
pub(super) type Right = (&'static str, &'static [&'static str]);

/// What the statements in `sql.rs` need, per table. `ON CONFLICT` reads the columns that it names, and `FOR UPDATE` needs the
/// right to update.
const ALWAYS: &[Right] = &[
    (super::migrate::TABLE, &["SELECT"]),
    ("event", &["SELECT", "INSERT"]),
    ("event_receipt", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("sink_position", &["SELECT", "INSERT", "UPDATE"]),
    ("event_variant", &["SELECT", "INSERT", "UPDATE"]),
];

/// What a sink needs that keeps these tables of state.
pub(super) fn needed(kept: &StateTables) -> Vec<Right> {
    let kept = StateTable::ALL.into_iter().filter(|table| kept.keeps(*table));
    let of_state = kept.map(|table| {
        let rights: &[&str] = match table {
            // Its rows never change.
            StateTable::TicketChange => &["SELECT", "INSERT"],
            _ => &["SELECT", "INSERT", "UPDATE"],
        };
        (table.name(), rights)
    });
    ALWAYS.iter().copied().chain(of_state).collect()
}
