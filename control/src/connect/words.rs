//! What a platform says when it refuses: its words, and the error that they belong to.

use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use url::Url;

use super::access::Access;
use super::error::ConnectError;
use super::ingest_url;
use super::redact::Redactor;

/// An answer that is no success.
pub(super) struct Refused<'a> {
    pub(super) platform: &'static str,
    /// Where the API is, for a redirect that is relative.
    pub(super) base: &'a Url,
    pub(super) access: &'a Access,
    /// Method and path, without secrets.
    pub(super) what: String,
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    pub(super) words: String,
}

impl Refused<'_> {
    /// What the operator does about it.
    pub(super) fn into_error(self) -> ConnectError {
        let Self {
            platform,
            base,
            access,
            what,
            status,
            headers,
            words,
        } = self;
        match status.as_u16() {
            401 | 403 => ConnectError::Token {
                platform,
                status,
                words,
                token: access.token,
            },
            404 => ConnectError::NotFound {
                platform,
                what,
                status,
                words,
                way_out: access.not_found,
            },
            300..=399 => {
                let location = headers.get(LOCATION).and_then(|to| to.to_str().ok());
                let to = location.and_then(|to| base.join(to).ok());
                ConnectError::Redirect {
                    platform,
                    to: to.map_or_else(|| "nowhere".to_owned(), |to| ingest_url::origin(&to)),
                }
            }
            429 | 500.. => {
                let seconds = headers
                    .get(RETRY_AFTER)
                    .and_then(|v| v.to_str().ok()?.parse::<u32>().ok());
                ConnectError::Later {
                    platform,
                    status,
                    words,
                    when: seconds.map_or_else(|| "later".to_owned(), |s| format!("in {s} seconds")),
                }
            }
            _ => ConnectError::Rejected {
                platform,
                what,
                status,
                words,
            },
        }
    }
}

/// The platform's own words, from the members that platforms put them in; else the text as it is.
pub(super) fn words(body: &[u8], redactor: &Redactor) -> String {
    const LONGEST: usize = 400;
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(json) => {
            let mut found = Vec::new();
            gather_words(&json, false, &mut found);
            found.dedup();
            found.join("; ")
        }
        // A page of a proxy says nothing that the status does not.
        Err(_) if body.trim_ascii_start().starts_with(b"<") => String::new(),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let text = redactor.text(&text);
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Collects texts below the members that platforms put words in.
fn gather_words(json: &Value, meant: bool, found: &mut Vec<String>) {
    const MEMBERS: &[&str] = &[
        "message",
        "messages",
        "error",
        "errors",
        "description",
        "detail",
        "details",
        "title",
        "reason",
        "response",
        "error_description",
    ];
    match json {
        Value::String(text) if meant && !text.is_empty() => found.push(text.clone()),
        Value::Array(elements) => elements.iter().for_each(|e| gather_words(e, meant, found)),
        Value::Object(members) => {
            for (name, value) in members {
                let known = MEMBERS.contains(&name.as_str());
                if meant && !known && value.is_array() {
                    // {"errors": {"address": ["is invalid"]}}: the name of the member is part of what is said.
                    let mut inner = Vec::new();
                    gather_words(value, true, &mut inner);
                    found.extend(inner.into_iter().map(|words| format!("{name}: {words}")));
                } else {
                    gather_words(value, known, found);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(json: &str) -> String {
        let mut found = Vec::new();
        gather_words(&serde_json::from_str(json).expect("JSON"), false, &mut found);
        // In the order of the document, or of the names: that depends on a feature of serde_json that other crates set.
        found.sort();
        found.join("; ")
    }

    #[test]
    fn the_words_of_every_platform_are_found() {
        for (json, expected) in [
            // Digisac (recorded), Chatwoot, Telegram, Evolution API, GitHub, Stripe, Shopify, Zendesk, LINE.
            (
                r#"{"error":"HttpError","message":"Invalid token: access token is invalid","status":401}"#,
                "HttpError; Invalid token: access token is invalid",
            ),
            (
                r#"{"message":"Url has already been taken","attributes":["url"]}"#,
                "Url has already been taken",
            ),
            (
                r#"{"ok":false,"error_code":400,"description":"Bad Request: bad webhook: HTTPS url must be provided"}"#,
                "Bad Request: bad webhook: HTTPS url must be provided",
            ),
            (
                r#"{"status":400,"error":"Bad Request","response":{"message":["Invalid \"url\" property"]}}"#,
                "Bad Request; Invalid \"url\" property",
            ),
            (
                r#"{"message":"Validation Failed","errors":[{"resource":"Hook","code":"custom","message":"Hook already exists on this repository"}]}"#,
                "Hook already exists on this repository; Validation Failed",
            ),
            (
                r#"{"error":{"code":"url_invalid","message":"Invalid URL","param":"url","type":"invalid_request_error"}}"#,
                "Invalid URL",
            ),
            (
                r#"{"errors":{"address":["for this topic has already been taken"]}}"#,
                "address: for this topic has already been taken",
            ),
            (
                r#"{"errors":[{"code":"InvalidWebhook","title":"endpoint is invalid"}]}"#,
                "endpoint is invalid",
            ),
            (
                r#"{"message":"The request body has 1 error(s)","details":[{"message":"Must be https","property":"endpoint"}]}"#,
                "Must be https; The request body has 1 error(s)",
            ),
        ] {
            assert_eq!(words(json), expected);
        }
    }
}
