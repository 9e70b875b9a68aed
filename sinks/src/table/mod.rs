//! The table `event` as both databases keep it: how a batch becomes rows, which receipts are one event, what is counted.

mod metrics;
mod plan;
mod receipts;
mod text;

use schemas::name::SinkName;

pub use metrics::Metrics;
pub(crate) use plan::{Plan, Row};
pub(crate) use receipts::{Forgetting, Receipt, Receipts};

/// Why a database could not be made ready, by what the caller will do.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Will not pass by itself: stop and tell the operator.
    #[error("{0}")]
    Misconfigured(String),
    /// May pass: try again.
    #[error("{0}")]
    Unavailable(String),
}

/// A rule writes the plain name of a database sink.
pub(crate) fn no_argument(sink: &SinkName, argument: Option<&str>) -> Result<(), String> {
    match argument {
        None => Ok(()),
        Some(argument) => Err(format!(
            "the sink `{sink}` takes nothing behind the colon: write `{sink}` instead of `{sink}:{argument}`"
        )),
    }
}
