//! One source as it is written.

use crate::name::{SourceId, Tenant};
use crate::operations;
use crate::platform::Platform;
use crate::secret::Secret;
use crate::setting::{Findings, Invalid, within};
use crate::source::{Scheme, Source};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auth::AuthSpec;
use super::{default_tenant, reference};

/// An element of `sources` in the configuration: a sender of webhooks.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// The name in the path of its URL, `/in/<id>`.
    pub id: SourceId,
    /// Whose events it sends; `default` if left out.
    #[serde(default = "default_tenant")]
    pub tenant: Tenant,
    /// What it sends: which adapter reads its bodies, and how it proves itself unless `auth` says otherwise.
    pub platform: Platform,
    /// How it proves itself; left out, the platform's own way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<AuthSpec>,
    /// The active secrets, newest first.
    #[serde(default, skip_serializing)]
    pub secrets: Vec<Secret>,
    /// A second proof: one of these must stand in the path of the URL besides, `/in/<id>/<secret>`; newest first.
    #[serde(default, skip_serializing)]
    pub url_secrets: Vec<Secret>,
    /// What the platform shows, or asks for, when it verifies the endpoint before it sends (Meta's `hub.verify_token`, Huggy's
    /// token).
    #[serde(default, skip_serializing)]
    pub verify_token: Option<Secret>,
    /// The zone of the local times that it sends, for platforms that name none (Huggy): `-03:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utc_offset: Option<String>,
    /// The largest body it may send; left out, the limit of ingest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<usize>,
}

impl SourceSpec {
    /// The source, or everything that is wrong. `max_body_bytes` holds for a source without a limit of its own.
    ///
    /// Whether each of its secrets is fit for its scheme is for ingest to judge, which knows how they are used.
    pub fn build(self, max_body_bytes: usize) -> Result<Source, Vec<Invalid>> {
        let mut found = Findings::default();
        if self.id.as_str() == operations::SOURCE {
            found.add(
                "id",
                "is reserved: events about Forebay itself have this source; choose another id",
            );
        }
        let scheme = self.auth.map(AuthSpec::build).transpose();
        let scheme = found.keep(scheme.map_err(|invalid| within("auth", invalid)));
        if self.secrets.is_empty() && scheme != Some(Some(Scheme::None)) {
            let reason = "is empty: give at least one, or let any sender in with `auth: { scheme: none }`";
            found.add("secrets", reason);
        }
        reference::check_all("secrets", &self.secrets, &mut found);
        reference::check_all("url_secrets", &self.url_secrets, &mut found);
        if let Some(token) = &self.verify_token {
            found.keep_at("verify_token", reference::check(token));
        }
        let utc_offset = self.utc_offset.as_deref().map(parse_utc_offset).transpose();
        let utc_offset = found.keep_at("utc_offset", utc_offset);
        let (scheme, utc_offset_minutes) = found.into_value(scheme.zip(utc_offset))?;
        Ok(Source {
            scheme,
            url_secrets: self.url_secrets,
            verify_token: self.verify_token,
            utc_offset_minutes,
            max_body_bytes: self.max_body_bytes.unwrap_or(max_body_bytes),
            ..Source::new(self.id, self.tenant, self.platform, self.secrets)
        })
    }
}

impl SourceSpec {
    /// Finds what may be meant, and seldom is.
    pub fn warnings(&self) -> Vec<Invalid> {
        let mut found = Findings::default();
        reference::warn_all("secrets", &self.secrets, &mut found);
        reference::warn_all("url_secrets", &self.url_secrets, &mut found);
        if let Some(reason) = self.verify_token.as_ref().and_then(reference::likely) {
            found.add("verify_token", reason);
        }
        if self.utc_offset.is_some() && self.platform != Platform::Huggy {
            let platform = self.platform;
            found.add(
                "utc_offset",
                format!("counts for nothing: the times of {platform} name their zone"),
            );
        }
        found.into_warnings()
    }
}

/// Minutes east of UTC.
fn parse_utc_offset(text: &str) -> Result<i32, String> {
    let wrong = || format!("is `{text}`, which is not an offset such as `-03:00`, between -14:00 and +14:00");
    let east = match text.as_bytes().first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Err(wrong()),
    };
    let (hours, minutes) = text[1..].split_once(':').ok_or_else(wrong)?;
    let number = |digits: &str, most: i32| {
        let two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<i32>().ok().filter(|number| two && *number <= most)
    };
    match (number(hours, 14), number(minutes, 59)) {
        (Some(hours), Some(minutes)) if hours < 14 || minutes == 0 => Ok(east * (hours * 60 + minutes)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(json: &str) -> SourceSpec {
        serde_json::from_str(json).expect("a spec")
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let source = spec(r#"{"id": "a", "platform": "chatwoot", "secrets": ["s3cret-s3cret"]}"#);
        let source = source.build(1000).expect("valid");
        assert_eq!((source.tenant.as_str(), source.max_body_bytes), ("default", 1000));
        assert_eq!((source.scheme, source.utc_offset_minutes), (None, None));
    }

    #[test]
    fn everything_that_is_wrong_is_returned_by_its_place() {
        let source = spec(
            r#"{"id": "a", "platform": "huggy", "utc_offset": "-3",
                "auth": {"scheme": "hmac", "hash": "sha256", "encoding": "hex", "header": "X-S", "template": "{x}"}}"#,
        );
        let found = source.build(1000).expect_err("three things are wrong");
        let places: Vec<&str> = found.iter().map(|invalid| invalid.place.as_str()).collect();
        assert_eq!(places, ["auth.template", "secrets", "utc_offset"]);
    }

    #[test]
    fn the_source_of_operational_events_is_no_ones() {
        let source = spec(r#"{"id": "forebay", "platform": "chatwoot", "secrets": ["s3cret-s3cret"]}"#);
        let found = source.build(1000).expect_err("reserved");
        let [invalid] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(invalid.place, "id");
        assert!(invalid.reason.starts_with("is reserved"), "{invalid}");
    }

    #[test]
    fn a_secret_that_is_none_is_refused_or_warned_of() {
        let source = spec(
            r#"{"id": "a", "platform": "chatwoot", "secrets": ["$CHATWOOT_SECRET", "a-long-secret"], "url_secrets": ["%PATH_SECRET%"],
                "verify_token": "{{ token }}"}"#,
        );
        let found = source.build(1000).expect_err("three references");
        let places: Vec<&str> = found.iter().map(|invalid| invalid.place.as_str()).collect();
        assert_eq!(places, ["secrets[0]", "url_secrets[0]", "verify_token"]);

        let source = spec(
            r#"{"id": "a", "platform": "chatwoot", "secrets": ["a-long-secret", "a-long-secret", "your-secret"],
                "verify_token": "changeme"}"#,
        );
        let found = source.warnings();
        let places: Vec<&str> = found.iter().map(|invalid| invalid.place.as_str()).collect();
        assert_eq!(places, ["secrets[1]", "secrets[2]", "verify_token"]);
        assert!(found[0].reason.starts_with("is listed twice"), "{found:?}");
    }

    #[test]
    fn what_is_written_out_reads_back_and_shows_no_secret() {
        let written = r#"{"id":"a","tenant":"acme","platform":"huggy","auth":{"scheme":"token","header":"x-token"},"utc_offset":"-03:00"}"#;
        let mut source = spec(written);
        source.secrets = vec![Secret::new("hunter2-hunter2")];
        source.url_secrets = source.secrets.clone();
        source.verify_token = source.secrets.first().cloned();
        assert_eq!(serde_json::to_string(&source).expect("JSON"), written);
        assert!(!format!("{source:?}").contains("hunter2"));
    }

    #[test]
    fn an_offset_is_hours_and_minutes_east_of_utc() {
        for (text, minutes) in [
            ("-03:00", -180),
            ("+05:45", 345),
            ("+00:00", 0),
            ("+14:00", 840),
            ("-09:30", -570),
        ] {
            assert_eq!(parse_utc_offset(text), Ok(minutes), "{text}");
        }
        for text in [
            "",
            "-",
            "03:00",
            "-3:00",
            "-03:0",
            "+14:01",
            "+15:00",
            "-03:60",
            "-03:00:00",
            "-+3:00",
            "Z",
            "\u{2212}03:00",
        ] {
            assert!(parse_utc_offset(text).is_err(), "{text}");
        }
    }
}
