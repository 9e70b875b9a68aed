//! The table `event` as both databases keep it: how a batch becomes rows, which receipts are one event, which repeats say
//! something else (`event_variant`), what is counted.
//!
//! **What needs memory is decided here, in views, and not in ingest.** Whether a ticket was transferred or opened again, how
//! far a message got, how a line stands: where the platform does not say, only the events before can say, and these are
//! here. Ingest has no state, so that any number of replicas may receive, and what it did not see it cannot know. A reader of
//! the log that kept such state would have to be right about order and repeats once more. The views (`0002_views.sql`)
//! compute it from the rows whenever they are asked: no second truth, and news that come late, twice or in disorder change
//! nothing but the answer.
//!
//! * `ticket_history`: each event of a ticket and what it really was, decided from those before it (by time, then id) of the
//!   same tenant, source and ticket. A type that says it outright is believed; `ticket.updated` is compared with the last
//!   status, assignee, department and team reported.
//! * `message_delivery`: the highest status of each message, and when it was first reached. What was delivered has not
//!   failed; what was only sent may have.
//! * `connection_current`: each line's partial events merged, each member the last reported. Events of a lower epoch than the
//!   highest seen are out of date; a code to scan and a reason to be closed end when the line is open.
//!
//! One ticket and one line are found by partial indexes. `message_delivery` has none: an entry per status cost the server five
//! to ten percent of its time per row. Who needs it adds it; the comment of the view has the statement.

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
pub use metrics::Metrics;
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

/// What was written of a batch.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// The number of new rows.
    pub(crate) inserted: u64,
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
