//! intercom

use schemas::data::Unmapped;
use schemas::source::{Encoding, Hash, HmacScheme, Scheme};

use super::{Adapter, Because, Normalized, Webhook, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
    preset: || {
        Scheme::Hmac(HmacScheme {
            prefix: "sha1=".to_owned(),
            ..HmacScheme::of_body(Hash::Sha1, Encoding::Hex, "x-hub-signature")
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
