//! Shopify: the object itself as the body, and all about the event in headers: `X-Shopify-Topic: orders/create`,
//! `X-Shopify-Shop-Domain`, `X-Shopify-Webhook-Id`, `X-Shopify-Event-Id`, `X-Shopify-Triggered-At` (Shopify docs, "Webhooks",
//! "HTTPS headers"). They are kept, but for the signature.
//!
//! The type is `shopify.<topic>` with a dot for the slash. A retry repeats the webhook's id. The object's own `updated_at`
//! is not the event's time: an order that is paid and fulfilled at once has one for both.

use schemas::data::{Data, Foreign, Text, Unmapped};
use schemas::source::{Encoding, Hash, HmacScheme, Scheme};
use schemas::time::Timestamp;

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Webhook, digest, foreign_type, handshake};

const SIGNATURE: &str = "x-shopify-hmac-sha256";

pub(super) const ADAPTER: Adapter = Adapter {
    preset: || Scheme::Hmac(HmacScheme::of_body(Hash::Sha256, Encoding::Base64, SIGNATURE)),
    handshake: handshake::none,
    credential: None,
    map,
};

object! {
    Body { id: Json = "id", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    let topic = webhook.header("x-shopify-topic");
    let headers = webhook.headers_of_event(&["x-shopify-"], &[SIGNATURE]);
    let data = match topic.map(|topic| foreign_type("shopify", &format!("shopify.{}", topic.replace('/', ".")))) {
        Some(Some(event_type)) => Data::Foreign(Foreign { event_type, headers }),
        Some(None) => {
            Data::Unmapped(Unmapped::because("not a valid event type").of(topic.map(|topic| topic.to_owned().into())))
        }
        None => Data::Unmapped(Unmapped::because("no `X-Shopify-Topic`")),
    };
    let topic = topic.unwrap_or("unmapped");
    let names = ["x-shopify-webhook-id", "x-shopify-event-id"];
    let told_apart_by = names.into_iter().find_map(|name| webhook.header(name));
    let subject = body.id.text();
    Ok(Normalized::Events(vec![NewEvent {
        data,
        identity: vec![
            topic.to_owned().into(),
            told_apart_by.map_or_else(|| digest(webhook.body), str::to_owned).into(),
        ],
        time: webhook.header("x-shopify-triggered-at").and_then(Timestamp::parse),
        ordering_key: ordering_key(topic, subject.as_ref()),
        account: webhook
            .header("x-shopify-shop-domain")
            .map(|shop| shop.to_owned().into()),
        subject,
        raw: webhook.whole(),
    }]))
}

/// All that happens to one object; `orders/create` and `orders/paid` are about the same.
fn ordering_key(topic: &str, id: Option<&Text<'_>>) -> String {
    match (topic.split_once('/'), id) {
        (Some((object, _)), Some(id)) => format!("{object}/{id}"),
        (None, Some(id)) => format!("{topic}/{id}"),
        (_, None) => topic.to_owned(),
    }
}
