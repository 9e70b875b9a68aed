//! slack

use std::time::Duration;

use schemas::data::Unmapped;
use schemas::source::{Encoding, Hash, HmacScheme, Scheme, SignedTime, TemplatePart, TimeFormat, TimePlace};

use super::{Adapter, Because, Normalized, Webhook, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
    preset: || {
        Scheme::Hmac(HmacScheme {
            prefix: "v0=".to_owned(),
            template: vec![
                TemplatePart::Text("v0:".to_owned()),
                TemplatePart::Timestamp,
                TemplatePart::Text(":".to_owned()),
                TemplatePart::Body,
            ],
            timestamp: Some(SignedTime {
                place: TimePlace::Header("x-slack-request-timestamp".to_owned()),
                format: TimeFormat::Seconds,
                tolerance: Duration::from_mins(5),
            }),
            ..HmacScheme::of_body(Hash::Sha256, Encoding::Hex, "x-slack-signature")
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
