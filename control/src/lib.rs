//! The registry: which sources may send to us and which endpoints receive events.
//!
//! In this version the registry is what the configuration file says, read once: [`schemas::spec`] is how a source or an endpoint is
//! written, [`Registry`] the checked snapshot. Ingest and the HTTP sink see it only through the traits
//! [`SourceDirectory`](schemas::source::SourceDirectory) and [`EndpointDirectory`](schemas::endpoint::EndpointDirectory),
//! so that a registry in a database can take its place without either of them knowing.
//!
//! [`connect`] registers a source's URL with its platform. [`past`] reads what the event log holds already.

pub mod connect;
pub mod past;
mod registry;

pub use registry::{Checks, MadeFilter, Registry};
pub use schemas::spec::{EndpointSpec, SourceSpec};
