//! How Twitter verifies the endpoint before it sends: a challenge-response check.
//!
//! The answer to a `crc_token` is the token's signature under the secret that signs the bodies too, and anyone may ask. So
//! a token that could be read as a body with something in it (JSON that is a text, a list or an object) is not signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use sha2::Sha256;

use crate::normalize::handshake::Handshake;
use crate::normalize::{Forbidden, Reply};

/// The longest `crc_token` that is signed, bytes; they have about 50.
const MAX_TOKEN: usize = 256;

/// `GET ?crc_token=…`: signed with the newest secret.
pub(super) fn crc(ask: &Handshake<'_>) -> Option<Result<Reply, Forbidden>> {
    if ask.method != Method::GET {
        return None;
    }
    let harmless = |token: &str| token.len() <= MAX_TOKEN && !token.contains(['{', '[', '"']);
    let token = ask.parameter("crc_token").filter(|token| harmless(token));
    let (Some(token), Some(secret)) = (token, ask.source.secrets.first()) else {
        return Some(Err(Forbidden));
    };
    // An HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose()) else {
        return Some(Err(Forbidden));
    };
    mac.update(token.as_bytes());
    let signature = BASE64.encode(mac.finalize().into_bytes());
    Some(Ok(Reply::Json(format!(r#"{{"response_token":"sha256={signature}"}}"#))))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use schemas::name::{SourceId, Tenant};
    use schemas::platform::Platform;
    use schemas::secret::Secret;
    use schemas::source::Source;

    use super::*;

    fn ask(secrets: &[&str], method: &Method, query: Option<&str>) -> Option<Result<Reply, Forbidden>> {
        let source = Source::new(
            SourceId::new("line-1").expect("valid"),
            Tenant::new("acme").expect("valid"),
            Platform::Twitter,
            secrets.iter().map(|text| Secret::new(*text)).collect(),
        );
        crc(&Handshake {
            source: &source,
            method,
            headers: &HeaderMap::new(),
            query,
        })
    }

    #[test]
    fn a_crc_is_the_signature_of_the_token_under_the_newest_secret() {
        // printf 'a-b_c.d~e+/=' | openssl dgst -sha256 -hmac consumer-secret-exemplo -binary | base64
        let expected = r#"{"response_token":"sha256=7wB+jQBq8tLt/4bOcgHAtWeG4kpkfTz9XlxJPjFRHXs="}"#;
        let query = Some("nonce=1&crc_token=a-b_c.d~e%2B%2F%3D");
        let reply = ask(&["consumer-secret-exemplo", "an-older-secret"], &Method::GET, query);
        assert_eq!(reply, Some(Ok(Reply::Json(expected.to_owned()))));
        let other = ask(&["an-older-secret", "consumer-secret-exemplo"], &Method::GET, query);
        assert_ne!(other, reply, "the newest secret only");
    }

    #[test]
    fn nothing_is_signed_that_could_be_sent_as_a_body() {
        let long = format!("crc_token={}", "a".repeat(257));
        for query in [
            None,
            Some(""),
            Some("crc_token="),
            Some("token=x"),
            Some("crc_token=%7B%22for_user_id%22%3A1%7D"),
            Some("crc_token=%20%5B%5D"),
            Some("crc_token=%22x%22"),
            Some("crc_token=%ff"),
            Some(&*long),
        ] {
            let reply = ask(&["consumer-secret-exemplo"], &Method::GET, query);
            assert_eq!(reply, Some(Err(Forbidden)), "{query:?}");
        }
        assert_eq!(ask(&[], &Method::GET, Some("crc_token=x")), Some(Err(Forbidden)));
        assert_eq!(
            ask(&["consumer-secret-exemplo"], &Method::HEAD, Some("crc_token=x")),
            None
        );
        let longest = format!("crc_token={}", "a".repeat(256));
        let reply = ask(&["consumer-secret-exemplo"], &Method::GET, Some(&longest));
        assert!(matches!(reply, Some(Ok(Reply::Json(_)))), "{reply:?}");
    }
}
