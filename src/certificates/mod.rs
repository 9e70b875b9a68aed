//! When the certificates end that the configuration names: a gauge for each file, and a warning in time.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use schemas::setting::Invalid;
use schemas::time::Timestamp;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::Decode as _;

/// How often the files are read: a certificate is renewed while the program runs.
const AGAIN: Duration = Duration::from_hours(1);
/// How long before its end a certificate is warned of.
const SOON: Duration = Duration::from_hours(30 * 24);

/// A file of certificates that a setting names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificateFile {
    /// The setting, as in `sinks.http.ca_file`.
    pub(crate) setting: String,
    pub(crate) path: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    file: String,
}

/// The gauge.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expiry(Family<Label, Gauge>);

impl Expiry {
    /// Makes the gauge and registers it.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let expiry = Self::default();
        registry.register(
            "forebay_certificate_expiry_timestamp_seconds",
            "When the first of the certificates in a file ends, by the setting that names the file",
            expiry.0.clone(),
        );
        expiry
    }

    /// Registers it with a series, for the reference page.
    #[cfg(test)]
    pub(crate) fn example(registry: &mut Registry) {
        Self::register(registry).set("example", Some(Timestamp::MIN));
    }

    fn set(&self, setting: &str, end: Option<Timestamp>) {
        let label = Label {
            file: setting.to_owned(),
        };
        match end {
            Some(end) => {
                self.0.get_or_create(&label).set(end.millis() / 1000);
            }
            None => {
                self.0.remove(&label);
            }
        }
    }

    /// Reads the files. One that cannot be read has no series.
    pub(crate) fn measure(&self, files: &[CertificateFile]) {
        for CertificateFile { setting, path } in files {
            let end = first_end(path);
            if let Err(error) = &end {
                warn!(setting, "no certificate in `{}`: {error}", path.display());
            }
            self.set(setting, end.ok());
        }
    }

    /// Reads the files again and again, until `shutdown`.
    pub(crate) async fn keep(self, files: Vec<CertificateFile>, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = sleep(AGAIN) => self.measure(&files),
                () = shutdown.cancelled() => return,
            }
        }
    }
}

/// Those of the files of which a certificate ends soon, or has ended.
pub(crate) fn warnings(files: &[CertificateFile], now: Timestamp) -> Vec<Invalid> {
    let warning = |file: &CertificateFile| {
        // A file that cannot be read is refused elsewhere.
        let end = first_end(&file.path).ok()?;
        let left = Duration::from_millis(u64::try_from(end.millis() - now.millis()).unwrap_or(0));
        let path = file.path.display();
        let reason = match left.as_secs() / (24 * 3600) {
            _ if left.is_zero() => format!("is `{path}`, of which a certificate has ended, at {end}: renew it"),
            days if left < SOON => {
                format!("is `{path}`, of which a certificate ends in {days} days, at {end}: renew it")
            }
            _ => return None,
        };
        Some(Invalid::new(file.setting.as_str(), reason))
    };
    files.iter().filter_map(warning).collect()
}

/// Why a file shows no end.
#[derive(Debug)]
struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// When the first of the certificates in a PEM file ends.
fn first_end(path: &Path) -> Result<Timestamp, Unreadable> {
    let content = std::fs::read(path).map_err(|error| Unreadable(error.to_string()))?;
    let mut first: Option<Timestamp> = None;
    for certificate in CertificateDer::pem_slice_iter(&content) {
        let certificate = certificate.map_err(|error| Unreadable(error.to_string()))?;
        let end = not_after(&certificate).ok_or_else(|| Unreadable("one of them cannot be read".to_owned()))?;
        first = Some(first.map_or(end, |first| first.min(end)));
    }
    first.ok_or_else(|| Unreadable("the file has none, in PEM".to_owned()))
}

/// The end of the certificate's validity; `None` if it is no certificate. Nothing is verified: whoever uses it does that.
fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    // `Raw`: a serial number that breaks a rule is no reason not to see the end.
    let certificate = CertificateInner::<Raw>::from_der(certificate).ok()?;
    let end = certificate.tbs_certificate().validity().not_after.to_unix_duration();
    Timestamp::from_millis(i64::try_from(end.as_millis()).ok()?)
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    /// Ends at 2028-01-01T16:51:40Z.
    const A: &str = "\
-----BEGIN CERTIFICATE-----
MIIBbTCCARKgAwIBAgITSsPTAbG6ZKYMOF5UzIRuQvHHZTAKBggqhkjOPQQDAjAM
MQowCAYDVQQDDAFhMB4XDTI2MTEyOTE2NTE0MFoXDTI4MDEwMTE2NTE0MFowDDEK
MAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMxaf2UxTS66o7wx
8gCxw/wywyBjfzES/3xU+b4CcaKTXtl2ioSaVPGK4YmIpWsho8tRqOrLtp0V3+r3
6/mOHomjUzBRMB0GA1UdDgQWBBSWoWOueQIMBjjf6d8FsS0B3nFl2TAfBgNVHSME
GDAWgBSWoWOueQIMBjjf6d8FsS0B3nFl2TAPBgNVHRMBAf8EBTADAQH/MAoGCCqG
SM49BAMCA0kAMEYCIQCsagH811bL6ccoDS0stbrvL2AIqyEIKoTB+OydJvss3QIh
AJdbr959uA9izWvt0M1oGAMUDUSwItU6w+UES8qE299t
-----END CERTIFICATE-----
";
    /// Ends at 2126-11-05T16:50:20Z, a time of the other form.
    const B: &str = "\
-----BEGIN CERTIFICATE-----
MIIBcDCCARWgAwIBAgIUc0r4vYzzblkwh8SX9hNx2aw0fXUwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBYjAgFw0yNjExMjkxNjUwMjBaGA8yMTI2MTEwNTE2NTAyMFow
DDEKMAgGA1UEAwwBYjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMxaf2UxTS66
o7wx8gCxw/wywyBjfzES/3xU+b4CcaKTXtl2ioSaVPGK4YmIpWsho8tRqOrLtp0V
3+r36/mOHomjUzBRMB0GA1UdDgQWBBSWoWOueQIMBjjf6d8FsS0B3nFl2TAfBgNV
HSMEGDAWgBSWoWOueQIMBjjf6d8FsS0B3nFl2TAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0kAMEYCIQDjJvjur9psxcb+RvoDyYm2k60QmwG66C/uyrEytCSp
RAIhAKpRAFqIkpwlfEedh3/zxNgLI6KwOu95l/8BYFqASo3A
-----END CERTIFICATE-----
";

    fn file(folder: &Path, name: &str, text: &str) -> CertificateFile {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("written");
        CertificateFile {
            setting: name.to_owned(),
            path,
        }
    }

    #[test]
    fn the_first_end_in_a_file_counts_and_what_cannot_be_read_has_no_series() {
        let folder = tempfile::tempdir().expect("a folder");
        let both = file(folder.path(), "both", &format!("{B}{A}"));
        let later = file(folder.path(), "later", B);
        let broken = file(folder.path(), "broken", "no certificate");
        let mut registry = Registry::default();
        let expiry = Expiry::register(&mut registry);
        let shown = || {
            let mut text = String::new();
            encode(&mut text, &registry).expect("encodes");
            text
        };
        let files = [both.clone(), later.clone(), broken];
        expiry.measure(&files);
        for line in [
            "forebay_certificate_expiry_timestamp_seconds{file=\"both\"} 1830358300",
            "forebay_certificate_expiry_timestamp_seconds{file=\"later\"} 4949571020",
        ] {
            assert!(shown().contains(line), "{}", shown());
        }
        assert!(!shown().contains("broken"), "{}", shown());
        std::fs::remove_file(&later.path).expect("removed");
        expiry.measure(&files);
        assert!(!shown().contains("later"), "{}", shown());

        let at = |text: &str| warnings(std::slice::from_ref(&both), Timestamp::parse(text).expect("a time"));
        assert_eq!(at("2027-01-01T00:00:00Z"), []);
        let soon = at("2027-12-22T15:51:40Z");
        assert!(soon[0].reason.contains("ends in 10 days"), "{soon:?}");
        let ended = at("2030-01-01T00:00:00Z");
        assert!(
            ended[0].reason.contains("has ended, at 2028-01-01T16:51:40.000Z"),
            "{ended:?}"
        );
    }

    /// A certificate with another end of the same form; its signature does not fit, and is not looked at.
    fn ending(pem: &str, end: &str, other: &str) -> Option<String> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
        let at = certificate.windows(end.len()).position(|text| text == end.as_bytes());
        let at = at.expect("its end");
        let mut changed = certificate.to_vec();
        changed[at..at + end.len()].copy_from_slice(other.as_bytes());
        not_after(&changed).map(|end| end.to_string())
    }

    #[test]
    fn times_are_read_in_both_forms() {
        let (short, long) = ("280101165140Z", "21261105165020Z");
        for (pem, end, other, expected) in [
            (A, short, "270203040506Z", Some("2027-02-03T04:05:06.000Z")),
            (A, short, "491231235959Z", Some("2049-12-31T23:59:59.000Z")),
            (A, short, "991231235959Z", Some("1999-12-31T23:59:59.000Z")),
            (A, short, "279903040506Z", None),
            (A, short, "27020304050xZ", None),
            (B, long, "20500101000000Z", Some("2050-01-01T00:00:00.000Z")),
        ] {
            assert_eq!(ending(pem, end, other).as_deref(), expected, "{other}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        for bytes in [
            &b""[..],
            b"0",
            b"\x30\x80",
            b"\x30\xff",
            b"\x30\x84\xff\xff\xff\xff",
            b"\x30\x02\x30\x00",
            b"no certificate at all",
        ] {
            assert_eq!(not_after(bytes), None, "{bytes:?}");
        }
    }
}
