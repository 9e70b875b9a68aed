//! Proves the chart in `deploy/helm/forebay`, by what Helm renders of it. No cluster is needed: `./run cluster-test` has one.
//!
//! The tools are in `target/tools/bin`, where `deploy/local/helm` puts them. `UPDATE_CHART=1 cargo test -p chart` writes what is
//! generated: the snapshots, and of the chart `values.schema.json`, `README.md` and `files/`.

mod flows;
mod generated;
mod grace;
mod helm;
mod names;
mod objects;
mod program;
mod refusals;
mod restricted;
mod rolling;
mod schemas;
mod secrets;
mod selectors;
mod snapshots;
mod store;
mod strimzi;
mod value_sets;
mod yaml;
