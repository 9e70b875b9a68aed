//! Signatures of Standard Webhooks 1.0: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use schemas::secret::Secret;
use sha2::Sha256;

/// The header that stays the same over all attempts of one event.
pub(super) const ID: &str = "webhook-id";
/// The header with the second of the attempt.
pub(super) const TIMESTAMP: &str = "webhook-timestamp";
/// The header with one signature per active secret, separated by spaces.
pub(super) const SIGNATURE: &str = "webhook-signature";

/// The value of `webhook-signature`: one signature per secret, so that a receiver may hold the old or the new one while they
/// are rotated.
pub fn signature(secrets: &[Secret], id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut out = String::with_capacity(secrets.len() * 48);
    for secret in secrets {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose()) else {
            unreachable!("HMAC takes keys of every length");
        };
        for piece in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(piece);
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str("v1,");
        BASE64.encode_string(mac.finalize().into_bytes(), &mut out);
    }
    out
}

/// Reads a signing key as Standard Webhooks writes it: `whsec_` and 24 to 64 bytes in canonical base64.
///
/// The error never repeats the text.
pub fn decode_secret(text: &str) -> Result<Secret, String> {
    let Some(encoded) = text.strip_prefix("whsec_") else {
        return Err("a signing key begins with `whsec_`, followed by base64".to_owned());
    };
    let key = BASE64
        .decode(encoded)
        .map_err(|_| "what follows `whsec_` is not base64 with padding (RFC 4648 §4)".to_owned())?;
    if !(24..=64).contains(&key.len()) {
        return Err(format!("a signing key has 24 to 64 bytes, this one has {}", key.len()));
    }
    Ok(Secret::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_specification_is_reproduced() {
        let secret = decode_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            signature(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_key_is_read_strictly_and_never_repeated_in_the_error() {
        for (bad, expected) in [
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with `whsec_`"),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "not base64"),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw==", "not base64"),
            ("whsec_ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "not base64"),
            ("whsec_MfKQ9r8GKYo=", "24 to 64"),
            ("whsec_", "24 to 64"),
        ] {
            let error = decode_secret(bad).expect_err(bad);
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("MfKQ"), "{error}");
        }
    }
}
