//! Any sender that follows the Standard Webhooks specification: `{"type": "invoice.paid", "timestamp": …, "data": {…}}` with
//! `webhook-id`, `webhook-timestamp` and `webhook-signature` headers.
//!
//! The sender's type is the event's type, and nothing is normalized: the body is under `raw`. A type that Forebay defines
//! itself gets `standard.` in front, for its data does not look like ours.
//!
//! Order is kept per thing: the id in `data.id`, else in `data.object.id`, else every event is on its own.

use std::borrow::Cow;

use schemas::data::{Data, Foreign, Unmapped};

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Webhook, digest, foreign_type, handshake};
use crate::authenticate::standard_names;

pub(super) const ADAPTER: Adapter = Adapter {
    handshake: handshake::none,
    credential: None,
    map,
};

object! {
    Body { event: Json = "type", timestamp: Json = "timestamp", data: Thing = "data", }
    Thing { id: Json = "id", object: Inner = "object", }
    Inner { id: Json = "id", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    let name = body.event.short();
    let data = match name.as_ref().map(|name| foreign_type("standard", name)) {
        Some(Some(event_type)) => Data::Foreign(Foreign::new(event_type)),
        Some(None) => Data::Unmapped(Unmapped::because("not a valid event type").of(name)),
        None => Data::Unmapped(Unmapped::because("no event type")),
    };
    let id: Cow<'a, str> = match webhook.header(standard_names(webhook.headers)[0].as_str()) {
        Some(id) => id.to_owned().into(),
        None => digest(webhook.body).into(),
    };
    let thing = body.data.id.text().or_else(|| body.data.object.id.text());
    Ok(Normalized::Events(vec![NewEvent {
        data,
        ordering_key: thing.as_deref().unwrap_or(&id).to_owned(),
        identity: vec!["webhook-id".into(), id],
        // Not `webhook-timestamp`: that is the time of the attempt, another one in every redelivery.
        time: body.timestamp.time(),
        happened: None,
        account: None,
        subject: thing,
        raw: webhook.whole(),
    }]))
}
