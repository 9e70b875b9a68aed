//! Deliveries to the developer's own server: a sink of its own beside those of the configuration, with its own endpoints, guard and
//! retries, and with the rule that every event goes there. So nothing that the configuration says about deliveries changes.

use std::collections::{BTreeSet, HashMap};
use std::io::{ErrorKind, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use ipnet::IpNet;
use prometheus_client::registry::Registry as Metrics;
use schemas::attempt::AttemptLog;
use schemas::endpoint::{Endpoint, EndpointDirectory, EventTypePattern};
use schemas::name::{EndpointId, SinkName, Tenant};
use schemas::secret::Secret;
use schemas::setting::Invalid;
use schemas::sink::{Destinations, Sink};
use schemas::spec::Retry;
use sinks::http::HttpSink;
use url::{Host, Url};

use super::lines::Lines;
use super::watched::Since;
use super::{Base, SinkWorker};
use crate::assemble::{Listeners, heard};
use crate::commands::secret;
use crate::config::{ConfigError, Loaded};
use crate::roles::workers::workers;

/// The name of the sink, and of its first endpoint.
pub(super) const FORWARD: &str = "forward";

/// What the id of an endpoint goes on with that is of another tenant than the first.
pub(super) const OF_TENANT: &str = "-tenant-";

/// For about ten minutes; a server that is being written is often away.
const WAITS: [&str; 4] = ["1s", "2s", "5s", "10s"];
const MORE_WAITS_OF_THE_LAST: usize = 57;

/// Where events are forwarded to.
#[derive(Debug)]
pub(super) struct Forward {
    urls: Vec<Url>,
    events: Vec<EventTypePattern>,
    /// As it is written, for the banner.
    secret: String,
    key: Secret,
    /// What the host names and addresses stand for: only these are let through.
    networks: Vec<IpNet>,
}

impl Forward {
    /// Finds the addresses, and the secret of this data folder, which is made the first time.
    pub(super) async fn new(
        urls: &[Url],
        events: &[EventTypePattern],
        data: &Path,
        loaded: &mut Loaded,
    ) -> anyhow::Result<Self> {
        let mut networks = Vec::new();
        for url in urls {
            networks.extend(networks_of(url).await?);
        }
        let secret = kept_secret(data)?;
        let key = Secret::from_standard_webhooks(&secret).map_err(|wrong| {
            ConfigError(format!(
                "{} {wrong}; or remove it, and another one is made",
                data.join(FILE).display()
            ))
        })?;
        loaded.config.sinks.retry.insert(FORWARD, retry()?);
        Ok(Self {
            urls: urls.to_vec(),
            events: events.to_vec(),
            secret,
            key,
            networks,
        })
    }

    pub(super) fn urls(&self) -> &[Url] {
        &self.urls
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// What the endpoints are called in lines: host and port, by their id.
    pub(super) fn names(&self) -> HashMap<String, String> {
        let name = |url: &Url| {
            let port = url.port().map_or(String::new(), |port| format!(":{port}"));
            format!("{}{port}", url.host_str().unwrap_or_default())
        };
        let ids = |(index, url): (usize, &Url)| (id_of(index), name(url));
        self.urls.iter().enumerate().map(ids).collect()
    }

    /// The sink. Its metrics are not those of `sinks.http`, and are not shown.
    pub(super) fn sink(
        &self,
        base: &Base,
        lines: Arc<Lines>,
        attempts: Option<Arc<dyn AttemptLog>>,
    ) -> Result<Arc<dyn Sink>, Vec<Invalid>> {
        let mut config = base.loaded.config.sinks.http.clone().unwrap_or_default();
        config.allowed_networks.extend(&self.networks);
        let tenants: BTreeSet<Tenant> = base.registry.sources().map(|source| source.tenant.clone()).collect();
        let directory: Arc<dyn EndpointDirectory> = Arc::new(self.endpoints(&tenants));
        let sink = HttpSink::new(&config, name(), directory, &mut Metrics::default())?;
        let listeners = Listeners {
            watch: Some(lines),
            attempts,
            ..Listeners::default()
        };
        Ok(Arc::new(Since::now(Arc::new(heard(sink, listeners)))))
    }

    fn endpoints(&self, tenants: &BTreeSet<Tenant>) -> Fixed {
        let mut all = Vec::new();
        for (number, tenant) in tenants.iter().enumerate() {
            for (index, url) in self.urls.iter().enumerate() {
                let id = match number {
                    0 => id_of(index),
                    number => format!("{}{OF_TENANT}{}", id_of(index), number + 1),
                };
                let Ok(id) = EndpointId::new(id) else { continue };
                let keys = vec![self.key.clone()];
                all.push(Arc::new(Endpoint {
                    events: self.events.clone(),
                    ..Endpoint::new(id, tenant.clone(), url.clone(), keys)
                }));
            }
        }
        Fixed(all.into())
    }

    /// The worker of the sink, which every event goes to.
    pub(super) fn worker(sink: Vec<Arc<dyn Sink>>, base: &Base) -> anyhow::Result<Option<SinkWorker>> {
        let rules = Arc::new(rules::Rules::everything(&Only));
        let mut metrics = Metrics::default();
        let workers = workers(&base.loaded, sink, &rules, &base.log, &base.topics, None, &mut metrics)?;
        Ok(workers.into_iter().next())
    }
}

fn id_of(index: usize) -> String {
    match index {
        0 => FORWARD.to_owned(),
        index => format!("{FORWARD}-{}", index + 1),
    }
}

fn name() -> SinkName {
    SinkName::new(FORWARD).unwrap_or_else(|_| unreachable!("a literal name is valid"))
}

fn retry() -> anyhow::Result<Retry> {
    let last = WAITS.iter().rev().take(1).cycle().take(MORE_WAITS_OF_THE_LAST);
    let steps = WAITS
        .iter()
        .chain(last)
        .map(|wait| wait.parse().map_err(anyhow::Error::msg));
    Ok(Retry {
        steps: Some(steps.collect::<Result<_, _>>()?),
        ..Retry::default()
    })
}

/// The addresses of the URL's host now, each as a network of one.
async fn networks_of(url: &Url) -> anyhow::Result<Vec<IpNet>> {
    let name = match url.host() {
        Some(Host::Ipv4(address)) => return Ok(vec![IpAddr::from(address).into()]),
        Some(Host::Ipv6(address)) => return Ok(vec![IpAddr::from(address).into()]),
        Some(Host::Domain(name)) => name.to_owned(),
        None => String::new(),
    };
    let port = url.port_or_known_default().unwrap_or_default();
    let found = tokio::net::lookup_host((name.as_str(), port)).await;
    let found = found.map_err(|e| ConfigError(format!("--forward-to: cannot resolve `{name}`: {e}")))?;
    Ok(found.map(|address| address.ip().into()).collect())
}

/// The file of the secret, in the data folder.
const FILE: &str = "forward.secret";

/// The secret that this data folder has, so that it stays the same from one start to the next.
fn kept_secret(data: &Path) -> anyhow::Result<String> {
    let file = data.join(FILE);
    match std::fs::read_to_string(&file) {
        Ok(text) => return Ok(text.trim().to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", file.display())),
    }
    let made = secret::signing_secret()?;
    let write = || {
        std::fs::create_dir_all(data)?;
        let mut options = std::fs::File::options();
        let mut written = options.write(true).create_new(true).mode(0o600).open(&file)?;
        writeln!(written, "{made}")
    };
    write().with_context(|| format!("cannot write `{}`", file.display()))?;
    Ok(made)
}

/// Endpoints that stay as they are.
#[derive(Debug)]
struct Fixed(Arc<[Arc<Endpoint>]>);

impl EndpointDirectory for Fixed {
    fn endpoints(&self) -> Arc<[Arc<Endpoint>]> {
        Arc::clone(&self.0)
    }
}

/// The one sink that there is, for its rules.
struct Only;

impl Destinations for Only {
    fn sinks(&self) -> Vec<SinkName> {
        vec![name()]
    }

    fn check(&self, _: &SinkName, _: Option<&str>) -> Result<(), Invalid> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_secret_of_a_folder_stays_and_is_for_its_owner_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let made = kept_secret(&data).expect("made");
        assert!(Secret::from_standard_webhooks(&made).is_ok(), "fit to sign with");
        assert_eq!(kept_secret(&data).expect("read"), made);
        let mode = std::fs::metadata(data.join(FILE)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_server_that_is_away_is_tried_soon_and_for_minutes() {
        let worker = processor::Config::default();
        let schedule = worker.schedule_of(&retry().expect("steps")).expect("a schedule");
        assert!(schedule.ceiling(1) <= Duration::from_millis(1200));
        assert!(schedule.span() > Duration::from_mins(9), "{:?}", schedule.span());
    }

    #[tokio::test]
    async fn only_the_host_s_own_addresses_are_let_through() {
        let url = |text| Url::parse(text).expect("a URL");
        assert_eq!(
            networks_of(&url("http://127.0.0.1:3000/")).await.expect("found"),
            ["127.0.0.1/32".parse().expect("a network")]
        );
        assert_eq!(
            networks_of(&url("http://[::1]:3000/")).await.expect("found"),
            ["::1/128".parse().expect("a network")]
        );
    }
}
