//! Whether network policies allow a connection, as the reference of Kubernetes has it: a pod that a policy selects gets, in the
//! directions of that policy, only what one of its policies allows; both ends have to allow.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use crate::selectors::matches;

/// One end of a connection.
#[derive(Clone)]
pub(super) struct Peer {
    /// None: it is no pod, and has an address only.
    pub(super) namespace: Option<String>,
    pub(super) namespace_labels: BTreeMap<String, String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) address: IpAddr,
    /// The numbers of its named ports.
    pub(super) ports: BTreeMap<String, u16>,
}

/// The protocol and port of a connection.
#[derive(Clone, Copy)]
pub(super) struct Port {
    pub(super) protocol: &'static str,
    pub(super) number: u16,
}

/// Whether the policies, all of them in the namespace `own`, allow `from` to connect to `to`.
pub(super) fn allowed(policies: &[&Value], own: &str, from: &Peer, to: &Peer, port: Port) -> bool {
    one_way(policies, own, "Egress", from, to, to, port) && one_way(policies, own, "Ingress", to, from, to, port)
}

/// Whether the policies of `subject` allow the other end in one direction.
fn one_way(
    policies: &[&Value],
    own: &str,
    direction: &str,
    subject: &Peer,
    other: &Peer,
    to: &Peer,
    port: Port,
) -> bool {
    if subject.namespace.as_deref() != Some(own) {
        return true;
    }
    let of_subject: Vec<_> = policies
        .iter()
        .filter(|policy| matches(&policy["spec"]["podSelector"], &subject.labels) && is_about(policy, direction))
        .collect();
    let (rules, peers) = match direction {
        "Egress" => ("egress", "to"),
        _ => ("ingress", "from"),
    };
    of_subject.is_empty()
        || of_subject
            .iter()
            .flat_map(|policy| policy["spec"][rules].as_array().into_iter().flatten())
            .any(|rule| peers_allow(&rule[peers], own, other) && ports_allow(&rule["ports"], to, port))
}

fn is_about(policy: &Value, direction: &str) -> bool {
    let types = policy["spec"]["policyTypes"]
        .as_array()
        .expect("policyTypes are always written");
    types.iter().any(|one| one == direction)
}

/// No peers at all are all peers.
fn peers_allow(peers: &Value, own: &str, other: &Peer) -> bool {
    let Some(peers) = peers.as_array().filter(|peers| !peers.is_empty()) else {
        return true;
    };
    peers.iter().any(|peer| {
        if let Some(block) = peer["ipBlock"]["cidr"].as_str() {
            let within = |network: &str| network.parse::<IpNet>().expect("a network").contains(&other.address);
            let except = peer["ipBlock"]["except"].as_array().into_iter().flatten();
            return within(block) && !except.into_iter().any(|one| within(one.as_str().expect("a network")));
        }
        let Some(namespace) = &other.namespace else {
            return false;
        };
        let namespace_fits = match &peer["namespaceSelector"] {
            Value::Null => namespace == own,
            selector => matches(selector, &other.namespace_labels),
        };
        namespace_fits && (peer["podSelector"].is_null() || matches(&peer["podSelector"], &other.labels))
    })
}

/// No ports at all are all ports.
fn ports_allow(ports: &Value, to: &Peer, port: Port) -> bool {
    let Some(ports) = ports.as_array().filter(|ports| !ports.is_empty()) else {
        return true;
    };
    ports.iter().any(|one| {
        if one["protocol"].as_str().unwrap_or("TCP") != port.protocol {
            return false;
        }
        let number = u64::from(port.number);
        match &one["port"] {
            Value::Null => true,
            Value::String(name) => to.ports.get(name) == Some(&port.number),
            first => {
                let first = first.as_u64().expect("a number");
                (first..=one["endPort"].as_u64().unwrap_or(first)).contains(&number)
            }
        }
    })
}

#[test]
fn the_rules_are_those_of_kubernetes() {
    let read = |text: &str| crate::yaml::document(text).expect("YAML");
    let peer = |namespace: Option<&str>, app: &str, address: &str| Peer {
        namespace: namespace.map(str::to_owned),
        namespace_labels: namespace
            .map(|name| ("kubernetes.io/metadata.name".to_owned(), name.to_owned()))
            .into_iter()
            .collect(),
        labels: [("app".to_owned(), app.to_owned())].into(),
        address: address.parse().expect("an address"),
        ports: [("http".to_owned(), 8080)].into(),
    };
    let tcp = |number| Port {
        protocol: "TCP",
        number,
    };
    let (a, b) = (peer(Some("own"), "a", "10.1.0.1"), peer(Some("own"), "b", "10.1.0.2"));
    let (far, web) = (peer(Some("far"), "a", "10.1.0.3"), peer(None, "", "1.1.1.1"));
    let asks = |policy: &str, from: &Peer, to: &Peer, port| allowed(&[&read(policy)], "own", from, to, port);

    let deny = "{spec: {podSelector: {}, policyTypes: [Ingress, Egress]}}";
    assert!(!asks(deny, &a, &b, tcp(80)) && !asks(deny, &web, &b, tcp(80)) && !asks(deny, &a, &web, tcp(80)));
    assert!(asks(deny, &far, &web, tcp(80)), "a policy holds for its own namespace");

    let from_a = "{spec: {podSelector: {matchLabels: {app: b}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: a}}}], ports: [{port: http}]}]}}";
    assert!(asks(from_a, &a, &b, tcp(8080)) && !asks(from_a, &a, &b, tcp(8081)) && asks(from_a, &b, &a, tcp(1)));
    assert!(
        !asks(from_a, &far, &b, tcp(8080)),
        "without a selector of namespaces only the own one is meant"
    );
    assert!(!asks(from_a, &web, &b, tcp(8080)));
    let from_far = from_a.replace(
        "{podSelector",
        "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: far}}, podSelector",
    );
    assert!(asks(&from_far, &far, &b, tcp(8080)) && !asks(&from_far, &a, &b, tcp(8080)));

    let public = "{spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}], ports: [{port: 400, endPort: 500}]}]}}";
    assert!(asks(public, &a, &web, tcp(443)) && !asks(public, &a, &web, tcp(501)) && !asks(public, &a, &far, tcp(443)));
    let udp = Port {
        protocol: "UDP",
        number: 443,
    };
    assert!(!asks(public, &a, &web, udp));
}
