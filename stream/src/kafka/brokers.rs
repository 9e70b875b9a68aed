//! The list of brokers as it is written: librdkafka skips what it cannot read of it, and takes a port of its own.

/// Checks that each is `host:port`. Returns what is wrong, as the rest of a sentence.
pub(super) fn check(brokers: &str) -> Result<(), String> {
    if brokers.trim().is_empty() {
        return Err("is empty: name at least one Kafka broker as `host:port`".to_owned());
    }
    for broker in list(brokers) {
        if broker.is_empty() {
            return Err("has nothing between two commas: write `host:port,host:port`".to_owned());
        }
        // First of all, since no other reason may show what holds a password.
        if broker.contains('@') {
            return Err(PLACES.to_owned());
        }
        if broker.contains(';') {
            return Err(format!("holds `{broker}`: write commas between brokers, and no `;`"));
        }
        if broker.contains(char::is_whitespace) {
            return Err(format!(
                "holds `{broker}`: write brokers without blanks, with commas between them"
            ));
        }
        if broker.contains("http://") || broker.contains("https://") {
            return Err(format!(
                "holds `{broker}`: Kafka does not speak HTTP, write `host:port` alone"
            ));
        }
        if broker.contains("://") && !has_protocol(broker) {
            return Err(PLACES.to_owned());
        }
        if let Some((_, port)) = port(broker)
            && !port.parse::<u16>().is_ok_and(|port| port > 0)
        {
            return Err(format!(
                "holds `{broker}`: its port must be a number from 1 to 65535, as in `host:9092`"
            ));
        }
    }
    Ok(())
}

const PLACES: &str =
    "has a broker that is no `host:port`: user, password and protocol are set under `event_log.kafka.properties`";

/// Returns what may be meant: brokers without a port. What is refused is not warned of besides.
pub(super) fn warning(brokers: &str) -> Option<String> {
    check(brokers).ok()?;
    let bare: Vec<&str> = list(brokers)
        .filter(|broker| !broker.is_empty() && port(broker).is_none())
        .collect();
    (!bare.is_empty()).then(|| {
        let written: Vec<String> = bare.iter().map(|broker| format!("{broker}:9092")).collect();
        format!(
            "names no port for `{}`, so 9092 is taken: write `{}` if that is meant",
            bare.join(","),
            written.join(",")
        )
    })
}

fn list(brokers: &str) -> impl Iterator<Item = &str> {
    brokers.trim().split(',').map(str::trim)
}

/// Host and port; an IPv6 address is in brackets.
fn port(broker: &str) -> Option<(&str, &str)> {
    let broker = broker.split_once("://").map_or(broker, |(_, broker)| broker);
    broker
        .rsplit_once(':')
        .filter(|(host, _)| !host.contains(':') || host.ends_with(']'))
}

/// librdkafka takes its names of protocols in front of a broker.
fn has_protocol(broker: &str) -> bool {
    let protocol = broker
        .split_once("://")
        .map(|(protocol, _)| protocol.to_ascii_lowercase());
    protocol.is_some_and(|p| ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"].contains(&p.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_a_host_and_a_port() {
        for good in [
            "a:9092",
            "a:9092,b:9092",
            " a:9092, b:9093 ",
            "[::1]:9092",
            "127.0.0.1:1",
            "SASL_SSL://a:9092",
        ] {
            assert_eq!((check(good), warning(good)), (Ok(()), None), "{good}");
        }
        for (bad, expected) in [
            (" ", "is empty"),
            ("a:9092,,b:9092", "has nothing between two commas"),
            ("a:9092 b:9092", "without blanks"),
            ("a:9092;b:9092", "no `;`"),
            ("http://a:9092", "does not speak HTTP"),
            ("kafka://a:9092", "is no `host:port`"),
            ("u:hunter2@a:9092", "is no `host:port`"),
            ("http://u:hunter2@a:9092", "is no `host:port`"),
            ("a:kafka", "a number from 1 to 65535"),
            ("a:0", "a number from 1 to 65535"),
            ("a:9092/x", "a number from 1 to 65535"),
        ] {
            let reason = check(bad).expect_err(bad);
            assert!(
                reason.contains(expected) && !reason.contains("hunter2"),
                "{bad}: {reason}"
            );
        }
        let reason = warning("a,b:9093").expect("no port");
        assert!(reason.contains("`a`") && reason.contains("`a:9092`"), "{reason}");
    }
}
