//! What is generated of the chart, and goes stale unless it is generated again.

mod copies;
mod readme;
mod schema;
