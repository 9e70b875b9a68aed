//! What is wrong with a configuration: each room judges its own section, and everything is found in one run.

use std::net::{Ipv4Addr, Ipv6Addr};

use schemas::endpoint::Endpoint;
use schemas::name::SinkName;
use schemas::setting::{Findings, Invalid};

use super::missing::is_unused;
use super::{Config, SinksConfig};
use crate::telemetry;

impl Config {
    /// Returns when deliveries to `sink` are tried again: by its own `retry`, or by the worker's settings; `http` has waits of its
    /// own where neither says anything.
    pub(crate) fn schedule_of(&self, sink: &SinkName) -> Result<processor::Schedule, Vec<Invalid>> {
        self.sinks.schedule_of(sink, &self.processor, self.store.is_some())
    }

    /// Finds what no command can run with.
    pub(super) fn check(&self) -> Result<(), Vec<Invalid>> {
        let mut found = Findings::default();
        found.keep_at("admin.listen", check_address(&self.admin.listen));
        found.keep_at("ingest.listen", check_address(&self.ingest.listen));
        found.keep_at("admin.listen", self.check_ports());
        found.add_within("ingest", self.ingest.check());
        found.add_within("processor", self.processor.check());
        found.add_within("event_log", self.event_log.check());
        let kept = self.event_log.retention_hours;
        found.add_within("", self.sinks.check_retry(&self.processor, kept, self.store.is_some()));
        self.check_receipts(&mut found);
        self.check_publishing(&mut found);
        self.check_bodies(&mut found);
        found.into_result()
    }

    /// Finds everything, also what only some commands need. Nothing is opened, and no service is asked.
    pub(crate) fn check_all(&self) -> Result<(), Vec<Invalid>> {
        let mut found = Findings::default();
        found.keep(telemetry::filter(&self.logging).map_err(|invalid| vec![invalid]));
        found.add_within("", self.check());
        found.add_within("", self.guarded_registry().map(drop));
        found.add_within("", self.sinks.check());
        found.add_within("", self.check_store());
        if self.event_log.check().is_ok() {
            let kafka = self.event_log.kafka();
            found.add_within("event_log.kafka", kafka.map_or(Ok(()), |kafka| kafka.check()));
            let journal = self.event_log.journal.as_ref();
            found.add_within(
                "event_log.journal",
                journal.map_or(Ok(()), stream::journal::Config::check),
            );
        }
        found.into_result()
    }

    /// The same, but for what is `unused`.
    pub(crate) fn check_all_but_of(&self, unused: &[String]) -> Vec<Invalid> {
        let found = self.check_all().err().into_iter().flatten();
        found.filter(|invalid| !is_unused(unused, &invalid.place)).collect()
    }

    /// Sources and endpoints, the sources checked by the room that receives from them.
    pub(crate) fn registry(&self) -> Result<control::Registry, Vec<Invalid>> {
        self.registry_with(&|_| Ok(()))
    }

    /// The same, and the endpoints checked by the guard of the HTTP sink, as far as that goes without resolving names.
    pub(crate) fn guarded_registry(&self) -> Result<control::Registry, Vec<Invalid>> {
        let Some(http) = &self.sinks.http else {
            return self.registry();
        };
        self.registry_with(&|endpoint| sinks::http::check_endpoint(&http.guard(), endpoint))
    }

    /// The endpoints without the sources, which may be wrong, and unguarded.
    pub(crate) fn endpoints_alone(&self) -> Result<control::Registry, Vec<Invalid>> {
        let filters = rules::Filters::default();
        let any = control::Checks {
            source: &|_| Ok(()),
            endpoint: &|_| Ok(()),
            filter: &|text| filter(&filters, text),
        };
        control::Registry::new(Vec::new(), self.endpoints.clone(), self.ingest.max_body_bytes, &any)
    }

    fn registry_with(
        &self,
        endpoint: &dyn Fn(&Endpoint) -> Result<(), Vec<Invalid>>,
    ) -> Result<control::Registry, Vec<Invalid>> {
        let filters = rules::Filters::default();
        let checks = control::Checks {
            source: &ingest::check_source,
            endpoint,
            filter: &|text| filter(&filters, text),
        };
        let (sources, endpoints) = (self.sources.clone(), self.endpoints.clone());
        let registry = control::Registry::new(sources, endpoints, self.ingest.max_body_bytes, &checks)?;
        Ok(registry.with_base_path(&self.ingest.base_path))
    }

    /// Finds what the backlog and the attempt log cannot be kept with.
    pub(crate) fn check_store(&self) -> Result<(), Vec<Invalid>> {
        let mut found = Findings::default();
        let Some(store) = &self.store else {
            self.check_paused(&mut found);
            return found.into_result();
        };
        found.add_within("store", store.check());
        // Without Kafka it is for `forebay dev`, which brings a database.
        if !store.names_a_database() && self.event_log.kafka.is_some() {
            let reason = "names no database: write `postgres: { url: … }` under it, or take it out";
            found.add("store", reason);
        }
        found.into_result()
    }

    /// What comes for a paused endpoint waits in the store. `forebay dev` brings one.
    fn check_paused(&self, found: &mut Findings) {
        if self.event_log.kafka.is_none() {
            return;
        }
        for (number, _) in self
            .endpoints
            .iter()
            .enumerate()
            .filter(|(_, endpoint)| endpoint.paused)
        {
            let reason = "needs a `store`, where what comes meanwhile waits: write `store: { postgres: { url: … } }`, or take the \
                          endpoint out of what is delivered to with `enabled: false`";
            found.add(format!("endpoints[{number}].paused"), reason);
        }
    }

    /// Two ports of one process; port 0 is any free one.
    pub(crate) fn check_ports(&self) -> Result<(), String> {
        let (admin, ingest) = (&self.admin.listen, &self.ingest.listen);
        if collide(admin, ingest) {
            return Err(format!(
                "is `{admin}` and `ingest.listen` is `{ingest}`: one process cannot listen twice on one port, give them two"
            ));
        }
        Ok(())
    }

    /// A publish that takes longer than the sender is kept waiting is answered 503, and may be stored all the same.
    fn check_publishing(&self, found: &mut Findings) {
        let budget = self.ingest.ack_budget_ms;
        let kafka = self.event_log.kafka.as_ref();
        let (log, timeout) = match (kafka, &self.event_log.journal) {
            (Some(kafka), _) => ("kafka", kafka.publish_timeout_ms),
            (None, Some(journal)) => ("journal", journal.publish_timeout_ms),
            // That of `forebay dev`.
            (None, None) => ("journal", stream::journal::Config::default().publish_timeout_ms),
        };
        if timeout >= budget {
            let key = format!("event_log.{log}.publish_timeout_ms");
            let reason = format!(
                "is {budget}, and `{key}` is {timeout}: give that less, or a webhook is answered 503 while it may still be stored"
            );
            found.add("ingest.ack_budget_ms", reason);
        }
    }

    fn check_bodies(&self, found: &mut Findings) {
        for (index, source) in self.sources.iter().enumerate() {
            if let Some(limit) = source.max_body_bytes {
                let place = format!("sources[{index}].max_body_bytes");
                found.keep_at(&place, self.ingest.check_body_limit(limit));
            }
        }
    }

    /// A replay finds the receipts of everything that the log still has, or it stores events without a time of their own
    /// a second time.
    fn check_receipts(&self, found: &mut Findings) {
        let kept = self.event_log.retention_hours.saturating_mul(3600);
        let (postgres, sqlite) = (self.sinks.postgres.as_ref(), self.sinks.sqlite.as_ref());
        let remembered = [
            ("postgres", postgres.map(|p| p.receipt_retention_seconds)),
            ("sqlite", sqlite.map(|s| s.receipt_retention_seconds)),
        ];
        for (sink, seconds) in remembered {
            if let Some(seconds) = seconds.filter(|seconds| u64::from(*seconds) < kept) {
                found.add(
                    format!("sinks.{sink}.receipt_retention_seconds"),
                    format!(
                        "is {seconds}, but `event_log.retention_hours` keeps events for {kept} seconds: give at least that"
                    ),
                );
            }
        }
    }
}

impl SinksConfig {
    /// Finds what the sinks cannot be made with.
    pub(crate) fn check(&self) -> Result<(), Vec<Invalid>> {
        let mut found = Findings::default();
        if let Some(http) = &self.http {
            found.add_within("sinks.http", http.client().map(drop));
        }
        if let Some(postgres) = &self.postgres {
            found.add_within("sinks.postgres", postgres.check());
        }
        if let Some(sqlite) = &self.sqlite {
            let mut sqlite = sqlite.clone();
            if sqlite.path.as_os_str().is_empty() {
                // `forebay dev` names one.
                sqlite.path = "forebay.db".into();
            }
            found.add_within("sinks.sqlite", sqlite.check());
        }
        found.into_result()
    }
}

/// The filter of an endpoint, as the rules read it.
fn filter(filters: &rules::Filters, text: &str) -> control::MadeFilter {
    let compiled = filters.compile(text);
    compiled.map_err(|found| found.into_iter().map(|reason| Invalid::new("", reason)).collect())
}

/// Whether two addresses cannot both be listened on.
fn collide(one: &str, other: &str) -> bool {
    let parts = |address: &str| {
        let (host, port) = address.rsplit_once(':')?;
        let host = match host.trim_matches(['[', ']']) {
            "localhost" => "127.0.0.1",
            host => host,
        };
        Some((host.to_ascii_lowercase(), port.parse::<u16>().ok()?))
    };
    let (Some((one, port)), Some((other, same))) = (parts(one), parts(other)) else {
        return false;
    };
    // `::` takes the addresses of IPv4, too; 0.0.0.0 does not take those of IPv6.
    let takes = |all: &str, host: &str| all == "::" || (all == "0.0.0.0" && !host.contains(':'));
    port == same && port != 0 && (one == other || takes(&one, &other) || takes(&other, &one))
}

/// Whether it has the form of an address to listen on.
fn check_address(address: &str) -> Result<(), String> {
    let parts = address.rsplit_once(':');
    let way_out = match parts {
        Some((host, port)) if is_host(host) && port.parse::<u16>().is_ok() => return Ok(()),
        Some(("" | "*", _)) => "; 0.0.0.0 is every address",
        Some((host, port)) if is_host(host) && port.parse::<u64>().is_ok() => "; a port is at most 65535",
        _ => "",
    };
    Err(format!(
        "is `{address}`: write address and port, as in 127.0.0.1:8080{way_out}"
    ))
}

/// Whether it is an address, or may be a name that has one.
fn is_host(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if let Some(address) = inner.or_else(|| Some(host).filter(|host| host.contains(':'))) {
        // What follows a `%` is the interface.
        let address = address.split('%').next().unwrap_or_default();
        return address.parse::<Ipv6Addr>().is_ok();
    }
    if host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    host.chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::{check_address, collide};

    #[test]
    fn an_address_to_listen_on_has_a_host_and_a_port() {
        for address in [
            "127.0.0.1:8080",
            "0.0.0.0:0",
            "[::]:8080",
            "::1:8080",
            "[fe80::1%2]:80",
            "localhost:8080",
            "my_host-1.internal:80",
        ] {
            assert_eq!(check_address(address), Ok(()), "{address}");
        }
        for (address, expected) in [
            (":8080", "; 0.0.0.0 is every address"),
            ("*:8080", "; 0.0.0.0 is every address"),
            ("127.0.0.1:65536", "; a port is at most 65535"),
            ("127.0.0.1", "as in 127.0.0.1:8080"),
            ("256.1.1.1:80", "as in 127.0.0.1:8080"),
            ("fd00::1", "as in 127.0.0.1:8080"),
            ("[::1:8080", "as in 127.0.0.1:8080"),
            ("127.0.0.1 :8080", "as in 127.0.0.1:8080"),
            ("http://127.0.0.1:8080", "as in 127.0.0.1:8080"),
        ] {
            let reason = check_address(address).expect_err(address);
            assert!(reason.ends_with(expected), "{reason}");
        }
    }

    #[test]
    fn addresses_collide_where_one_takes_in_the_other() {
        for (one, other, expected) in [
            ("127.0.0.1:8080", "127.0.0.1:8080", true),
            ("0.0.0.0:8080", "127.0.0.1:8080", true),
            ("[::]:8080", "127.0.0.1:8080", true),
            ("[::]:8080", "0.0.0.0:8080", true),
            ("localhost:8080", "127.0.0.1:8080", true),
            ("0.0.0.0:8080", "[::1]:8080", false),
            ("127.0.0.1:8080", "127.0.0.2:8080", false),
            ("0.0.0.0:8080", "0.0.0.0:8081", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ] {
            assert_eq!(
                (collide(one, other), collide(other, one)),
                (expected, expected),
                "{one} {other}"
            );
        }
    }
}
