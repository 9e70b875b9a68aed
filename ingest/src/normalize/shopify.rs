//! Shopify: the object itself as the body, and all about the event in headers: `X-Shopify-Topic: orders/create`,
//! `X-Shopify-Shop-Domain`, `X-Shopify-Webhook-Id`, `X-Shopify-Event-Id`, `X-Shopify-Triggered-At` (Shopify docs, "Webhooks
//! delivery structure"). They are kept, but for the signature.
//!
//! What Shopify calls Events comes with the same headers without the `X-`, and is named by two of them, `Shopify-Topic: Product`
//! and `Shopify-Action: update`; the object's id stands in `Shopify-Resource-Id` (Shopify docs, "Events delivery structure").
//! Where a header is sent under both names, the one without the `X-` counts, as in Shopify's libraries.
//!
//! The type is `shopify.<topic>` with a dot for the slash, and a dot before the action. A retry repeats the webhook's id. The
//! object's own `updated_at` is not the event's time: an order that is paid and fulfilled at once has one for both.

use std::borrow::Cow;

use schemas::data::{Data, Foreign, Text, Unmapped};
use schemas::preset::SHOPIFY_SIGNATURES;
use schemas::time::Timestamp;

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Webhook, digest, foreign_type, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
    handshake: handshake::none,
    credential: None,
    map,
};

object! {
    Body { id: Json = "id", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    let topic = topic(webhook);
    let headers = webhook.headers_of_event(&["x-shopify-", "shopify-"], &SHOPIFY_SIGNATURES);
    let data = match &topic {
        Some(topic) => {
            if let Some(event_type) = foreign_type("shopify", &format!("shopify.{}", topic.replace('/', "."))) {
                Data::Foreign(Foreign { event_type, headers })
            } else {
                let topic = topic.clone().into_owned().into();
                Data::Unmapped(Unmapped::because("not a valid event type").of(Some(topic)))
            }
        }
        None => Data::Unmapped(Unmapped::because("no `X-Shopify-Topic`, and no `Shopify-Topic`")),
    };
    let topic = topic.as_deref().unwrap_or("unmapped");
    let names = ["x-shopify-webhook-id", "x-shopify-event-id"];
    let discriminator = names.into_iter().find_map(|name| said(webhook, name));
    let resource = said(webhook, "x-shopify-resource-id");
    let subject = body.id.text().or_else(|| resource.map(|id| id.to_owned().into()));
    Ok(Normalized::Events(vec![NewEvent {
        data,
        identity: vec![
            topic.to_owned().into(),
            discriminator.map_or_else(|| digest(webhook.body), str::to_owned).into(),
        ],
        time: said(webhook, "x-shopify-triggered-at").and_then(Timestamp::parse),
        happened: None,
        ordering_key: ordering_key(topic, subject.as_ref()),
        account: said(webhook, "x-shopify-shop-domain").map(|shop| shop.to_owned().into()),
        subject,
        raw: webhook.whole(),
    }]))
}

/// What the header says, by its new name or its old one.
fn said<'w>(webhook: &'w Webhook<'_, '_>, name: &'static str) -> Option<&'w str> {
    let renamed = name.strip_prefix("x-").unwrap_or(name);
    webhook.header(renamed).or_else(|| webhook.header(name))
}

/// `orders/create`, `Product/update`.
fn topic<'w>(webhook: &'w Webhook<'_, '_>) -> Option<Cow<'w, str>> {
    let topic = said(webhook, "x-shopify-topic")?;
    Some(match said(webhook, "x-shopify-action") {
        Some(action) => format!("{topic}/{action}").into(),
        None => topic.into(),
    })
}

/// All that happens to one object; `orders/create` and `orders/paid` are about the same.
fn ordering_key(topic: &str, id: Option<&Text<'_>>) -> String {
    match (topic.split_once('/'), id) {
        (Some((object, _)), Some(id)) => format!("{object}/{id}"),
        (None, Some(id)) => format!("{topic}/{id}"),
        (_, None) => topic.to_owned(),
    }
}
