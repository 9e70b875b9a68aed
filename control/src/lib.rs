//! The registry: which sources may send to us and which endpoints want to hear.
//!
//! In this version the registry is what the configuration file says, read once: [`Config`] is the file's part of it,
//! [`Registry`] the checked snapshot. Ingest and the HTTP sink see it only through the traits
//! [`SourceDirectory`](schemas::source::SourceDirectory) and [`EndpointDirectory`](schemas::endpoint::EndpointDirectory),
//! so that a registry in a database can take its place without either of them knowing.
//!
//! [`connect`] registers a source's URL with its platform.

mod config;
pub mod connect;
mod registry;

pub use config::{AuthConfig, Config, EndpointConfig, SourceConfig, TokenConfig};
pub use registry::{Problem, Registry};
