//! Deliveries to the world: postgres, sqlite, http, topic.

pub mod http;
