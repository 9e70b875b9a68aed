//! Sample bodies of every platform, for `forebay send` and the demo.

use schemas::platform::Platform;

/// Name and body.
pub(crate) type Sample = (&'static str, &'static str);

macro_rules! samples {
    ($platform:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../tests/payloads/", $platform, "/", $name, ".json")))),*]
    };
}

const BAILEYS: &[Sample] = samples!("baileys":
    "messages.upsert.text", "messages.upsert.batch", "messages.upsert.group_lid", "messages.upsert.image_with_media",
    "messages.update.status", "messages.reaction", "group-participants.update.add", "group-participants.update.promote",
    "group.join-request.created", "groups.upsert", "groups.update.subject", "connection.update.open", "presence.update");

const CHATWOOT: &[Sample] = samples!("chatwoot":
    "message_created.incoming", "message_created.outgoing", "message_created.private_note", "message_updated",
    "conversation_created", "conversation_updated.assignee", "conversation_status_changed.resolved",
    "conversation_status_changed.reopened", "contact_created", "contact_updated", "fazer_ai.provider_event_received");

const DIGISAC: &[Sample] = samples!("digisac":
    "message.created.full", "message.created.group", "message.updated", "ticket.created", "ticket.updated.closed",
    "ticket.updated.transferred", "contact.created", "contact.updated", "bot.command", "test_ping");

const STANDARD: &[Sample] = samples!("standard": "invoice.paid", "contact.created");

/// The samples of a platform; the first is what `forebay send` posts when none is named.
pub(crate) fn of(platform: Platform) -> &'static [Sample] {
    match platform {
        Platform::Baileys => BAILEYS,
        Platform::Chatwoot => CHATWOOT,
        Platform::Digisac => DIGISAC,
        Platform::Standard => STANDARD,
    }
}
