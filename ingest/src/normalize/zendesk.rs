//! zendesk

use std::time::Duration;

use schemas::data::Unmapped;
use schemas::source::{Encoding, Hash, HmacScheme, Scheme, SignedTime, TemplatePart, TimeFormat, TimePlace};

use super::{Adapter, Because, Normalized, Webhook, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
    preset: || {
        Scheme::Hmac(HmacScheme {
            template: vec![TemplatePart::Timestamp, TemplatePart::Body],
            timestamp: Some(SignedTime {
                place: TimePlace::Header("x-zendesk-webhook-signature-timestamp".to_owned()),
                format: TimeFormat::Iso8601,
                tolerance: Duration::from_mins(5),
            }),
            ..HmacScheme::of_body(Hash::Sha256, Encoding::Base64, "x-zendesk-webhook-signature")
        })
    },
    handshake: handshake::none,
    credential: None,
    map,
};

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    webhook.json()?;
    Err(Unmapped::because("no mapping for this event name"))
}
