//! The X Activity API: one event a call, `{"data": {"event_uuid", "filter": {"user_id"}, "event_type", "payload": {…}}}` (X, "X Activity
//! API event payload examples"), where `filter` names the account of ours that it is sent to.
//!
//! Direct messages come in the lists of the Account Activity API, and one that comes by both is one event. What else
//! happens is an event of the type `twitter.<event_type>`, nothing normalized.
//!
//! A happening has the id of its post, like or message, or of the broadcast that starts or ends; a follow, or a change of a profile, has
//! none but the `event_uuid`.

use schemas::data::{Data, Foreign, Text, Unmapped};
use schemas::name::EventType;

use super::Account;
use crate::normalize::json::{Json, object};
use crate::normalize::{Because, NewEvent, Webhook, digest};

object! {
    Activity {
        uuid: Json = "event_uuid",
        filter: Filter = "filter",
        kind: Json = "event_type",
        payload: Json = "payload",
    }

    Filter { user_id: Json = "user_id", }

    /// The members of all payloads that distinguish them, and when it was.
    Payload {
        users: Json = "users",
        id: Json = "id" | "message_id",
        broadcast_id: Json = "broadcast_id",
        user_id: Json = "user_id",
        millis: Json = "timestamp_ms" | "event_timestamp_ms" | "created_at_msec",
        moment: Json = "created_at" | "date_time",
    }
}

pub(super) fn events<'a>(webhook: &Webhook<'a, '_>, activity: &Activity<'a>, kind: Text<'a>) -> Vec<NewEvent<'a>> {
    let payload: Payload<'a> = activity.payload.read();
    let ours = [activity.filter.user_id, payload.user_id];
    let ours = ours.into_iter().find(|id| id.is_there()).unwrap_or_default();
    let account = Account::of(webhook, ours, payload.users);
    if kind.starts_with("dm.") {
        let events = account.events(activity.payload);
        if !events.is_empty() {
            return events;
        }
    }
    let Ok(event_type) = EventType::new(format!("twitter.{kind}")) else {
        let reason = Unmapped::because("not a valid event type").of(Some(kind));
        return vec![NewEvent {
            account: account.id,
            ..webhook.unmapped(reason)
        }];
    };
    let about = payload.id.text().or_else(|| payload.broadcast_id.text());
    let discriminator = about.clone().or_else(|| activity.uuid.text());
    vec![NewEvent {
        data: Data::Foreign(Foreign::new(event_type)),
        identity: vec![
            kind.clone(),
            account.our_side(),
            discriminator.unwrap_or_else(|| digest(activity.payload.raw()).into()),
        ],
        time: payload.millis.time().or_else(|| payload.moment.time()),
        happened: None,
        ordering_key: account.id.clone().unwrap_or(kind).into_owned(),
        account: account.id,
        subject: about,
        raw: webhook.whole(),
    }]
}
