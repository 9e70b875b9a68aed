//! Stripe: `{"id": "evt_…", "type": "invoice.paid", "created": 1773149810, "data": {"object": {…}}}`, and the thin events of
//! its second API, which name a `related_object` instead of repeating it (Stripe docs, "The Event object", "Thin events").
//!
//! The type is `stripe.<type>`. The brackets in types of the second API (`v2.core.account[identity].updated`) become dots,
//! for no event type can have them. Order is kept per object; Stripe itself promises none.

use schemas::data::{Data, Foreign, Text, Unmapped};

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Webhook, digest, foreign_type, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
    handshake: handshake::none,
    credential: None,
    map,
};

object! {
    Body {
        id: Json = "id",
        event: Json = "type",
        created: Json = "created",
        // The connected account; in thin events the context that it is to be fetched in.
        account: Json = "account",
        context: Json = "context",
        data: Content = "data",
        related: Thing = "related_object",
    }

    Content { object: Thing = "object", }

    Thing { id: Json = "id", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    let name = body.event.short();
    let event_type = |name: &Text<'_>| foreign_type("stripe", &format!("stripe.{}", without_brackets(name)));
    let data = match (name.as_ref().map(event_type), body.id.text().is_some()) {
        (Some(Some(event_type)), true) => Data::Foreign(Foreign::new(event_type)),
        (Some(None), true) => Data::Unmapped(Unmapped::because("not a valid event type").of(name)),
        _ => Data::Unmapped(Unmapped::because("no id, or no event type").of(name)),
    };
    let id = body.id.text().unwrap_or_else(|| digest(webhook.body).into());
    let things = [body.data.object.id, body.related.id];
    let thing = things.into_iter().find_map(Json::text).unwrap_or_else(|| id.clone());
    Ok(Normalized::Events(vec![NewEvent {
        data,
        identity: vec![id],
        time: body.created.time(),
        happened: None,
        ordering_key: thing.clone().into_owned(),
        account: body.account.text().or_else(|| body.context.text()),
        subject: Some(thing),
        raw: webhook.whole(),
    }]))
}

fn without_brackets<'a>(name: &Text<'a>) -> Text<'a> {
    if name.contains('[') {
        name.replace('[', ".").replace(']', "").into()
    } else {
        name.clone()
    }
}
