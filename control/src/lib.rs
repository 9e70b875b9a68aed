//! The registry of sources and endpoints.
