//! Which settings name files of certificates.

use super::missing::is_unused;
use super::warnings::Finding;
use super::{Config, Loaded};
use crate::certificates::{self, CertificateFile};
use schemas::time::Timestamp;

/// The options of librdkafka that name a file of certificates in PEM.
const OF_KAFKA: [&str; 2] = ["ssl.ca.location", "ssl.certificate.location"];

impl Config {
    /// The files of certificates that the settings name, but for those of what is `unused`.
    pub(crate) fn certificate_files(&self, unused: &[String]) -> Vec<CertificateFile> {
        let mut files = Vec::new();
        if let Some(kafka) = &self.event_log.kafka {
            for option in OF_KAFKA {
                let path = kafka.properties.get(option).and_then(|value| value.expose_str());
                // A folder, or `probe`, is no file that could be named.
                if let Some(path) = path.filter(|path| *path != "probe" && !std::path::Path::new(path).is_dir()) {
                    files.push(CertificateFile {
                        setting: format!("event_log.kafka.properties.{option}"),
                        path: path.into(),
                    });
                }
            }
        }
        if let Some(postgres) = &self.sinks.postgres {
            files.extend(
                postgres
                    .certificate_files()
                    .into_iter()
                    .map(|(parameter, path)| CertificateFile {
                        setting: format!("sinks.postgres.url.{parameter}"),
                        path,
                    }),
            );
        }
        if let Some(postgres) = self.store.as_ref().and_then(|store| store.postgres.as_ref()) {
            let named = postgres.certificate_files().into_iter();
            files.extend(named.map(|(parameter, path)| CertificateFile {
                setting: format!("store.postgres.url.{parameter}"),
                path,
            }));
        }
        if let Some(path) = self.sinks.http.as_ref().and_then(|http| http.ca_file.clone()) {
            files.push(CertificateFile {
                setting: "sinks.http.ca_file".to_owned(),
                path,
            });
        }
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            let own = endpoint.client_certificate.as_ref();
            let own = own.map(|files| ("client_certificate.certificate_file", &files.certificate_file));
            let all = endpoint.ca_file.iter().map(|path| ("ca_file", path)).chain(own);
            files.extend(all.map(|(key, path)| CertificateFile {
                setting: format!("endpoints[{index}].{key}"),
                path: path.clone(),
            }));
        }
        files.retain(|file| !is_unused(unused, &file.setting));
        files
    }
}

impl Loaded {
    /// The certificates that end soon, or have ended, but for those of what is `unused`.
    pub(crate) fn ending_certificates(&self, unused: &[String]) -> Vec<Finding> {
        let files = self.config.certificate_files(unused);
        let found = certificates::warnings(&files, Timestamp::now());
        found.iter().map(|warning| self.locate(warning)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_that_names_certificates_is_known_by_its_name() {
        let config: Config = settings::read(
            b"event_log: { kafka: { brokers: 'k:9093', properties: { ssl.ca.location: /k/ca.pem, ssl.certificate.location: /k/c.pem } } }\n\
              sinks:\n  postgres: { url: 'postgres://h/d?sslmode=verify-full&sslrootcert=%2Fp%2Fca.pem&ssl-cert=/p/c.pem' }\n  \
              http: { ca_file: /h/ca.pem }\n\
              store: { postgres: { url: 'postgres://h/d?sslrootcert=/s/ca.pem' } }\n",
            &settings::NoReferences,
        )
        .value
        .expect("valid");
        let named = |unused: &[String]| {
            let files = config.certificate_files(unused);
            let shown = files
                .iter()
                .map(|file| format!("{} {}", file.setting, file.path.display()));
            shown.collect::<Vec<_>>()
        };
        assert_eq!(
            named(&[]),
            [
                "event_log.kafka.properties.ssl.ca.location /k/ca.pem",
                "event_log.kafka.properties.ssl.certificate.location /k/c.pem",
                "sinks.postgres.url.sslrootcert /p/ca.pem",
                "sinks.postgres.url.sslcert /p/c.pem",
                "store.postgres.url.sslrootcert /s/ca.pem",
                "sinks.http.ca_file /h/ca.pem",
            ]
        );
        assert_eq!(named(&["sinks".to_owned()]).len(), 3);
        assert_eq!(named(&["sinks".to_owned(), "store".to_owned()]).len(), 2);
    }
}
