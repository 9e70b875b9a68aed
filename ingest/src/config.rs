//! The settings of ingest.

use std::time::Duration;

use net::server::Settings;
use schemas::setting::{Findings, Invalid};
use serde::Deserialize;

use crate::budget::least_bytes;

/// Settings of ingest. Every one has a default that is safe to run with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port that webhooks come to.
    pub listen: String,
    /// How long a request waits for the event log before it is answered 503. Keep it below the shortest time-out of the
    /// senders (Chatwoot waits 5 s).
    pub ack_budget_ms: u64,
    /// How many authenticated webhooks may be on their way into the event log; the next one is answered 503.
    pub max_in_flight: usize,
    /// How many bytes requests may take of the memory at once, all together: heads, bodies as they are allocated, the
    /// records made of them and the event log's copies of these. What would exceed it is answered 503.
    pub max_buffered_bytes: usize,
    /// How many connections may be open; further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// How many connections one address may hold; further ones are closed at once. Not set: no limit, because senders
    /// behind a proxy share its address.
    pub max_connections_per_ip: Option<usize>,
    /// How long a new connection may stay without sending a byte.
    pub first_byte_timeout_ms: u64,
    /// How long the head of a request may take from its first byte.
    pub header_timeout_ms: u64,
    /// How long the body of a request may take.
    pub body_timeout_ms: u64,
    /// How many bytes a second of a body have to come, or it is answered 408 and its connection closed (on HTTP/2 its
    /// stream). 0: only `body_timeout_ms` counts.
    pub body_min_bytes_per_second: u64,
    /// How far a body may fall short of that rate, and so how long it may pause.
    pub body_grace_ms: u64,
    /// How long a client may take nothing of what is written to it.
    pub write_timeout_ms: u64,
    /// How long a connection may stay open between two requests. Keep it above the idle time of the proxies in front
    /// (60 s is common), or they send a request into a connection that is just being closed.
    pub idle_timeout_ms: u64,
    /// How long requests may continue after the shutdown began.
    pub drain_timeout_ms: u64,
    /// The largest head of a request (HTTP/1) or list of headers (HTTP/2), bytes; at least 8192.
    pub max_header_bytes: usize,
    /// The largest body of sources that set no limit of their own, bytes.
    pub max_body_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            ack_budget_ms: 2_000,
            max_in_flight: 1_024,
            max_buffered_bytes: 256 * 1024 * 1024,
            max_connections: 8_192,
            max_connections_per_ip: None,
            first_byte_timeout_ms: 5_000,
            header_timeout_ms: 5_000,
            body_timeout_ms: 15_000,
            body_min_bytes_per_second: 1_024,
            body_grace_ms: 5_000,
            write_timeout_ms: 15_000,
            idle_timeout_ms: 75_000,
            drain_timeout_ms: 20_000,
            max_header_bytes: 16 * 1024,
            max_body_bytes: 1024 * 1024,
        }
    }
}

impl Config {
    /// Finds the settings that cannot be run with.
    pub fn check(&self) -> Result<(), Vec<Invalid>> {
        let bytes = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let settings = [
            ("ack_budget_ms", self.ack_budget_ms, 1),
            ("max_in_flight", bytes(self.max_in_flight), 1),
            (
                "max_buffered_bytes",
                bytes(self.max_buffered_bytes),
                bytes(least_bytes(self.max_header_bytes, self.max_body_bytes)),
            ),
            ("max_connections", bytes(self.max_connections), 1),
            (
                "max_connections_per_ip",
                bytes(self.max_connections_per_ip.unwrap_or(1)),
                1,
            ),
            ("first_byte_timeout_ms", self.first_byte_timeout_ms, 1),
            ("header_timeout_ms", self.header_timeout_ms, 1),
            ("body_timeout_ms", self.body_timeout_ms, 1),
            ("body_grace_ms", self.body_grace_ms, 1),
            ("write_timeout_ms", self.write_timeout_ms, 1),
            ("idle_timeout_ms", self.idle_timeout_ms, 1),
            // hyper refuses smaller buffers.
            ("max_header_bytes", bytes(self.max_header_bytes), 8192),
            ("max_body_bytes", bytes(self.max_body_bytes), 1),
        ];
        let mut found = Findings::default();
        for (key, value, least) in settings.into_iter().filter(|(_, value, least)| value < least) {
            found.add(key, format!("is {value}, it must be at least {least}"));
        }
        found.into_result()
    }

    pub(crate) fn ack_budget(&self) -> Duration {
        Duration::from_millis(self.ack_budget_ms)
    }

    /// What of it the server of connections enforces.
    pub(crate) fn server(&self) -> Settings {
        Settings {
            max_connections: self.max_connections,
            max_connections_per_ip: self.max_connections_per_ip,
            max_header_bytes: self.max_header_bytes,
            first_byte_timeout: Duration::from_millis(self.first_byte_timeout_ms),
            header_timeout: Duration::from_millis(self.header_timeout_ms),
            idle_timeout: Duration::from_millis(self.idle_timeout_ms),
            write_timeout: Duration::from_millis(self.write_timeout_ms),
            drain_timeout: Duration::from_millis(self.drain_timeout_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_run_with_and_a_bad_setting_is_named() {
        assert_eq!(Config::default().check(), Ok(()));
        let config: Config = serde_json::from_str(r#"{"max_header_bytes": 100}"#).expect("a known key");
        let found = config.check().expect_err("too small");
        let too_small = Invalid::new("max_header_bytes", "is 100, it must be at least 8192");
        assert_eq!(found, [too_small]);
        let config: Config =
            serde_json::from_str(r#"{"max_buffered_bytes": 1048576, "max_in_flight": 0}"#).expect("known keys");
        let found = config
            .check()
            .expect_err("no room for the largest body and what is made of it");
        let places: Vec<&str> = found.iter().map(|invalid| invalid.place.as_str()).collect();
        assert_eq!(places, ["max_in_flight", "max_buffered_bytes"], "all of them");
        assert!(found[1].reason.starts_with("is 1048576, "), "{found:?}");
        let error = serde_json::from_str::<Config>(r#"{"ack_budgetms": 1}"#).expect_err("a misspelt key");
        assert!(error.to_string().contains("unknown field `ack_budgetms`"), "{error}");
    }
}
