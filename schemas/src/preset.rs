//! How each platform's senders prove themselves, where a source does not say it. Ingest verifies by it, and whoever registers a
//! source with its platform takes from it what the platform has to be given.

use std::time::Duration;

use crate::platform::Platform;
use crate::source::{Encoding, Hash, HmacScheme, Scheme, SignedTime, TemplatePart, TimeFormat, TimePlace, TokenPlace};

/// The member of the body that holds the token of baileys-api.
pub const BAILEYS_TOKEN: &str = "webhookVerifyToken";

/// Shopify's header of the signature, and its name without the `X-`, which Shopify's Events have.
pub const SHOPIFY_SIGNATURES: [&str; 2] = ["x-shopify-hmac-sha256", "shopify-hmac-sha256"];

/// How far a signed time stamp may be off: what the platforms and the libraries of Standard Webhooks recommend.
const TOLERANCE: Duration = Duration::from_mins(5);

impl Platform {
    /// The platform's own scheme: how its senders prove themselves when a source names none.
    pub fn scheme(self) -> Scheme {
        use Encoding::{Base64, Hex};
        use Hash::{Sha1, Sha256, Sha512};
        match self {
            // Digisac documents no signature and no token. Headers of the tenant's own choice or a JWT may be configured at an
            // instance of Evolution, nothing at its global webhook. Huggy signs nothing: its token is shown once, when the
            // address is saved.
            Self::Digisac | Self::Evolution | Self::Huggy => Scheme::UrlSecret,
            Self::Baileys => Scheme::Token(TokenPlace::Body(BAILEYS_TOKEN.to_owned())),
            // `secret_token` of `setWebhook`.
            Self::Telegram => Scheme::Token(TokenPlace::Header("x-telegram-bot-api-secret-token".to_owned())),
            Self::Cloudevents => Scheme::Token(TokenPlace::Header("authorization".to_owned())),
            // Old versions do not sign: their sources say `url_secret`.
            Self::Chatwoot => Scheme::Hmac(HmacScheme {
                prefix: "sha256=".to_owned(),
                template: vec![
                    TemplatePart::Timestamp,
                    TemplatePart::Text(".".to_owned()),
                    TemplatePart::Body,
                ],
                timestamp: Some(stamped("x-chatwoot-timestamp", TimeFormat::Seconds)),
                ..HmacScheme::of_body(Sha256, Hex, "x-chatwoot-signature")
            }),
            Self::Github | Self::WhatsappCloud => prefixed("sha256=", Sha256, Hex, "x-hub-signature-256"),
            Self::Intercom | Self::Web1on1 => prefixed("sha1=", Sha1, Hex, "x-hub-signature"),
            // With the channel's secret.
            Self::Line => Scheme::Hmac(HmacScheme::of_body(Sha256, Base64, "x-line-signature")),
            Self::Shopify => {
                let [header, renamed] = SHOPIFY_SIGNATURES;
                Scheme::Hmac(HmacScheme {
                    renamed: Some(renamed.to_owned()),
                    ..HmacScheme::of_body(Sha256, Base64, header)
                })
            }
            Self::Slack => Scheme::Hmac(HmacScheme {
                prefix: "v0=".to_owned(),
                template: vec![
                    TemplatePart::Text("v0:".to_owned()),
                    TemplatePart::Timestamp,
                    TemplatePart::Text(":".to_owned()),
                    TemplatePart::Body,
                ],
                timestamp: Some(stamped("x-slack-request-timestamp", TimeFormat::Seconds)),
                ..HmacScheme::of_body(Sha256, Hex, "x-slack-signature")
            }),
            Self::Standard => Scheme::StandardWebhooks { tolerance: TOLERANCE },
            Self::Stripe => Scheme::Hmac(HmacScheme {
                signature_key: Some("v1".to_owned()),
                template: vec![
                    TemplatePart::Timestamp,
                    TemplatePart::Text(".".to_owned()),
                    TemplatePart::Body,
                ],
                timestamp: Some(SignedTime {
                    place: TimePlace::Key("t".to_owned()),
                    format: TimeFormat::Seconds,
                    tolerance: TOLERANCE,
                }),
                ..HmacScheme::of_body(Sha256, Hex, "stripe-signature")
            }),
            Self::Twilio => Scheme::Twilio { url: None },
            Self::Twitter => prefixed("sha256=", Sha256, Base64, "x-twitter-webhooks-signature"),
            Self::Waha => Scheme::Hmac(HmacScheme::of_body(Sha512, Hex, "x-webhook-hmac")),
            Self::Zendesk => Scheme::Hmac(HmacScheme {
                template: vec![TemplatePart::Timestamp, TemplatePart::Body],
                timestamp: Some(stamped("x-zendesk-webhook-signature-timestamp", TimeFormat::Iso8601)),
                ..HmacScheme::of_body(Sha256, Base64, "x-zendesk-webhook-signature")
            }),
        }
    }
}

/// A digest of the body with a fixed text before it.
fn prefixed(prefix: &str, hash: Hash, encoding: Encoding, header: &str) -> Scheme {
    Scheme::Hmac(HmacScheme {
        prefix: prefix.to_owned(),
        ..HmacScheme::of_body(hash, encoding, header)
    })
}

fn stamped(header: &str, format: TimeFormat) -> SignedTime {
    SignedTime {
        place: TimePlace::Header(header.to_owned()),
        format,
        tolerance: TOLERANCE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_has_a_scheme_that_asks_for_a_proof() {
        for platform in Platform::ALL {
            assert_ne!(platform.scheme(), Scheme::None, "{platform}");
        }
        assert_eq!(Platform::Digisac.scheme(), Scheme::UrlSecret);
    }

    #[test]
    fn headers_are_in_lower_case_and_what_is_signed_holds_the_body() {
        for platform in Platform::ALL {
            match platform.scheme() {
                Scheme::Hmac(scheme) => {
                    assert_eq!(scheme.header, scheme.header.to_ascii_lowercase(), "{platform}");
                    assert!(scheme.template.contains(&TemplatePart::Body), "{platform}");
                    assert_eq!(
                        scheme.template.contains(&TemplatePart::Timestamp),
                        scheme.timestamp.is_some(),
                        "{platform}"
                    );
                }
                Scheme::Token(TokenPlace::Header(name)) => assert_eq!(name, name.to_ascii_lowercase(), "{platform}"),
                _ => {}
            }
        }
    }
}
