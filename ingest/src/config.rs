//! The settings of ingest.

use std::time::Duration;

use net::server::{Settings, TrustedProxies};
use schemas::setting::{Findings, Invalid, within};
use schemas::source::INGEST_PREFIX;
use serde::Deserialize;

use crate::budget::least_bytes;

/// Settings of ingest. Every one has a default that is safe to run with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port that webhooks come to.
    pub listen: String,
    /// What stands in front of `/in/` in the path of every webhook, for an ingress that does not strip it: `/hooks`. Empty: nothing.
    pub base_path: String,
    /// The path that is answered 200 while this process accepts webhooks, and 503 once it shuts down, for load balancers: also
    /// below `base_path`. Empty: none.
    pub health_path: String,
    /// The proxies whose `X-Forwarded-For` is believed, and from which alone the PROXY protocol is accepted: networks or addresses.
    /// Only log lines and `max_connections_per_ip` depend on the client's address.
    pub trusted_proxies: Vec<String>,
    /// Whether every connection begins with a header of the PROXY protocol, version 1 or 2.
    pub proxy_protocol: bool,
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
    /// behind a proxy share its address, unless it uses the PROXY protocol. `X-Forwarded-For` comes too late to count here.
    pub max_connections_per_ip: Option<usize>,
    /// How long a new connection may stay without sending a byte, and how long its PROXY protocol header may take.
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
    /// How long connections and requests are still accepted after the process was asked to end and is no longer ready,
    /// so that a load balancer can notice. 0: the shutdown begins at once.
    pub shutdown_delay_ms: u64,
    /// How long requests may continue after the shutdown began.
    pub drain_timeout_ms: u64,
    /// The largest head of a request (HTTP/1) or list of headers (HTTP/2), bytes; at least 8192.
    pub max_header_bytes: usize,
    /// The largest body of sources that set no limit of their own, bytes.
    pub max_body_bytes: usize,
    /// How many sources have metrics of their own: those first that receive first; the others are counted as `(other)`. One that
    /// has received nothing for an hour makes room.
    pub metrics_sources_max: usize,
}

/// How long the sender waits that waits the shortest, of those that are known.
const SHORTEST_SENDER_MS: u64 = 5_000;

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            base_path: String::new(),
            health_path: "/healthz".to_owned(),
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
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
            shutdown_delay_ms: 0,
            drain_timeout_ms: 20_000,
            max_header_bytes: 16 * 1024,
            max_body_bytes: 1024 * 1024,
            metrics_sources_max: 1_000,
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
            let why = match key {
                "max_buffered_bytes" => ", for one body of `max_body_bytes` and what is made of it",
                _ => "",
            };
            found.add(key, format!("is {value}, it must be at least {least}{why}"));
        }
        self.check_paths(&mut found);
        found.add_within("", self.proxies().map(drop));
        if self.proxy_protocol && self.trusted_proxies.is_empty() {
            found.add(
                "proxy_protocol",
                "is true, but there are no `trusted_proxies`: name the networks of the proxies that speak it, or anyone could \
                 name any client",
            );
        }
        found.into_result()
    }

    /// Checks the limit of a source of its own against the memory that all requests share.
    pub fn check_body_limit(&self, max_body_bytes: usize) -> Result<(), String> {
        let least = least_bytes(self.max_header_bytes, max_body_bytes);
        if least <= self.max_buffered_bytes {
            return Ok(());
        }
        Err(format!(
            "is {max_body_bytes}, for which `ingest.max_buffered_bytes` ({}) has no room: give less, or raise that to at least {least}",
            self.max_buffered_bytes
        ))
    }

    /// Finds what may be meant, and seldom is.
    pub fn warnings(&self) -> Vec<Invalid> {
        let mut found = Findings::default();
        if self.ack_budget_ms >= SHORTEST_SENDER_MS {
            let reason = format!(
                "is {}: some senders wait {SHORTEST_SENDER_MS} ms at most (Chatwoot does), and count a later answer as none",
                self.ack_budget_ms
            );
            found.add("ack_budget_ms", reason);
        }
        if let Some(per_ip) = self
            .max_connections_per_ip
            .filter(|per_ip| *per_ip > self.max_connections)
        {
            let reason = format!(
                "is {per_ip}, but `max_connections` allows {} in all",
                self.max_connections
            );
            found.add("max_connections_per_ip", reason);
        }
        if self.body_min_bytes_per_second > 0 && self.body_grace_ms >= self.body_timeout_ms {
            let reason = format!(
                "is {}, not below `body_timeout_ms` ({}): `body_min_bytes_per_second` never counts",
                self.body_grace_ms, self.body_timeout_ms
            );
            found.add("body_grace_ms", reason);
        }
        found.into_warnings()
    }

    fn check_paths(&self, found: &mut Findings) {
        for (key, path) in [("base_path", &self.base_path), ("health_path", &self.health_path)] {
            if !path.is_empty() && !is_plain_path(path) {
                found.add(
                    key,
                    format!(
                        "is `{path}`: begin it with `/`, do not end it with one, and use letters, digits, `-`, `.`, `_` and `~` \
                         between them"
                    ),
                );
            }
        }
        let webhooks = format!("{}{INGEST_PREFIX}", self.base_path);
        for path in self.health_paths() {
            // Also the one without the slash at its end, which looks like a webhook's.
            if format!("{path}/").starts_with(&webhooks) {
                found.add(
                    "health_path",
                    format!(
                        "is `{}`, but webhooks come to `{webhooks}`: give another",
                        self.health_path
                    ),
                );
                break;
            }
        }
    }

    /// The trusted proxies, read.
    pub(crate) fn proxies(&self) -> Result<TrustedProxies, Vec<Invalid>> {
        TrustedProxies::parse(&self.trusted_proxies).map_err(|found| within("trusted_proxies", found))
    }

    /// The paths that load balancers may ask.
    pub(crate) fn health_paths(&self) -> impl Iterator<Item = String> {
        let below = format!("{}{}", self.base_path, self.health_path);
        let paths = [self.health_path.clone(), below];
        let count = match (self.health_path.is_empty(), self.base_path.is_empty()) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 2,
        };
        paths.into_iter().take(count)
    }

    pub(crate) fn ack_budget(&self) -> Duration {
        Duration::from_millis(self.ack_budget_ms)
    }

    /// What of it the server of connections enforces.
    pub(crate) fn server(&self, proxies: &TrustedProxies) -> Settings {
        Settings {
            max_connections: self.max_connections,
            max_connections_per_ip: self.max_connections_per_ip,
            proxy_protocol: self.proxy_protocol.then(|| proxies.clone()),
            max_header_bytes: self.max_header_bytes,
            first_byte_timeout: Duration::from_millis(self.first_byte_timeout_ms),
            header_timeout: Duration::from_millis(self.header_timeout_ms),
            idle_timeout: Duration::from_millis(self.idle_timeout_ms),
            write_timeout: Duration::from_millis(self.write_timeout_ms),
            drain_timeout: Duration::from_millis(self.drain_timeout_ms),
        }
    }
}

/// Whether a path is made of segments that every proxy passes on as they are.
fn is_plain_path(path: &str) -> bool {
    let is_plain = |segment: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        !matches!(segment, "" | "." | "..") && segment.bytes().all(allowed)
    };
    path.strip_prefix('/').is_some_and(|path| path.split('/').all(is_plain))
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
        let reason = &found[1].reason;
        assert!(
            reason.starts_with("is 1048576, ") && reason.contains("for one body of `max_body_bytes`"),
            "{reason}"
        );
        assert!(Config::default().check_body_limit(64 * 1024 * 1024).is_err());
        Config::default()
            .check_body_limit(2 * 1024 * 1024)
            .expect("room enough");
        assert_eq!(Config::default().warnings(), []);
        let odd = Config {
            ack_budget_ms: 5_000,
            max_connections_per_ip: Some(10_000),
            body_grace_ms: 15_000,
            ..Config::default()
        };
        let warnings = odd.warnings();
        let places: Vec<&str> = warnings.iter().map(|warning| warning.place.as_str()).collect();
        assert_eq!(places, ["ack_budget_ms", "max_connections_per_ip", "body_grace_ms"]);
        let error = serde_json::from_str::<Config>(r#"{"ack_budgetms": 1}"#).expect_err("a misspelt key");
        assert!(error.to_string().contains("unknown field `ack_budgetms`"), "{error}");
    }

    #[test]
    fn paths_and_proxies_that_cannot_work_are_named_with_the_way_out() {
        for (json, place, words) in [
            (r#"{"base_path": "hooks"}"#, "base_path", "begin it with `/`"),
            (r#"{"base_path": "/hooks/"}"#, "base_path", "is `/hooks/`"),
            (r#"{"base_path": "/"}"#, "base_path", "do not end it with one"),
            (r#"{"base_path": "/a//b"}"#, "base_path", "is `/a//b`"),
            (r#"{"base_path": "/a/../b"}"#, "base_path", "is `/a/../b`"),
            (r#"{"base_path": "/a?b"}"#, "base_path", "letters, digits"),
            (r#"{"base_path": "/{a}"}"#, "base_path", "letters, digits"),
            (r#"{"base_path": "/a b"}"#, "base_path", "letters, digits"),
            (r#"{"health_path": "healthz"}"#, "health_path", "begin it with `/`"),
            (r#"{"health_path": "/in"}"#, "health_path", "webhooks come to `/in/`"),
            (
                r#"{"health_path": "/in/health"}"#,
                "health_path",
                "webhooks come to `/in/`",
            ),
            (
                r#"{"health_path": "/in/health", "base_path": "/hooks"}"#,
                "health_path",
                "webhooks come to `/hooks/in/`",
            ),
            (
                r#"{"health_path": "/hooks/in/a", "base_path": "/hooks"}"#,
                "health_path",
                "webhooks come to `/hooks/in/`",
            ),
            (
                r#"{"trusted_proxies": ["10.0.0.0/8", "lb"]}"#,
                "trusted_proxies[1]",
                "is `lb`: write an address",
            ),
            (r#"{"proxy_protocol": true}"#, "proxy_protocol", "`trusted_proxies`"),
        ] {
            let config: Config = serde_json::from_str(json).expect("known keys");
            let found = config.check().expect_err(json);
            assert_eq!(found.len(), 1, "{json}: {found:?}");
            assert_eq!(found[0].place, place, "{json}");
            assert!(found[0].reason.contains(words), "{json}: {}", found[0].reason);
        }
        for json in [
            r#"{"base_path": "/hooks", "health_path": ""}"#,
            r#"{"base_path": "/hooks/v1.0/~a_b-c", "health_path": "/status/up"}"#,
            r#"{"base_path": "/in"}"#,
            r#"{"health_path": "/inside"}"#,
            r#"{"trusted_proxies": ["10.0.0.0/8", "::1"], "proxy_protocol": true}"#,
        ] {
            let config: Config = serde_json::from_str(json).expect("known keys");
            assert_eq!(config.check(), Ok(()), "{json}");
        }
    }
}
