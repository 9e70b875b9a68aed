//! twilio

use schemas::data::Unmapped;
use schemas::source::Scheme;

use super::{Adapter, Because, Normalized, Webhook, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
    preset: || Scheme::Twilio { url: None },
    handshake: handshake::none,
    credential: None,
    map,
};

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    webhook.json()?;
    Err(Unmapped::because("no mapping for this event name"))
}
