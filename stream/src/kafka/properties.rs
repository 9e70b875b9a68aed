//! Reports what is wrong with the operator's own librdkafka options, by the name of the option; a value may be a secret
//! and is never shown.

use std::collections::BTreeMap;
use std::path::Path;

use rdkafka::error::KafkaError;
use schemas::log::LogError;
use schemas::secret::Secret;

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

/// Checks that the files can be read: librdkafka's own error for a missing file is only an OpenSSL number. Without TLS
/// it reads none of them.
pub(super) fn check_files(properties: &BTreeMap<String, Secret>) -> Result<(), LogError> {
    let text = |name: &str| properties.get(name).and_then(Secret::expose_str);
    if !text("security.protocol").is_some_and(|protocol| protocol.to_lowercase().contains("ssl")) {
        return Ok(());
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
            return Err(LogError::Misconfigured(format!(
                "the file that `{name}` in `event_log.kafka.properties` names cannot be read: {error}; correct the \
                 path, or let this user read it"
            )));
        }
    }
    Ok(())
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

/// Names the property, and never shows its value: it may be a secret.
pub(super) fn property_error(error: &KafkaError) -> LogError {
    LogError::Misconfigured(match error {
        KafkaError::ClientConfig(_, description, name, _) if description.starts_with("No such") => {
            format!(
                "`event_log.kafka.properties` has `{name}`, which is no property of librdkafka: correct the name, or remove \
                 it; its CONFIGURATION.md lists them"
            )
        }
        KafkaError::ClientConfig(_, _, name, _) => {
            format!(
                "`event_log.kafka.properties` has a value for `{name}` that librdkafka does not accept: its \
                 CONFIGURATION.md lists those it does"
            )
        }
        _ => "`event_log.kafka.properties` hold a NUL character".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::KafkaLog;
    use super::super::config::tests::config;
    use super::*;

    #[test]
    fn a_bad_property_is_named_and_its_value_is_not_shown() {
        for (name, value) in [("sasl.pasword", "hunter2"), ("linger.ms", "hunter2")] {
            let error = config(&[(name, value)])
                .check()
                .expect_err("a bad property")
                .to_string();
            assert!(error.contains(name) && !error.contains(value), "{error}");
        }
        assert!(!format!("{:?}", config(&[("sasl.password", "hunter2")])).contains("hunter2"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_reported_by_its_property_and_only_where_tls_needs_it() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let there = file.path().to_str().expect("text").to_owned();
        for name in FILES {
            let missing = [("security.protocol", "SASL_SSL"), (name, "/nowhere/hunter2.pem")];
            let error = config(&missing).check().expect_err("no such file").to_string();
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
