//! The table `event` as both databases keep it: how a batch becomes rows, which receipts are one event, which repeats say
//! something else (`event_variant`), what is counted.
//!
//! **What needs memory is decided here, beside the rows, and not in ingest.** Whether a ticket was transferred or opened again,
//! how far a message got, how a line stands: where the platform does not say, only the events before can say, and these are here.
//! Ingest has no state, so that any number of replicas may receive, and what it did not see it cannot know. The sink does not have to be
//! right about order and repeats either: what the events of a batch say is [joined](crate::state) to the tables of current state in
//! the transaction of the rows, and news that come late, twice or in disorder end in the same tables. Nothing is in them that is not
//! told by a stored event, so that `forebay state fill` can make them again from `event`.
//!
//! Three views tell what was asked before there were such tables:
//!
//! * `ticket_history`: each event of a ticket and what it really was, decided from those before it of the same tenant, source and ticket:
//!   a window over `ticket_change`. A type that says it outright is believed; `ticket.updated` is compared with the last status, assignee,
//!   department and team reported.
//! * `message_delivery`: the highest status of each message, and when it was first reached, from `message`. What was delivered has not
//!   failed; what was only sent may have.
//! * `connection_current`: each line in its last lease, from `connection`. A code to scan and a reason to be closed end when the line
//!   is open.

mod hours;
mod metrics;
mod plan;
mod receipts;
mod row;
mod text;
mod variants;

use schemas::name::SinkName;
use schemas::setting::{Findings, Invalid};

use crate::state::StateWritten;

pub use database::SetupError;
pub(crate) use hours::{Hours, begin_of_hour};
pub use metrics::Metrics;
pub(crate) use metrics::Upkeep;
pub(crate) use plan::{Plan, pieces};
pub(crate) use receipts::{Forgetting, Receipt, Receipts};
pub(crate) use row::Row;
pub(crate) use variants::{Differing, Last, Repeat, Stored, Variants, Writing};

/// Receipts have to be remembered for longer than a second one counts as the same event.
pub(crate) fn check_receipts(window_seconds: u32, retention_seconds: u32, found: &mut Findings) {
    if retention_seconds < window_seconds {
        found.add(
            "receipt_retention_seconds",
            format!(
                "is {retention_seconds}, less than `receipt_window_seconds` ({window_seconds}): give at least that"
            ),
        );
    }
}

/// Events have to be kept for some days, or for ever, and for longer than a second receipt counts as the same event.
pub(crate) fn check_retention(days: Option<u32>, window_seconds: u32, found: &mut Findings) {
    match days {
        Some(0) => found.add(
            "retention_days",
            "is 0: give the number of days for which events are kept, or leave it out to keep them for ever",
        ),
        Some(days) if u64::from(days) * 86_400 < u64::from(window_seconds) => found.add(
            "retention_days",
            format!("is {days}, less than `receipt_window_seconds` ({window_seconds}): give at least that"),
        ),
        _ => {}
    }
}

/// What was written of a batch.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// The number of new rows.
    pub(crate) inserted: u64,
    /// The number of deliveries whose event is older than events are kept: they were not stored, and are delivered.
    pub(crate) expired: u64,
    /// The deliveries that repeat a stored event with another body, as far as they were not counted before.
    pub(crate) differing: Vec<usize>,
    /// What became of the rows of state.
    pub(crate) state: StateWritten,
}

/// A rule writes the plain name of a database sink.
pub fn check_argument(sink: &SinkName, argument: Option<&str>) -> Result<(), Invalid> {
    match argument {
        None => Ok(()),
        Some(argument) => Err(Invalid::new(
            "",
            format!("the sink `{sink}` takes nothing after a colon: write `{sink}` instead of `{sink}:{argument}`"),
        )),
    }
}
