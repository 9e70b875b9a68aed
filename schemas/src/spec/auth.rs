//! How a source proves itself, as it is written.

use std::time::Duration;

use crate::setting::{Findings, Invalid};
use crate::source::{
    Encoding, Hash, HmacScheme, JwtScheme, Scheme, SignedTime, TemplatePart, TimeFormat, TimePlace, TokenPlace,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a source proves itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "scheme", rename_all = "snake_case", deny_unknown_fields)]
pub enum AuthSpec {
    /// A keyed hash of the body in a header.
    Hmac {
        /// `sha1`, `sha256` or `sha512`.
        hash: Hash,
        /// `hex` or `base64`.
        encoding: Encoding,
        /// The header that holds the digest.
        header: String,
        /// What stands before the digest.
        #[serde(default)]
        prefix: String,
        /// What is hashed: fixed text with `{body}` and `{timestamp}`.
        #[serde(default = "body_only")]
        template: String,
        /// The header that holds the signed time stamp, if the template has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timestamp_header: Option<String>,
        /// How it is written: `seconds` since the epoch, or `iso8601`.
        #[serde(default)]
        timestamp_format: TimeFormat,
        /// Where the header is a list such as `t=1,v1=abc`: the key of the digests.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature_key: Option<String>,
        /// And that of the time stamp, in place of `timestamp_header`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timestamp_key: Option<String>,
        /// How far the time stamp may be off, both ways.
        #[serde(default = "five_minutes")]
        tolerance_seconds: u64,
    },
    /// Standard Webhooks 1.0.
    StandardWebhooks {
        /// How far the time stamp may be off, both ways.
        #[serde(default = "five_minutes")]
        tolerance_seconds: u64,
    },
    /// A fixed text in a header, a query parameter or a member of the body.
    Token(TokenSpec),
    /// A fixed text in the path after the source id.
    UrlSecret,
    /// `Authorization: Basic`; each secret is `user:password`.
    Basic,
    /// A JSON Web Token signed with HS256.
    Jwt {
        /// The header that holds it; a leading `Bearer ` is taken off.
        #[serde(default = "authorization")]
        header: String,
        /// How long after `exp`, and before `nbf`, it still counts.
        #[serde(default = "one_minute")]
        leeway_seconds: u64,
    },
    /// Twilio's own.
    Twilio {
        /// Scheme, host and port of our URL as Twilio knows it; left out, `https` and the request's host.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    /// Any sender is accepted.
    None,
}

/// Where a token stands: exactly one of the three.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenSpec {
    /// This header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// This query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// This member of the JSON body's top level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl AuthSpec {
    /// The scheme, or everything that is wrong.
    pub fn build(self) -> Result<Scheme, Vec<Invalid>> {
        Ok(match self {
            Self::None => Scheme::None,
            Self::Basic => Scheme::Basic,
            Self::Jwt { header, leeway_seconds } => Scheme::Jwt(JwtScheme {
                header: header.to_ascii_lowercase(),
                leeway: Duration::from_secs(leeway_seconds),
            }),
            Self::Twilio { url } => Scheme::Twilio { url },
            Self::UrlSecret => Scheme::UrlSecret,
            Self::StandardWebhooks { tolerance_seconds } => Scheme::StandardWebhooks {
                tolerance: Duration::from_secs(tolerance_seconds),
            },
            Self::Token(place) => Scheme::Token(place.build()?),
            Self::Hmac {
                hash,
                encoding,
                header,
                prefix,
                template,
                timestamp_header,
                timestamp_format,
                signature_key,
                timestamp_key,
                tolerance_seconds,
            } => {
                let mut found = Findings::default();
                let template = found.keep_at("template", parse_template(&template));
                let place = time_place(timestamp_header, timestamp_key, template.as_deref(), &mut found);
                let template = found.into_value(template)?;
                Scheme::Hmac(HmacScheme {
                    prefix,
                    signature_key,
                    template,
                    timestamp: place.map(|place| SignedTime {
                        place,
                        format: timestamp_format,
                        tolerance: Duration::from_secs(tolerance_seconds),
                    }),
                    ..HmacScheme::of_body(hash, encoding, &header.to_ascii_lowercase())
                })
            }
        })
    }
}

impl TokenSpec {
    fn build(self) -> Result<TokenPlace, Vec<Invalid>> {
        match (self.header, self.query, self.body) {
            (Some(name), None, None) => Ok(TokenPlace::Header(name.to_ascii_lowercase())),
            (None, Some(name), None) => Ok(TokenPlace::Query(name)),
            (None, None, Some(name)) => Ok(TokenPlace::Body(name)),
            _ => Err(vec![Invalid::new(
                "",
                "must name exactly one place of the token: `header`, `query` or `body`",
            )]),
        }
    }
}

/// Where the signed time stamp stands, which a template has if and only if it is signed. `template` is `None` where it cannot be read.
fn time_place(
    header: Option<String>,
    key: Option<String>,
    template: Option<&[TemplatePart]>,
    found: &mut Findings,
) -> Option<TimePlace> {
    let (place, written) = match (header, key) {
        (Some(_), Some(_)) => {
            let reason = "is set beside `timestamp_header`, and a time stamp stands in one place: take one of them out";
            found.add("timestamp_key", reason);
            return None;
        }
        (Some(name), None) => (TimePlace::Header(name.to_ascii_lowercase()), "timestamp_header"),
        (None, Some(key)) => (TimePlace::Key(key), "timestamp_key"),
        (None, None) => {
            if template.is_some_and(|parts| parts.contains(&TemplatePart::Timestamp)) {
                let reason = "has `{timestamp}`, which goes together with `timestamp_header` (or `timestamp_key`): give both or \
                              neither";
                found.add("template", reason);
            }
            return None;
        }
    };
    if template.is_some_and(|parts| !parts.contains(&TemplatePart::Timestamp)) {
        let reason = "and `{timestamp}` in `template` go together: give both or neither";
        found.add(written, reason);
    }
    Some(place)
}

fn parse_template(text: &str) -> Result<Vec<TemplatePart>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        if !before.is_empty() {
            parts.push(TemplatePart::Text(before.to_owned()));
        }
        let end = after
            .find('}')
            .ok_or_else(|| format!("has a `{{` without `}}`: `{text}`"))?;
        match &after[1..end] {
            "body" => parts.push(TemplatePart::Body),
            "timestamp" => parts.push(TemplatePart::Timestamp),
            other => {
                return Err(format!(
                    "has `{{{other}}}`, and only `{{body}}` and `{{timestamp}}` are known"
                ));
            }
        }
        rest = &after[end + 1..];
    }
    if !rest.is_empty() {
        parts.push(TemplatePart::Text(rest.to_owned()));
    }
    if !parts.contains(&TemplatePart::Body) {
        return Err("must hold `{body}`, or the signature would not protect the body".to_owned());
    }
    Ok(parts)
}

fn body_only() -> String {
    "{body}".to_owned()
}

fn authorization() -> String {
    "authorization".to_owned()
}

fn one_minute() -> u64 {
    60
}

fn five_minutes() -> u64 {
    300
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(json: &str) -> Vec<String> {
        let spec: AuthSpec = serde_json::from_str(json).expect("a spec");
        let found = spec.build().expect_err("something is wrong");
        found.iter().map(Invalid::to_string).collect()
    }

    #[test]
    fn templates_are_read_left_to_right() {
        let parts = parse_template("v0:{timestamp}:{body}").expect("valid");
        assert_eq!(
            parts,
            [
                TemplatePart::Text("v0:".into()),
                TemplatePart::Timestamp,
                TemplatePart::Text(":".into()),
                TemplatePart::Body
            ]
        );
        assert!(parse_template("{timestamp}").is_err());
        assert!(parse_template("{body").is_err());
        assert!(parse_template("{body}{x}").is_err());
    }

    #[test]
    fn a_time_stamp_is_signed_and_stands_in_one_place() {
        let hmac = |more: &str| {
            format!(r#"{{"scheme": "hmac", "hash": "sha256", "encoding": "hex", "header": "X-Signature", {more}}}"#)
        };
        for (more, expected) in [
            (
                r#""template": "{timestamp}.{body}""#,
                "`template` has `{timestamp}`, which goes together with `timestamp_header`",
            ),
            (
                r#""timestamp_header": "x-time""#,
                "`timestamp_header` and `{timestamp}` in `template` go together",
            ),
            (
                r#""template": "{timestamp}.{body}", "timestamp_header": "x-time", "timestamp_key": "t""#,
                "`timestamp_key` is set beside `timestamp_header`",
            ),
        ] {
            let found = wrong(&hmac(more));
            assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
        }
    }

    #[test]
    fn a_token_stands_in_exactly_one_place() {
        for places in [
            r#"{"scheme": "token"}"#,
            r#"{"scheme": "token", "header": "a", "query": "b"}"#,
        ] {
            assert!(wrong(places)[0].contains("exactly one place"), "{places}");
        }
    }

    #[test]
    fn each_name_is_the_one_that_it_is_written_by() {
        for (name, more) in [
            ("hmac", r#","hash":"sha1","encoding":"hex","header":"x-signature""#),
            ("standard_webhooks", ""),
            ("token", r#","query":"token""#),
            ("url_secret", ""),
            ("basic", ""),
            ("jwt", ""),
            ("twilio", ""),
            ("none", ""),
        ] {
            let spec: AuthSpec = serde_json::from_str(&format!(r#"{{"scheme":"{name}"{more}}}"#)).expect("a spec");
            assert_eq!(spec.build().expect("valid").name(), name);
        }
        for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha512] {
            assert_eq!(serde_json::to_value(hash).expect("JSON"), hash.as_str());
        }
        for encoding in [Encoding::Hex, Encoding::Base64] {
            assert_eq!(serde_json::to_value(encoding).expect("JSON"), encoding.as_str());
        }
    }

    #[test]
    fn what_is_written_out_reads_back() {
        for written in [
            r#"{"scheme":"url_secret"}"#,
            r#"{"scheme":"token","body":"token"}"#,
            r#"{"scheme":"twilio"}"#,
            r#"{"scheme":"jwt","header":"authorization","leeway_seconds":60}"#,
            r#"{"scheme":"standard_webhooks","tolerance_seconds":300}"#,
        ] {
            let spec: AuthSpec = serde_json::from_str(written).expect("a spec");
            assert_eq!(serde_json::to_string(&spec).expect("JSON"), written);
        }
        let short: AuthSpec =
            serde_json::from_str(r#"{"scheme":"hmac","hash":"sha1","encoding":"hex","header":"X-S"}"#).expect("a spec");
        let written = serde_json::to_string(&short).expect("JSON");
        assert_eq!(serde_json::from_str::<AuthSpec>(&written).expect("a spec"), short);
    }
}
