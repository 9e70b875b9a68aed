//! The chart on a real Kubernetes of one node, with a real Kafka and PostgreSQL beside it, under a load of signed
//! webhooks whose every event is accounted for: installed, tested, upgraded, failed, rolled back, drained, killed, starved
//! of memory, and removed.
//!
//! `./run cluster-test` starts all of that, builds the images, and runs these cases inside of the node's network, where
//! alone pods and Services have addresses. `cargo test` by itself leaves them out.

mod attack;
mod cases;
mod command;
mod pods;
#[path = "../faults/records.rs"]
mod records;
mod report;
mod site;
mod trial;
