//! What is wrong with a configuration: each room judges its own section, and everything is found in one run.

use schemas::setting::{Findings, Invalid};

use super::{Config, SinksConfig};
use crate::telemetry;

impl Config {
    /// Finds what no command can run with.
    pub(super) fn check(&self) -> Result<(), Vec<Invalid>> {
        let mut found = Findings::default();
        found.keep_at("admin.listen", check_address(&self.admin.listen));
        found.keep_at("ingest.listen", check_address(&self.ingest.listen));
        found.add_within("ingest", self.ingest.check());
        found.add_within("processor", self.processor.check());
        found.add_within("event_log", self.event_log.check());
        let kept = self.event_log.retention_hours;
        found.add_within("", self.sinks.check_retry(&self.processor, kept));
        self.check_receipts(&mut found);
        found.into_result()
    }

    /// Finds everything, also what only some commands need. Nothing is opened, and no service is asked.
    pub(crate) fn check_all(&self) -> Result<(), Vec<Invalid>> {
        let mut found = Findings::default();
        found.keep(telemetry::filter(&self.logging).map_err(|invalid| vec![invalid]));
        found.add_within("", self.check());
        found.add_within("", self.guarded_registry().map(drop));
        found.add_within("", self.sinks.check());
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

    /// Sources and endpoints, the sources checked by the room that receives from them.
    pub(crate) fn registry(&self) -> Result<control::Registry, Vec<Invalid>> {
        self.registry_with(&control::Checks {
            source: &ingest::check_source,
            endpoint: &|_| Ok(()),
        })
    }

    /// The same, and the endpoints checked by the guard of the HTTP sink, as far as that goes without resolving names.
    pub(crate) fn guarded_registry(&self) -> Result<control::Registry, Vec<Invalid>> {
        let Some(http) = &self.sinks.http else {
            return self.registry();
        };
        let guard = http.guard();
        self.registry_with(&control::Checks {
            source: &ingest::check_source,
            endpoint: &|endpoint| {
                let checked = guard.check_url(&endpoint.url);
                checked.map_err(|e| vec![Invalid::new("url", format!("cannot be posted to: {e}"))])
            },
        })
    }

    fn registry_with(&self, checks: &control::Checks<'_>) -> Result<control::Registry, Vec<Invalid>> {
        let (sources, endpoints) = (self.sources.clone(), self.endpoints.clone());
        let registry = control::Registry::new(sources, endpoints, self.ingest.max_body_bytes, checks)?;
        Ok(registry.with_base_path(&self.ingest.base_path))
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

/// Whether it has the form of an address to listen on.
fn check_address(address: &str) -> Result<(), String> {
    let parts = address.rsplit_once(':');
    match parts.filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
        Some(_) => Ok(()),
        None => Err(format!("is `{address}`: write address and port, as in 127.0.0.1:8080")),
    }
}
