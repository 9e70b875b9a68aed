//! The configuration of the HTTP sink and of its client.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use ipnet::IpNet;
use net::client::{Allowed, Client, Guard, Resolve, Settings, SystemResolver};
use schemas::setting::{Findings, Invalid};
use serde::{Deserialize, Deserializer};
use url::Host;

/// How deliveries leave, and to where they may go at all. Nothing here belongs to one endpoint.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Networks in which receivers may stand although the world does not reach them: `10.20.0.0/16`, `127.0.0.0/8`.
    /// Empty by default: private, loopback, link-local and all other special addresses are forbidden.
    #[serde(deserialize_with = "networks")]
    #[schemars(with = "Vec<String>")]
    pub allowed_networks: Vec<IpNet>,
    /// Names of receivers whose addresses may be private, at any port and over plain `http`, as inside `allowed_networks`:
    /// `hooks.shop.svc`. Exact names: no wildcard, no address. Loopback, link-local and a cloud's own addresses stay forbidden.
    /// Empty by default.
    #[serde(deserialize_with = "hosts")]
    #[schemars(with = "Vec<String>")]
    pub allowed_hosts: Vec<String>,
    /// The ports that may be dialled; inside `allowed_networks` every port may. Default 80, 443, 8443.
    pub allowed_ports: Vec<u16>,
    /// Whether `http://` may leave `allowed_networks`. Default `false`: events cross the open net encrypted or not at all.
    pub allow_plain_http: bool,
    /// The time limit of resolving, connecting and TLS together, inside the endpoint's own. Default 3000.
    pub connect_timeout_ms: u64,
    /// How much of an answer's body is read, within one second; a longer one costs its connection. Default 65536.
    pub response_max_bytes: usize,
    /// How many connections all endpoints together may have at once, those included that are kept for the next delivery.
    /// Default 16384; never more than three quarters of the descriptors that the process may have (`ulimit -n`).
    pub max_connections: Option<usize>,
    /// How long a delivery waits for a connection when all of them are in use; it is then put off, which costs
    /// no attempt. Not part of the endpoint's time-out. Default 5000.
    pub connection_wait_ms: u64,
    /// How long an unused connection is kept. Default 30; shorter than what most receivers keep theirs, so that they
    /// seldom hang up on a delivery that is just being sent.
    pub pool_idle_seconds: u64,
    /// The `user-agent` of every request. Default `forebay/<version>`.
    pub user_agent: String,
    /// A PEM file of certificate authorities that are trusted besides those of the web. Default none.
    pub ca_file: Option<PathBuf>,
    /// How many endpoints have metrics of their own: those first that are posted to first; the others are counted as
    /// `(other)`. One that was not posted to for an hour makes room. Default 200.
    pub metrics_endpoints_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allowed_networks: Vec::new(),
            allowed_hosts: Vec::new(),
            allowed_ports: vec![80, 443, 8443],
            allow_plain_http: false,
            connect_timeout_ms: 3000,
            response_max_bytes: 65_536,
            max_connections: None,
            connection_wait_ms: 5000,
            pool_idle_seconds: 30,
            user_agent: concat!("forebay/", env!("CARGO_PKG_VERSION")).to_owned(),
            ca_file: None,
            metrics_endpoints_max: 200,
        }
    }
}

impl Config {
    /// The guard that these settings ask for.
    pub fn guard(&self) -> Guard {
        Guard::new(Allowed {
            networks: self.allowed_networks.clone(),
            hosts: self.allowed_hosts.clone(),
            ports: self.allowed_ports.clone(),
            plain_http: self.allow_plain_http,
        })
    }

    /// A client with that guard, or everything that is wrong with the settings.
    pub fn client(&self) -> Result<Client, Vec<Invalid>> {
        self.client_with(self.guard(), Arc::new(SystemResolver))
    }

    /// A client with another guard or resolver.
    pub fn client_with(&self, guard: Guard, resolver: Arc<dyn Resolve>) -> Result<Client, Vec<Invalid>> {
        let mut found = Findings::default();
        let user_agent = HeaderValue::from_str(&self.user_agent);
        let user_agent =
            user_agent.map_err(|_| format!("is `{}`: use printable ASCII only", self.user_agent.escape_debug()));
        let user_agent = found.keep_at("user_agent", user_agent);
        if self.connect_timeout_ms == 0 {
            found.add("connect_timeout_ms", "is 0: give at least 1");
        }
        if self.max_connections == Some(0) {
            found.add("max_connections", "is 0: give at least 1");
        }
        let settings = Settings {
            user_agent: user_agent.unwrap_or(Settings::default().user_agent),
            connect_timeout: Duration::from_millis(self.connect_timeout_ms),
            response_max_bytes: self.response_max_bytes,
            max_connections: self.max_connections,
            connection_wait: Duration::from_millis(self.connection_wait_ms),
            pool_idle: Duration::from_secs(self.pool_idle_seconds),
            ca_file: self.ca_file.clone(),
        };
        let client = Client::new(&settings, guard, resolver).map_err(|invalid| vec![invalid]);
        let client = found.keep(client);
        found.into_value(client)
    }
}

fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let network = |text: String| {
        text.parse::<IpNet>().map_err(|_| {
            serde::de::Error::custom(format!(
                "`{text}` is not a network: write address and prefix length, as in `10.0.0.0/8` or `fd00::/8`"
            ))
        })
    };
    Vec::<String>::deserialize(deserializer)?
        .into_iter()
        .map(network)
        .collect()
}

/// Names as URLs have them: in lower case, without a dot at the end.
fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Vec::<String>::deserialize(deserializer)?
        .iter()
        .map(|text| host(text).map_err(serde::de::Error::custom))
        .collect()
}

fn host(text: &str) -> Result<String, String> {
    if text.contains('*') {
        return Err(format!("`{text}` has a `*`: each name is written out"));
    }
    let address = text.trim_matches(['[', ']']);
    let is_address = address.parse::<std::net::IpAddr>().is_ok() || text.parse::<IpNet>().is_ok();
    match Host::parse(text) {
        _ if is_address => Err(format!("`{text}` is an address: it belongs into `allowed_networks`")),
        Ok(Host::Domain(name)) if !name.trim_end_matches('.').is_empty() => Ok(name.trim_end_matches('.').to_owned()),
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) => Err(format!("`{text}` is an address: it belongs into `allowed_networks`")),
        _ => Err(format!(
            "`{text}` is not a name: write it without scheme, port and path, as in `hooks.shop.svc`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_with_its_defaults_and_its_mistakes_are_named() {
        let config: Config =
            serde_json::from_str(r#"{"allowed_networks": ["127.0.0.0/8", "fd00::/8"]}"#).expect("valid");
        assert_eq!(config.allowed_networks.len(), 2);
        assert_eq!(config.allowed_ports, [80, 443, 8443]);
        assert!(
            Config::default().allowed_networks.is_empty(),
            "nothing special is allowed unasked"
        );

        let error = serde_json::from_str::<Config>(r#"{"allowed_networks": ["127.0.0.1"]}"#).expect_err("no prefix");
        assert!(error.to_string().contains("`127.0.0.1` is not a network"), "{error}");
        let config: Config = serde_json::from_str(r#"{"allowed_hosts": ["Hooks.Shop.svc.", "crm"]}"#).expect("valid");
        assert_eq!(config.allowed_hosts, ["hooks.shop.svc", "crm"]);
        for (wrong, reason) in [
            ("*.svc", "`*.svc` has a `*`"),
            ("10.0.0.1", "belongs into `allowed_networks`"),
            ("10.0.0.0/8", "belongs into `allowed_networks`"),
            ("0x7f.1", "belongs into `allowed_networks`"),
            ("[fd00::1]", "belongs into `allowed_networks`"),
            ("fd00::1", "belongs into `allowed_networks`"),
            ("crm:9000", "is not a name"),
            ("http://crm/", "is not a name"),
            ("", "is not a name"),
            (".", "is not a name"),
        ] {
            let error = serde_json::from_value::<Config>(serde_json::json!({ "allowed_hosts": [wrong] }));
            let error = error.expect_err(wrong).to_string();
            assert!(error.contains(reason), "{error}");
        }

        let error = serde_json::from_str::<Config>(r#"{"allowed_network": []}"#).expect_err("misspelt");
        assert!(error.to_string().contains("allowed_network"), "{error}");
    }

    #[test]
    fn every_value_that_cannot_work_is_named() {
        let config = Config {
            user_agent: "a\r\nhost: b".to_owned(),
            connect_timeout_ms: 0,
            max_connections: Some(0),
            ca_file: Some("nowhere.pem".into()),
            ..Config::default()
        };
        let found = config.client().expect_err("not usable");
        let places: Vec<&str> = found.iter().map(|invalid| &*invalid.place).collect();
        assert_eq!(
            places,
            ["user_agent", "connect_timeout_ms", "max_connections", "ca_file"]
        );
    }
}
