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
pub fn signature<'s>(secrets: impl IntoIterator<Item = &'s Secret>, id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut out = String::with_capacity(2 * 48);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_specification_is_reproduced() {
        let secret = Secret::from_standard_webhooks("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            signature(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
