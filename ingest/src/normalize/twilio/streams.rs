//! Event Streams: `CloudEvents` as JSON, a list of them or one.

use schemas::data::{Data, Foreign, Unmapped};
use schemas::name::EventType;

use crate::normalize::json::{Json, object};
use crate::normalize::{Because, NewEvent, Webhook};

object! {
    /// An event of Event Streams: a `CloudEvent`.
    Streamed {
        kind: Json = "type",
        id: Json = "id",
        source: Json = "source",
        subject: Json = "subject",
        time: Json = "time",
        data: Details = "data",
    }

    Details { snake: Json = "account_sid", camel: Json = "accountSid", pascal: Json = "AccountSid", }
}

/// Each event under its own name, in the order of what it is about.
pub(super) fn events<'a>(webhook: &Webhook<'a, '_>, json: Json<'a>) -> Vec<NewEvent<'a>> {
    let raw = |element| {
        if json.is_object() {
            webhook.whole()
        } else {
            webhook.part(element)
        }
    };
    let one = |element: Json<'a>| {
        let event: Streamed<'a> = element.read();
        let kind = event.kind.text();
        let event_type = kind
            .as_deref()
            .and_then(|kind| EventType::new(format!("twilio.{kind}")).ok());
        let (Some(event_type), Some(id)) = (event_type, event.id.text()) else {
            let reason = Unmapped::because("no type, or no id").of(kind);
            return NewEvent {
                raw: raw(element),
                ..webhook.unmapped_part(reason, element, None)
            };
        };
        let about = event.subject.text().or_else(|| event.source.text());
        // Each product spells it in its own way.
        let Details { snake, camel, pascal } = event.data;
        NewEvent {
            data: Data::Foreign(Foreign::new(event_type)),
            ordering_key: about.as_ref().unwrap_or(&id).clone().into_owned(),
            identity: vec!["event".into(), id],
            time: event.time.time(),
            happened: None,
            account: [snake, camel, pascal].into_iter().find_map(Json::text),
            subject: about,
            raw: raw(element),
        }
    };
    json.elements().map(one).collect()
}
