//! Whether a delivery is signed per Standard Webhooks, as a receiver finds out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use schemas::secret::Secret;
use sha2::Sha256;

/// Standard Webhooks 1.0: any of the space-separated `v1,` signatures over `id.timestamp.body`, by any of the keys.
pub(super) fn verify<'k>(keys: impl IntoIterator<Item = &'k Secret>, headers: &HeaderMap, body: &[u8]) -> bool {
    let keys: Vec<&Secret> = keys.into_iter().collect();
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    header("webhook-signature")
        .split(' ')
        .filter_map(|s| BASE64.decode(s.strip_prefix("v1,")?).ok())
        .any(|signature| {
            keys.iter().any(|key| {
                let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose()) else {
                    return false;
                };
                for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
                    mac.update(part);
                }
                mac.verify_slice(&signature).is_ok()
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_sink_signs_is_verified_and_nothing_else_is() {
        let key = |text: &str| Secret::from_standard_webhooks(text).expect("a key");
        let own = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let other = key("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let headers = |signers: &[Secret], body: &[u8]| {
            let mut headers = HeaderMap::new();
            let signature = sinks::http::signature(signers, "msg_1", "1614265330", body);
            for (name, value) in [
                ("webhook-id", "msg_1"),
                ("webhook-timestamp", "1614265330"),
                ("webhook-signature", &signature),
            ] {
                headers.insert(name, value.parse().expect("a header"));
            }
            headers
        };
        let good = headers(&[other.clone(), own.clone()], b"body");
        assert!(verify(std::slice::from_ref(&own), &good, b"body"));
        assert!(!verify(std::slice::from_ref(&own), &good, b"another"));
        assert!(!verify(&[own], &headers(&[other], b"body"), b"body"));
    }
}
