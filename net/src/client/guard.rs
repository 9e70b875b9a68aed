//! Where a delivery may go. Endpoint URLs come from users, and whoever makes us dial an address of their choice must not
//! reach anything that only we can reach (server-side request forgery).
//!
//! An allow-list: global unicast only, by the special-purpose registries of IANA (RFC 6890 and its updates). For IPv6 that
//! is `2000::/3` less its exceptions, and NAT64's `64:ff9b::/96` judged by the IPv4 address inside. What is judged is always
//! an address, never its spelling: [`url::Url`] has turned `0x7f.1` and `①②⑦.⓪.⓪.①` into addresses before they come here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

/// The judge of URLs and addresses. Pure: it neither resolves nor connects.
#[derive(Debug, Clone)]
pub struct Guard {
    /// `None` lets everything pass.
    rules: Option<Allowed>,
}

/// Where requests may go. The reasons of [`Blocked`] name these as the settings `allowed_networks`, `allowed_hosts`,
/// `allowed_ports` and `allow_plain_http` of `sinks.http`.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    /// Networks that may be reached although they are special-purpose, at any port, with or without TLS.
    pub networks: Vec<IpNet>,
    /// Names whose addresses may be private, at any port, with or without TLS: in lower case, without a dot at the end. It
    /// holds for URLs with that name, and for no other name of the same address.
    pub hosts: Vec<String>,
    /// The ports that may be dialled elsewhere.
    pub ports: Vec<u16>,
    /// Whether plain `http` may leave `networks`.
    pub plain_http: bool,
}

/// Why a URL or an address is not dialled. Names the place and the way out, and never path or query, which may hold
/// secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{place}` is blocked: {reason}")]
pub struct Blocked {
    place: String,
    reason: String,
}

impl Blocked {
    fn new(place: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self {
            place: place.to_string(),
            reason: reason.into(),
        }
    }

    /// What is not dialled.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Why, and the way out.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl Guard {
    /// A guard that lets pass what is allowed.
    pub fn new(allowed: Allowed) -> Self {
        Self { rules: Some(allowed) }
    }

    /// A guard that lets everything pass, for destinations that the operator types on the command line.
    pub fn allow_all() -> Self {
        Self { rules: None }
    }

    /// Judges what can be judged without resolving: scheme, user info, host, port, and an address written as such. To be
    /// asked when an endpoint is registered, and again before each connection.
    pub fn check_url(&self, url: &Url) -> Result<(), Blocked> {
        let encrypted = match url.scheme() {
            "https" => true,
            "http" => false,
            other => return Err(Blocked::new(other, "only `https` and `http` URLs are delivered to")),
        };
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(Blocked::new(url.scheme(), "the URL has no host"));
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Blocked::new(
                &host,
                "user info in a URL is not sent: take it out, deliveries are signed instead",
            ));
        }
        match host {
            Host::Ipv4(address) => self.check_address(address.into(), port, encrypted),
            Host::Ipv6(address) => self.check_address(address.into(), port, encrypted),
            Host::Domain(name) => match &self.rules {
                Some(rules) if is_loopback_name(name) => rules.check_loopback_name(name),
                Some(rules) if rules.names(name) => Ok(()),
                // Any other name may lead into the allowed networks; without any, port and scheme are decided already.
                Some(rules) if rules.networks.is_empty() => rules.check_open(&name, port, encrypted),
                _ => Ok(()),
            },
        }
    }

    /// Judges an address that was written as such.
    pub fn check_address(&self, address: IpAddr, port: u16, encrypted: bool) -> Result<(), Blocked> {
        self.check_address_of(None, address, port, encrypted)
    }

    /// Judges an address that is about to be dialled: one of `name`, which is that of the URL, or one that the URL has itself.
    pub fn check_address_of(
        &self,
        name: Option<&str>,
        address: IpAddr,
        port: u16,
        encrypted: bool,
    ) -> Result<(), Blocked> {
        let Some(rules) = &self.rules else { return Ok(()) };
        if rules.networks.iter().any(|network| network.contains(&address)) {
            return Ok(());
        }
        if name.is_some_and(|name| rules.names(name)) && (is_private(address) || special_purpose(address).is_none()) {
            return Ok(());
        }
        if let Some(kind) = special_purpose(address) {
            let reason = format!("it is {kind}; {}", allowing(&network_of(address)));
            return Err(Blocked::new(address, reason));
        }
        rules.check_open(&address, port, encrypted)
    }
}

impl Allowed {
    /// Whether it is one of the names whose addresses may be private.
    fn names(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.');
        self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
    }

    /// What holds for places outside the allowed networks.
    fn check_open(&self, host: &dyn fmt::Display, port: u16, encrypted: bool) -> Result<(), Blocked> {
        let foreign_port = !self.ports.contains(&port);
        let plain = !encrypted && !self.plain_http;
        let mut ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        ports.push(port.to_string());
        let port_reason = format!(
            "port {port} is not among `allowed_ports`: if it is meant, write `allowed_ports: [{}]` under `sinks.http`",
            ports.join(", ")
        );
        match (foreign_port, plain) {
            (false, false) => Ok(()),
            (true, false) => Err(Blocked::new(format_args!("{host} port {port}"), port_reason)),
            (false, true) => Err(Blocked::new(host, PLAIN)),
            (true, true) => Err(Blocked::new(
                format_args!("{host} port {port}"),
                format!(
                    "{port_reason}; {PLAIN}; for a receiver on a private network its network in `allowed_networks` of \
                     `sinks.http` allows both"
                ),
            )),
        }
    }

    /// A name that leads to this machine, wherever it is resolved.
    fn check_loopback_name(&self, name: &str) -> Result<(), Blocked> {
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
        if self
            .networks
            .iter()
            .any(|network| loopback.iter().any(|address| network.contains(address)))
        {
            return Ok(());
        }
        let networks = "\"127.0.0.0/8\", \"::1/128\"";
        Err(Blocked::new(name, format!("it is loopback; {}", allowing(networks))))
    }
}

const PLAIN: &str = "plain `http` is for receivers inside `allowed_networks`: use `https`, or set `allow_plain_http: true` under \
                     `sinks.http`";

/// The way out for a place that only `allowed_networks` opens.
fn allowing(networks: &str) -> String {
    format!(
        "if a receiver is meant to stand there, write `allowed_networks: [{networks}]` under `sinks.http`, which allows any port \
         and plain `http` there, too"
    )
}

/// The network to allow for an address that is meant: all of loopback, or that address alone.
fn network_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) if address.is_loopback() => "127.0.0.0/8".to_owned(),
        IpAddr::V4(address) => format!("{address}/32"),
        IpAddr::V6(address) => format!("\"{address}/128\""),
    }
}

/// Whether a name leads to this machine by definition (RFC 6761), or by what systems write into their file of hosts.
pub fn is_loopback_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let known = ["localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"];
    known.contains(&name.as_str()) || name.ends_with(".localhost")
}

/// Whether an address is one that a network of one's own may have, and no cloud keeps credentials at.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => match address.octets() {
            // Alibaba Cloud's metadata.
            [100, 100, 100, 200] => false,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => true,
            _ => false,
        },
        IpAddr::V6(address) => match address.segments() {
            // The metadata of AWS and Google Cloud.
            [0xfd00, 0xec2, ..] | [0xfd20, 0xce, ..] => false,
            [0xfc00..=0xfdff, ..] => true,
            _ => false,
        },
    }
}

/// What an address is for if it is not global unicast; `None` if it is.
pub fn special_purpose(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_purpose_v4(address),
        IpAddr::V6(address) => special_purpose_v6(address),
    }
}

fn special_purpose_v4(address: Ipv4Addr) -> Option<&'static str> {
    let kind = match address.octets() {
        [0, ..] => "`this network` (0.0.0.0/8)",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "private",
        [100, 64..=127, ..] => "shared by a carrier (100.64.0.0/10)",
        [127, ..] => "loopback",
        [169, 254, ..] => "link-local, where clouds keep credentials",
        // Azure's wire server: a public address that only virtual machines inside reach.
        [168, 63, 129, 16] => "the host of a cloud's virtual machines",
        [192, 0, 0, _] => "for protocol assignments (192.0.0.0/24)",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "for documentation",
        [192, 88, 99, _] => "a relay of 6to4 (192.88.99.0/24)",
        [198, 18..=19, ..] => "for benchmarks (198.18.0.0/15)",
        [224..=239, ..] => "multicast",
        [240..=255, ..] => "reserved or broadcast (240.0.0.0/4)",
        _ => return None,
    };
    Some(kind)
}

fn special_purpose_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    let kind = match segments {
        // NAT64 is how hosts without IPv4 reach it: the address inside decides.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            return special_purpose_v4(Ipv4Addr::new(a, b, c, d)).map(|_| "a forbidden IPv4 address behind NAT64");
        }
        [0x64, 0xff9b, 1, ..] => "local NAT64 (64:ff9b:1::/48)",
        [0, 0, 0, 0, 0, 0, 0, 0] => "unspecified",
        [0, 0, 0, 0, 0, 0, 0, 1] => "loopback",
        [0, 0, 0, 0, 0, 0, ..] => "an IPv4-compatible address (::/96)",
        [0, 0, 0, 0, 0, 0xffff, ..] => "an IPv4-mapped address: write it as IPv4",
        [0, 0, 0, 0, 0xffff, 0, ..] => "an IPv4-translated address (::ffff:0:0:0/96)",
        [0x100, 0, 0, 0, ..] => "for discarding (100::/64)",
        [0x2001, 0, ..] => "Teredo (2001::/32)",
        [0x2001, 0x0001..=0x01ff, ..] => "for protocol assignments (2001::/23)",
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => "for documentation",
        [0x2002, ..] => "6to4 (2002::/16)",
        [0x2000..=0x3fff, ..] => return None,
        [0x5f00, ..] => "for segment routing (5f00::/16)",
        [0xfc00..=0xfdff, ..] => "private (fc00::/7)",
        [0xfe80..=0xfebf, ..] => "link-local",
        [0xfec0..=0xfeff, ..] => "site-local (fec0::/10)",
        [0xff00..=0xffff, ..] => "multicast",
        _ => "not global unicast (2000::/3)",
    };
    Some(kind)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The registries as networks, looked up naively: a second witness that shares nothing with the patterns above.
    const FORBIDDEN: &[&str] = &[
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
    ];

    fn naive_forbidden(address: IpAddr) -> bool {
        let within = |network: &str| network.parse::<IpNet>().expect("a network").contains(&address);
        if within("64:ff9b::/96") {
            let IpAddr::V6(address) = address else { unreachable!() };
            let low = u32::try_from(address.to_bits() & 0xffff_ffff).expect("32 bits");
            return naive_forbidden(Ipv4Addr::from_bits(low).into());
        }
        (address.is_ipv6() && !within("2000::/3")) || FORBIDDEN.iter().any(|network| within(network))
    }

    /// Addresses in and right beside every network of the registries, and anywhere.
    fn addresses() -> impl Strategy<Value = IpAddr> {
        let edges: Vec<IpAddr> = FORBIDDEN
            .iter()
            .chain(&[
                "2000::/3",
                "64:ff9b::/96",
                "64:ff9b:1::/48",
                "::/96",
                "::ffff:0:0/96",
                "fe80::/10",
                "fec0::/10",
            ])
            .map(|network| network.parse::<IpNet>().expect("a network"))
            .flat_map(|network| match (network.network(), network.broadcast()) {
                (IpAddr::V4(first), IpAddr::V4(last)) => {
                    let (first, last) = (first.to_bits(), last.to_bits());
                    [first, first.wrapping_sub(1), last, last.wrapping_add(1)]
                        .map(|bits| Ipv4Addr::from_bits(bits).into())
                }
                (IpAddr::V6(first), IpAddr::V6(last)) => {
                    let (first, last) = (first.to_bits(), last.to_bits());
                    [first, first.wrapping_sub(1), last, last.wrapping_add(1)]
                        .map(|bits| Ipv6Addr::from_bits(bits).into())
                }
                _ => unreachable!("a network has one family"),
            })
            .collect();
        prop_oneof![
            proptest::sample::select(edges),
            any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
            any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).into()),
            any::<u32>().prop_map(|v4| Ipv6Addr::from_bits((0x0064_ff9b << 96) | u128::from(v4)).into()),
            any::<u128>().prop_map(|bits| Ipv6Addr::from_bits((bits >> 3) | (1 << 125)).into()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn the_guard_agrees_with_the_registries(address in addresses()) {
            prop_assert_eq!(special_purpose(address).is_some(), naive_forbidden(address), "{}", address);
        }
    }

    #[test]
    fn forms_that_other_filters_miss_are_forbidden() {
        for forbidden in [
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:a9fe:a9fe::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "fec0::1",
            "fc00::1",
            "fe80::1",
            "100::1",
            "3fff::1",
            "5f00::1",
            "ff02::1",
            "224.0.0.1",
            "192.88.99.1",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "255.255.255.255",
            "0.0.0.0",
            "::",
            "4000::1",
        ] {
            assert!(
                special_purpose(forbidden.parse().expect("an address")).is_some(),
                "{forbidden}"
            );
        }
        for allowed in [
            "1.1.1.1",
            "172.32.0.1",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "64:ff9b::101:101",
        ] {
            assert_eq!(special_purpose(allowed.parse().expect("an address")), None, "{allowed}");
        }
    }

    fn guard(networks: &[&str], plain_http: bool) -> Guard {
        Guard::new(Allowed {
            networks: networks.iter().map(|text| text.parse().expect("a network")).collect(),
            hosts: Vec::new(),
            ports: vec![80, 443, 8443],
            plain_http,
        })
    }

    #[test]
    fn a_named_host_may_be_private_and_nothing_worse() {
        let guard = Guard::new(Allowed {
            hosts: vec!["test.shop.svc".to_owned(), "localhost".to_owned()],
            ports: vec![443],
            ..Allowed::default()
        });
        let url = |url: &str| guard.check_url(&Url::parse(url).expect("a URL"));
        for good in [
            "http://test.shop.svc:9000/",
            "http://TEST.shop.svc.:9000/",
            "https://test.shop.svc/",
        ] {
            assert_eq!(url(good), Ok(()), "{good}");
        }
        for bad in [
            "http://a.test.shop.svc:9000/",
            "http://shop.svc:9000/",
            "http://test.shop.svc@10.0.0.1:9000/",
            "http://10.0.0.1:9000/",
            "http://localhost:9000/",
        ] {
            url(bad).expect_err(bad);
        }
        let address = |name: Option<&str>, address: &str| {
            guard.check_address_of(name, address.parse().expect("an address"), 9000, false)
        };
        for good in [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "fd12::1",
            "1.1.1.1",
            "2606:4700::1",
        ] {
            assert_eq!(address(Some("test.shop.svc"), good), Ok(()), "{good}");
            assert_eq!(address(Some("Test.shop.svc."), good), Ok(()), "{good}");
            address(Some("rebound.example"), good).expect_err(good);
            address(None, good).expect_err(good);
        }
        for bad in [
            "127.0.0.1",
            "::1",
            "0.0.0.0",
            "::",
            "169.254.169.254",
            "fe80::1",
            "224.0.0.1",
            "ff02::1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
        ] {
            address(Some("test.shop.svc"), bad).expect_err(bad);
        }
    }

    #[test]
    fn what_is_blocked_names_the_setting_and_a_value_that_allows_it() {
        for (url, reason) in [
            (
                "http://localhost:3000/hook",
                "`localhost` is blocked: it is loopback; if a receiver is meant to stand there, write `allowed_networks: \
                 [\"127.0.0.0/8\", \"::1/128\"]` under `sinks.http`, which allows any port and plain `http` there, too",
            ),
            (
                "http://127.0.0.1:3000/",
                "write `allowed_networks: [127.0.0.0/8]` under `sinks.http`",
            ),
            (
                "http://10.1.2.3/",
                "write `allowed_networks: [10.1.2.3/32]` under `sinks.http`",
            ),
            (
                "https://[fd00::1]/",
                "write `allowed_networks: [\"fd00::1/128\"]` under `sinks.http`",
            ),
            (
                "https://example.com:22/",
                "write `allowed_ports: [80, 443, 8443, 22]` under `sinks.http`",
            ),
            ("http://example.com/", "set `allow_plain_http: true` under `sinks.http`"),
        ] {
            let blocked = guard(&[], false).check_url(&Url::parse(url).expect("a URL"));
            let blocked = blocked.expect_err(url).to_string();
            assert!(blocked.contains(reason), "{blocked}");
        }
        let blocked = guard(&[], false).check_url(&Url::parse("http://example.com:3000/").expect("a URL"));
        let blocked = blocked.expect_err("two reasons").to_string();
        for part in ["port 3000", "plain `http`", "`allowed_networks` of `sinks.http`"] {
            assert!(blocked.contains(part), "both at once: {blocked}");
        }
    }

    #[test]
    fn a_url_is_judged_by_scheme_user_info_port_and_literal_address() {
        let strict = guard(&[], false);
        let check = |guard: &Guard, url: &str| guard.check_url(&Url::parse(url).expect("a URL"));
        for bad in [
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com/",
            "http://example.com/",
            "https://example.com:22/",
            "https://user@example.com/",
            "https://:secret@example.com/",
            "https://127.0.0.1/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://localhost/",
            "https://app.LOCALHOST./",
            "https://10.1.2.3/",
            "data:text/plain,x",
        ] {
            let blocked = check(&strict, bad).expect_err(bad);
            assert!(!blocked.to_string().contains("secret"), "{blocked}");
        }
        for good in [
            "https://example.com/hook?x=1",
            "https://example.com:8443/",
            "https://1.1.1.1/",
            "https://localhost.example.com/",
        ] {
            assert_eq!(check(&strict, good), Ok(()), "{good}");
        }

        let dev = guard(&["127.0.0.0/8"], false);
        assert_eq!(
            check(&dev, "http://127.0.0.1:9000/hook"),
            Ok(()),
            "any port, any scheme inside"
        );
        assert_eq!(check(&dev, "http://localhost:9000/hook"), Ok(()), "loopback is allowed");
        assert_eq!(check(&guard(&["::1/128"], false), "http://localhost:9000/"), Ok(()));
        check(&guard(&["10.0.0.0/8"], false), "https://localhost/").expect_err("another network");
        check(&dev, "http://1.1.1.1/").expect_err("plain http outside");
        check(&dev, "https://1.1.1.1:9000/").expect_err("a foreign port outside");
        assert_eq!(check(&guard(&[], true), "http://example.com/"), Ok(()));
        assert_eq!(check(&Guard::allow_all(), "http://10.0.0.1:1/"), Ok(()));
    }
}
