//! Who may connect to whom, as tables: each line a connection, and whether the network policies let it through.

mod evaluate;

use std::collections::BTreeMap;

use evaluate::{Peer, Port, allowed};
use serde_json::Value;

use crate::helm::{Render, rendered};
use crate::objects::{Rendering, containers};

/// The namespace that releases are rendered for.
const OWN: &str = "hooks";

/// What the chart does not make.
fn stranger(name: &str) -> Peer {
    let (namespace, address) = match name {
        "internet" => (None, "93.184.216.34"),
        "neighbour" => (Some(OWN), "10.244.0.90"),
        "other" => (Some("shop"), "10.244.0.91"),
        "proxy" => (Some("ingress-nginx"), "10.244.0.92"),
        "prometheus" => (Some("monitoring"), "10.244.0.93"),
        "kafka" => (Some("data"), "10.244.0.94"),
        "postgres" => (Some("data"), "10.244.0.95"),
        "dns" => (Some("kube-system"), "10.244.0.96"),
        address => (None, address),
    };
    let named = namespace.map(|name| ("kubernetes.io/metadata.name".to_owned(), name.to_owned()));
    Peer {
        namespace: namespace.map(str::to_owned),
        namespace_labels: named.into_iter().collect(),
        labels: [("app".to_owned(), name.to_owned())].into(),
        address: address.parse().unwrap_or_else(|_| panic!("who is {name}?")),
        ports: BTreeMap::new(),
    }
}

/// The pod of a component of the release, or else who it is.
fn peer(rendering: &Rendering, name: &str) -> Peer {
    let pods = rendering.pods();
    let Some((nth, pod)) = pods.iter().enumerate().find(|(_, pod)| pod.component() == name) else {
        return stranger(name);
    };
    let ports = containers(pod.spec)
        .flat_map(|container| container["ports"].as_array().into_iter().flatten())
        .filter_map(|port| {
            let number = u16::try_from(port["containerPort"].as_u64()?).ok()?;
            Some((port["name"].as_str()?.to_owned(), number))
        });
    Peer {
        ports: ports.collect(),
        labels: pod.labels(),
        address: format!("10.244.0.{}", nth + 10).parse().expect("an address"),
        ..stranger("neighbour")
    }
}

/// Fails unless each connection of the table goes through, or does not, as it says.
fn hold(rendering: &Rendering, table: &str) {
    let policies: Vec<&Value> = rendering.kind("NetworkPolicy").collect();
    let mut wrong = Vec::new();
    for line in table.lines().filter(|line| !line.trim().is_empty()) {
        let words: Vec<_> = line.split_whitespace().collect();
        let [from, "->", to, port, meant] = words[..] else {
            panic!("no connection: {line}")
        };
        let (protocol, number) = match port.strip_prefix("udp/") {
            Some(number) => ("UDP", number),
            None => ("TCP", port),
        };
        let number = number.parse().unwrap_or_else(|_| panic!("no port: {line}"));
        let port = Port { protocol, number };
        let found = allowed(&policies, OWN, &peer(rendering, from), &peer(rendering, to), port);
        let meant = match meant {
            "passes" => true,
            "stops" => false,
            other => panic!("neither: {other}"),
        };
        if found != meant {
            wrong.push(line);
        }
    }
    assert_eq!(wrong, Vec::<&str>::new());
}

#[test]
fn by_default_only_what_the_roles_need_passes() {
    let rendering = Render::defaults().expect();
    hold(
        &rendering,
        "
        internet        -> ingest                 8080   passes
        other           -> ingest                 8080   passes
        test            -> ingest                 8080   passes
        internet        -> ingest                 9464   stops
        neighbour       -> ingest                 9464   stops
        other           -> ingest                 9464   stops
        prometheus      -> ingest                 9464   passes
        prometheus      -> worker-http            9464   passes
        prometheus      -> worker-postgres        9464   passes
        prometheus      -> ingest                 22     stops
        ingest          -> worker-http            9464   stops
        internet        -> worker-postgres        9464   stops
        other           -> worker-http            8080   stops
        neighbour       -> migrate                8080   stops
        worker-http     -> test                   9000   passes
        worker-postgres -> test                   9000   stops
        other           -> test                   9000   stops

        ingest          -> kafka                  9092   passes
        ingest          -> dns                    udp/53 passes
        ingest          -> dns                    53     passes
        ingest          -> other                  udp/53 stops
        ingest          -> postgres               5432   stops
        ingest          -> 1.1.1.1                443    stops
        ingest          -> 10.0.0.5               443    stops
        ingest          -> 169.254.169.254        80     stops

        worker-postgres -> kafka                  9092   passes
        worker-postgres -> postgres               5432   passes
        worker-postgres -> dns                    udp/53 passes
        worker-postgres -> 1.1.1.1                443    stops
        worker-postgres -> 169.254.169.254        80     stops
        worker-postgres -> ingest                 8080   stops

        worker-http     -> kafka                  9092   passes
        worker-http     -> dns                    udp/53 passes
        worker-http     -> postgres               5432   passes
        worker-http     -> postgres               5433   stops
        worker-http     -> 1.1.1.1                443    passes
        worker-http     -> 1.1.1.1                80     passes
        worker-http     -> 1.1.1.1                8443   passes
        worker-http     -> 1.1.1.1                22     stops
        worker-http     -> 1.1.1.1                udp/443 stops
        worker-http     -> 10.0.0.5               443    stops
        worker-http     -> 172.16.3.4             443    stops
        worker-http     -> 192.168.1.1            443    stops
        worker-http     -> 100.64.0.1             443    stops
        worker-http     -> 127.0.0.1              443    stops
        worker-http     -> 169.254.169.254        80     stops
        worker-http     -> 2606:4700:4700::1111   443    passes
        worker-http     -> fd00::5                443    stops
        worker-http     -> fe80::1                443    stops
        worker-http     -> 64:ff9b::101:101       443    passes
        worker-http     -> 64:ff9b::a00:5         443    stops
        worker-http     -> 64:ff9b::a9fe:a9fe     80     stops
        worker-http     -> other                  443    stops
        worker-http     -> ingest                 8080   stops

        migrate         -> kafka                  9092   passes
        migrate         -> postgres               5432   passes
        migrate         -> dns                    udp/53 passes
        migrate         -> 1.1.1.1                443    stops
        test            -> postgres               5432   passes
        test            -> dns                    udp/53 passes
        test            -> 1.1.1.1                443    stops
        test            -> kafka                  22     stops
        ",
    );
}

#[test]
fn what_values_name_is_all_that_passes() {
    let rendering = Render::defaults()
        .with(
            "
config:
  event_log: {kafka: {brokers: 'kafka:9093'}}
  sinks: {http: {allowed_networks: [10.0.0.0/24], allowed_ports: [443]}}
networkPolicy:
  ingress: {from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}]}
  monitoring: {from: []}
  kafka: {to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: data}}, podSelector: {matchLabels: {app: kafka}}}]}
  postgres: {to: [{ipBlock: {cidr: 10.9.0.0/16}}], ports: [6432]}
ingest:
  extraEgress: [{to: [{ipBlock: {cidr: 10.7.0.1/32}}]}]
",
        )
        .expect();
    hold(
        &rendering,
        "
        proxy           -> ingest                 8080   passes
        test            -> ingest                 8080   passes
        internet        -> ingest                 8080   stops
        other           -> ingest                 8080   stops
        neighbour       -> ingest                 8080   stops
        proxy           -> ingest                 9464   stops
        prometheus      -> ingest                 9464   stops
        prometheus      -> worker-http            9464   stops

        ingest          -> kafka                  9093   passes
        ingest          -> kafka                  9092   stops
        ingest          -> postgres               9093   stops
        ingest          -> 10.7.0.1               8200   passes
        worker-http     -> 10.7.0.1               8200   stops

        worker-postgres -> 10.9.1.2               6432   passes
        worker-postgres -> 10.9.1.2               5432   stops
        worker-postgres -> 10.8.1.2               6432   stops
        worker-http     -> 10.9.1.2               6432   passes
        worker-http     -> 10.8.1.2               6432   stops
        migrate         -> 10.9.1.2               6432   passes

        worker-http     -> 10.0.0.5               443    passes
        worker-http     -> 10.0.0.5               9200   passes
        worker-http     -> 10.0.1.5               443    stops
        worker-http     -> 1.1.1.1                443    passes
        worker-http     -> 1.1.1.1                80     stops
        ",
    );
}

#[test]
fn a_worker_with_two_sinks_reaches_what_both_need() {
    let rendering = Render::defaults()
        .with("workers: {postgres: null, http: null, all: {sinks: [postgres, http]}}")
        .expect();
    hold(
        &rendering,
        "
        worker-all      -> postgres               5432   passes
        worker-all      -> kafka                  9092   passes
        worker-all      -> 1.1.1.1                443    passes
        worker-all      -> 10.0.0.5               443    stops
        ",
    );
}

#[test]
fn without_a_store_the_worker_of_http_reaches_no_database() {
    let rendering = Render::defaults().with("config: {store: null}").expect();
    hold(
        &rendering,
        "
        worker-http     -> postgres               5432   stops
        worker-postgres -> postgres               5432   passes
        migrate         -> postgres               5432   passes
        ",
    );
    let rendering = Render::defaults()
        .with("{config: {sinks: {postgres: null}, store: {postgres: {url: '${DATABASE_URL}'}}}, workers: {postgres: null}}")
        .expect();
    hold(
        &rendering,
        "
        worker-http     -> postgres               5432   passes
        migrate         -> postgres               5432   passes
        ",
    );
}

#[test]
fn every_pod_is_selected_by_a_policy() {
    for (set, rendering) in rendered() {
        let policies: Vec<_> = rendering.kind("NetworkPolicy").collect();
        if policies.is_empty() {
            continue;
        }
        for pod in rendering.pods() {
            let found = policies
                .iter()
                .filter(|policy| crate::selectors::matches(&policy["spec"]["podSelector"], &pod.labels()));
            assert!(found.count() > 0, "{set}: {}", pod.owner);
        }
    }
}
