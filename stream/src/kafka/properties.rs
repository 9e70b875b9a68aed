//! Reports what is wrong with the operator's own librdkafka options, by the name of the option; a value may be a secret
//! and is never shown.

use std::collections::BTreeMap;
use std::path::Path;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use schemas::log::LogError;
use schemas::secret::Secret;
use schemas::setting::Findings;
use schemas::spec::reference;

/// A file or a folder, or `probe` for the system's own.
const CA_LOCATION: &str = "ssl.ca.location";

/// The properties that name files which librdkafka reads when a client is made.
const FILES: [&str; 5] = [
    CA_LOCATION,
    "ssl.certificate.location",
    "ssl.crl.location",
    "ssl.key.location",
    "ssl.keystore.location",
];

/// Checks each property by itself, and the files that they name.
pub(super) fn check(properties: &BTreeMap<String, Secret>, found: &mut Findings) {
    for (name, value) in properties {
        let accepted = match value.expose_str() {
            Some(_) if is_secret(name) && reference::check(value).is_err() => {
                found.keep_at(&place(name), reference::check(value));
                continue;
            }
            Some(value) => ClientConfig::new()
                .set(name, value)
                .create_native_config()
                .map(drop)
                .map_err(|e| property_error(&e)),
            None => Err("is not UTF-8 text"),
        };
        found.keep_at(&place(name), accepted);
    }
    check_files(properties, found);
}

/// Finds what may be meant: passwords that examples write.
pub(super) fn warn(properties: &BTreeMap<String, Secret>, found: &mut Findings) {
    for (name, value) in properties.iter().filter(|(name, _)| is_secret(name)) {
        if let Some(reason) = reference::likely(value) {
            found.add(place(name), reason);
        }
    }
}

/// Finds what counts for nothing because no protocol asks for it: librdkafka connects in the clear and unproved, without a word.
pub(super) fn warn_unused(properties: &BTreeMap<String, Secret>, found: &mut Findings) {
    let protocol = properties.get("security.protocol").and_then(Secret::expose_str);
    let protocol = protocol.unwrap_or_default().to_lowercase();
    for (prefix, part, meant) in [
        ("sasl.", "sasl", "`sasl_ssl` or `sasl_plaintext`"),
        ("ssl.", "ssl", "`ssl` or `sasl_ssl`"),
    ] {
        let first = properties.keys().find(|name| name.starts_with(prefix));
        if let Some(name) = first.filter(|_| !protocol.contains(part)) {
            found.add(
                place(name),
                format!("counts for nothing: set `security.protocol` beside it to {meant}"),
            );
        }
    }
}

/// Whether a property is a secret, and not only treated as one.
fn is_secret(name: &str) -> bool {
    name.ends_with("password") || name.ends_with("secret")
}

/// The place of a property in the settings of the log.
pub(super) fn place(name: &str) -> String {
    format!("properties.{name}")
}

/// Checks that the files can be read: librdkafka's own error for a missing file is only an OpenSSL number. Without TLS
/// it reads none of them.
fn check_files(properties: &BTreeMap<String, Secret>, found: &mut Findings) {
    let text = |name: &str| properties.get(name).and_then(Secret::expose_str);
    if !text("security.protocol").is_some_and(|protocol| protocol.to_lowercase().contains("ssl")) {
        return;
    }
    for name in FILES {
        let Some(path) = text(name).map(Path::new) else {
            continue;
        };
        let folder = name == CA_LOCATION && path.is_dir();
        let system_default = path.as_os_str().is_empty() || name == CA_LOCATION && path == Path::new("probe");
        if system_default || folder {
            continue;
        }
        // The path is not shown: it may be the key itself, put there by mistake.
        if let Err(error) = std::fs::read(path) {
            found.add(
                place(name),
                format!("names a file that cannot be read: {error}; correct the path, or let this user read it"),
            );
        }
    }
}

/// The error when librdkafka cannot make a client although each property by itself is valid.
pub(super) fn creation_error(client: &str, error: &KafkaError) -> LogError {
    LogError::Misconfigured(match error {
        // librdkafka's default mechanism; its own advice is to rebuild it.
        KafkaError::ClientCreation(reason) if reason.contains("SASL mechanism GSSAPI") => format!(
            "no kafka {client}: Kerberos (GSSAPI) is not built in; set `sasl.mechanism` in `event_log.kafka.properties` to \
             PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
        ),
        KafkaError::ClientCreation(reason) => {
            let reason = reason.trim_end_matches([':', ' ']);
            format!("no kafka {client}: {reason}; correct this in `event_log.kafka.properties`")
        }
        _ => format!("no kafka {client}: a value in `event_log.kafka.properties` is wrong"),
    })
}

/// Why librdkafka does not take a property. Its own text is not shown: it has the value in it, which may be a secret.
fn property_error(error: &KafkaError) -> &'static str {
    match error {
        KafkaError::ClientConfig(_, description, ..) if description.starts_with("No such") => {
            "is no property of librdkafka: correct the name, or remove it; its CONFIGURATION.md lists them"
        }
        KafkaError::ClientConfig(..) => {
            "has a value that librdkafka does not accept: its CONFIGURATION.md lists those it does"
        }
        _ => "holds a NUL character",
    }
}

#[cfg(test)]
mod tests {
    use schemas::setting::in_one_line;

    use super::super::KafkaLog;
    use super::super::config::tests::config;
    use super::*;

    #[test]
    fn a_bad_property_is_named_and_its_value_is_not_shown() {
        for (name, value) in [("sasl.pasword", "hunter2"), ("linger.ms", "hunter2")] {
            let error = in_one_line(&config(&[(name, value)]).check().expect_err("a bad property"));
            assert!(error.contains(name) && !error.contains(value), "{error}");
        }
        let both = config(&[("sasl.pasword", "hunter2"), ("linger.ms", "hunter2")]);
        assert_eq!(
            both.check().expect_err("bad properties").len(),
            2,
            "all of them at once"
        );
        assert!(!format!("{:?}", config(&[("sasl.password", "hunter2")])).contains("hunter2"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_reported_by_its_property_and_only_where_tls_needs_it() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let there = file.path().to_str().expect("text").to_owned();
        for name in FILES {
            let missing = [("security.protocol", "SASL_SSL"), (name, "/nowhere/hunter2.pem")];
            let error = in_one_line(&config(&missing).check().expect_err("no such file"));
            assert!(error.contains(name) && error.contains("No such file"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
            config(&missing[1..]).check().expect("not read without TLS");
            config(&[("security.protocol", "ssl"), (name, &there)])
                .check()
                .expect("it exists");
        }
        for special in ["probe", std::env::temp_dir().to_str().expect("text")] {
            config(&[("security.protocol", "ssl"), (CA_LOCATION, special)])
                .check()
                .expect("no file");
        }
    }

    #[test]
    fn what_no_protocol_asks_for_is_warned_of() {
        let warned = |properties: &[(&str, &str)]| in_one_line(&config(properties).warnings());
        let sasl = warned(&[("sasl.mechanism", "PLAIN"), ("sasl.username", "u")]);
        assert!(
            sasl.contains("`properties.sasl.mechanism` counts for nothing"),
            "{sasl}"
        );
        let ssl = warned(&[("security.protocol", "sasl_plaintext"), ("ssl.ca.location", "probe")]);
        assert!(ssl.contains("`properties.ssl.ca.location` counts for nothing"), "{ssl}");
        for right in [
            [("security.protocol", "SASL_SSL"), ("sasl.mechanism", "PLAIN")],
            [("security.protocol", "sasl_ssl"), ("ssl.ca.location", "probe")],
        ] {
            assert_eq!(warned(&right), "", "{right:?}");
        }
    }

    #[test]
    fn what_only_a_client_finds_wrong_names_the_property_and_where_it_is_set() {
        let file = tempfile::NamedTempFile::new().expect("a file that holds no certificate");
        let file = file.path().to_str().expect("text");
        let wrong = [
            (("security.protocol", "ssl"), (CA_LOCATION, file), CA_LOCATION),
            (
                ("security.protocol", "sasl_ssl"),
                (CA_LOCATION, "probe"),
                "set `sasl.mechanism`",
            ),
        ];
        for (protocol, location, part) in wrong {
            let error = KafkaLog::connect(config(&[protocol, location])).expect_err("no client");
            let text = error.to_string();
            assert!(matches!(error, LogError::Misconfigured(_)), "{text}");
            assert!(
                text.contains(part) && text.contains("`event_log.kafka.properties`"),
                "{text}"
            );
        }
    }
}
