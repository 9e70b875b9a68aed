//! waha

use schemas::data::Unmapped;
use schemas::source::{Encoding, Hash, HmacScheme, Scheme};

use super::{Adapter, Because, Normalized, Webhook, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
    preset: || Scheme::Hmac(HmacScheme::of_body(Hash::Sha512, Encoding::Hex, "x-webhook-hmac")),
    handshake: handshake::none,
    credential: None,
    map,
};

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    webhook.json()?;
    Err(Unmapped::because("no mapping for this event name"))
}
