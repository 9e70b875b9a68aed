//! A load whose every event is accounted for: a sender with a ledger, receivers that record each delivery, and a judge
//! that compares the ledger with the table and the deliveries.

pub mod judge;
pub mod ledger;
pub mod recorder;
pub mod sender;
