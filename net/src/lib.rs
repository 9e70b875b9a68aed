//! HTTP on the wire, for every role that listens or calls out: bounds and deadlines for whatever a peer may do, and nothing of
//! what the requests mean.
//!
//! * [`client`]: sends requests to addresses that were checked, on pooled connections
//! * [`server`]: accepts connections, serves them with any service, and ends in order

pub mod client;
pub mod server;
