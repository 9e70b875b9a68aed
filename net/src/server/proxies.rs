//! Proxies in front of us: which ones are trusted, and which client they name in `X-Forwarded-For`.
//!
//! Anyone can send that header, so only what a trusted proxy wrote counts. Each proxy appends the address that it was connected to
//! from; the list is therefore read from its end, and the first address that is no trusted proxy is the client.

use std::net::{IpAddr, SocketAddr};

use ipnet::{IpNet, Ipv4Net};
use schemas::setting::Invalid;

/// The address of a connection's other end, or the one that its PROXY protocol header names; never an IPv4 address written as IPv6.
/// An extension of every request that the server hands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// The addresses of proxies that are believed. Empty: none is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads networks (`10.0.0.0/8`, `fd00::/8`) and single addresses. The places of what is wrong are `[0]`, `[1]`, …
    pub fn parse(texts: &[String]) -> Result<Self, Vec<Invalid>> {
        let mut networks = Vec::with_capacity(texts.len());
        let mut found = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            match network(text) {
                Some(network) => networks.push(network),
                None => found.push(Invalid::new(
                    format!("[{index}]"),
                    format!("is `{text}`: write an address, or a network with its prefix length, as in `10.0.0.0/8` or `fd00::/8`"),
                )),
            }
        }
        if found.is_empty() {
            Ok(Self(networks))
        } else {
            Err(found)
        }
    }

    /// Whether `address` is one of theirs.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Returns the client of a request that came from `peer`, by the lines of its `X-Forwarded-For` in their order: the last
    /// address that is no trusted proxy. An entry that is no address ends the search, and what was found before it counts.
    pub fn client<'v>(&self, peer: IpAddr, forwarded_for: impl DoubleEndedIterator<Item = &'v [u8]>) -> IpAddr {
        let mut client = peer.to_canonical();
        let from_the_end = forwarded_for.rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
        for entry in from_the_end {
            if !self.contains(client) {
                break;
            }
            let Some(address) = address(entry) else { break };
            client = address;
        }
        client
    }
}

fn network(text: &str) -> Option<IpNet> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()?;
    // An IPv4 network written as IPv6 is IPv4, as the addresses that are compared with it are.
    if let IpNet::V6(mapped) = network
        && let Some(address) = mapped.addr().to_ipv4_mapped()
        && let Some(prefix) = mapped.prefix_len().checked_sub(96)
    {
        return Ipv4Net::new(address, prefix).ok().map(IpNet::V4);
    }
    Some(network)
}

/// One entry of the list: an address, with brackets or a port or without.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let address = text
        .parse()
        .ok()
        .or_else(bare)
        .or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(texts: &[&str]) -> TrustedProxies {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        TrustedProxies::parse(&texts).expect("networks")
    }

    /// Trusts `10.0.0.0/8`, `192.0.2.7` and `fd00::/8`.
    fn client(peer: &str, lines: &[&str]) -> String {
        let peer = peer.parse().expect("an address");
        let trusted = proxies(&["10.0.0.0/8", "192.0.2.7", "fd00::/8"]);
        let lines = lines.iter().map(|line| line.as_bytes());
        trusted.client(peer, lines).to_string()
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_trusted_proxy() {
        for (peer, lines, expected) in [
            // Not from a trusted proxy: the header is anyone's.
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("203.0.113.9", &["10.0.0.1"], "203.0.113.9"),
            ("192.0.2.8", &["198.51.100.1"], "192.0.2.8"),
            ("::1", &["198.51.100.1"], "::1"),
            ("2001:db8::1", &["198.51.100.1"], "2001:db8::1"),
            // From one.
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("192.0.2.7", &["198.51.100.1"], "198.51.100.1"),
            ("fd00::1", &["198.51.100.1"], "198.51.100.1"),
            ("fd00::1", &["2001:db8::5"], "2001:db8::5"),
            // What the client put in front is not believed.
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["10.9.9.9, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["127.0.0.1,198.51.100.1"], "198.51.100.1"),
            // A chain of proxies.
            ("10.0.0.1", &["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            (
                "10.0.0.1",
                &["1.1.1.1, 198.51.100.1, 10.0.0.2, fd00::2"],
                "198.51.100.1",
            ),
            ("10.0.0.1", &["198.51.100.1, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // Several lines are one list.
            ("10.0.0.1", &["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1", "10.0.0.2"], "198.51.100.1"),
            (
                "10.0.0.1",
                &["1.1.1.1, 198.51.100.1", "10.0.0.3, 10.0.0.2"],
                "198.51.100.1",
            ),
            // With a port or brackets.
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1", &["[2001:db8::5]:4711"], "2001:db8::5"),
            ("10.0.0.1", &["[2001:db8::5]"], "2001:db8::5"),
            ("10.0.0.1", &["\t 198.51.100.1 "], "198.51.100.1"),
            // IPv4 written as IPv6.
            ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1, ::ffff:10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("::ffff:203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            // What is no address ends the search.
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1,"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["198.51.100.1", "", "10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["198.51.100.01"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1:99999"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100"], "10.0.0.1"),
            ("10.0.0.1", &["\"198.51.100.1\""], "10.0.0.1"),
            ("10.0.0.1", &["for=198.51.100.1"], "10.0.0.1"),
            ("10.0.0.1", &["[198.51.100.1]"], "10.0.0.1"),
            ("10.0.0.1", &["fe80::1%eth0"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1 203.0.113.9"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, é"], "10.0.0.1"),
        ] {
            assert_eq!(client(peer, lines), expected, "{lines:?} from {peer}");
        }
    }

    #[test]
    fn no_bytes_of_the_header_do_harm() {
        let trusted = proxies(&["0.0.0.0/0", "::/0"]);
        let peer = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(trusted.client(peer, [&b"1.1.1.1,\xff\xfe"[..]].into_iter()), peer);
        let long = b"1.1.1.1,".repeat(4_000);
        assert_eq!(
            trusted.client(peer, [long.as_slice()].into_iter()),
            peer,
            "it ends with a comma"
        );
        let none = TrustedProxies::default();
        assert_eq!(
            none.client(peer, [&b"1.1.1.1"[..]].into_iter()),
            peer,
            "none is trusted"
        );
    }

    #[test]
    fn networks_and_addresses_are_read_and_what_is_neither_is_named() {
        let trusted = proxies(&["::ffff:10.0.0.0/104", "2001:db8::1", "192.0.2.77/24"]);
        for (address, expected) in [
            ("10.255.0.1", true),
            ("::ffff:10.1.1.1", true),
            ("11.0.0.1", false),
            ("2001:db8::1", true),
            ("2001:db8::2", false),
            ("192.0.2.1", true),
        ] {
            assert_eq!(
                trusted.contains(address.parse().expect("an address")),
                expected,
                "{address}"
            );
        }
        let texts = ["10.0.0.0/8", "10.0.0.0/33", "localhost", ""].map(str::to_owned);
        let found = TrustedProxies::parse(&texts).expect_err("three are wrong");
        let places: Vec<&str> = found.iter().map(|invalid| invalid.place.as_str()).collect();
        assert_eq!(places, ["[1]", "[2]", "[3]"]);
        assert!(
            found[1].reason.starts_with("is `localhost`: write an address"),
            "{found:?}"
        );
    }
}
