//! Slack: the Events API (`{"type": "event_callback", "event_id", "event": {"type", …}}`, one event a call), and as forms slash
//! commands and interactions (docs.slack.dev, "The Events API", "Implementing slash commands", "Handling user interaction").
//!
//! A message has no id but its time stamp, unique within its channel. One that mentions the app comes twice, as `message` and
//! as `app_mention`: those are one event. Everything else is distinguished by `event_id`, which a retry repeats.
//!
//! Slack signs forms like any body; the raw part of a form is its bytes.

mod answers;
mod blocks;
mod forms;
mod messages;
mod people;

use schemas::data::{Conversation, Data, Text, Unmapped};
use schemas::time::Timestamp;

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Reply, Webhook, digest, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
    handshake: handshake::none,
    credential: None,
    map,
};

object! {
    Body {
        kind: Json = "type",
        challenge: Json = "challenge",
        team_id: Json = "team_id",
        event_id: Json = "event_id",
        event_time: Json = "event_time",
        event: Json = "event",
    }

    /// The members of all events.
    Event {
        kind: Json = "type",
        subtype: Json = "subtype",
        // An id, or an object.
        channel: Json = "channel",
        // Of files.
        channel_id: Json = "channel_id",
        channel_type: Json = "channel_type",
        // An id, or an object.
        user: Json = "user",
        ts: Json = "ts",
        // Changes of messages.
        deleted_ts: Json = "deleted_ts",
        message: Json = "message",
        previous_message: Stamped = "previous_message",
        // Reactions.
        item: Item = "item",
        reaction: Json = "reaction",
        // People.
        inviter: Json = "inviter",
        presence: Json = "presence",
        users: Json = "users",
    }

    Stamped { ts: Json = "ts", }

    Item { kind: Json = "type", channel: Json = "channel", ts: Json = "ts", }

    Id { id: Json = "id", }
}

/// What an event says.
struct Fact<'a> {
    data: Data<'a>,
    /// None: what distinguishes it is `event_id`.
    identity: Option<Vec<Text<'a>>>,
    /// The id of the channel or the user that the event is about.
    about: Text<'a>,
}

type Mapped<'a> = Result<Fact<'a>, &'static str>;

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = match webhook.json() {
        Ok(json) => json.read(),
        Err(not_json) => return forms::map(webhook, not_json),
    };
    let Some(kind) = body.kind.text() else {
        return Err(Unmapped::because("no type"));
    };
    match &*kind {
        "url_verification" => match body.challenge.text() {
            Some(challenge) => Ok(Normalized::Reply(Ok(Reply::Text(challenge.into_owned())))),
            None => Err(Unmapped::because("no challenge").of(Some(kind))),
        },
        "event_callback" => Ok(Normalized::Events(vec![body.event(webhook)])),
        _ => Err(Unmapped::because("no mapping for this type").of(Some(kind))),
    }
}

impl<'a> Body<'a> {
    fn event(&self, webhook: &Webhook<'a, '_>) -> NewEvent<'a> {
        let event: Event<'a> = self.event.read();
        let account = self.team_id.text();
        match event.map(self.event) {
            Ok(Fact { data, identity, about }) => NewEvent {
                data,
                identity: identity.unwrap_or_else(|| vec![self.id(webhook)]),
                time: self.time(&event),
                happened: None,
                ordering_key: about.clone().into_owned(),
                account,
                subject: Some(about),
                raw: webhook.whole(),
            },
            Err(reason) => {
                let unmapped = webhook.unmapped(Unmapped::because(reason).of(event.kind.text()));
                NewEvent {
                    identity: self.event_id.text().map_or(unmapped.identity, |id| vec![id]),
                    time: self.time(&event),
                    account,
                    ordering_key: event.channel().map_or(unmapped.ordering_key, Text::into_owned),
                    ..unmapped
                }
            }
        }
    }

    fn id(&self, webhook: &Webhook<'a, '_>) -> Text<'a> {
        self.event_id.text().unwrap_or_else(|| digest(webhook.body).into())
    }

    fn time(&self, event: &Event<'a>) -> Option<Timestamp> {
        event.ts.time().or_else(|| self.event_time.time())
    }
}

impl<'a> Event<'a> {
    fn map(&self, json: Json<'a>) -> Mapped<'a> {
        let Some(kind) = self.kind.text() else {
            return Err("no event name");
        };
        match &*kind {
            "message" | "app_mention" => self.message(json),
            "reaction_added" => self.reaction(true),
            "reaction_removed" => self.reaction(false),
            "member_joined_channel" | "member_left_channel" => self.member(&kind),
            // A private channel is called a group.
            "channel_created" | "channel_rename" | "channel_archive" | "channel_unarchive" | "channel_deleted"
            | "group_rename" | "group_archive" | "group_unarchive" | "group_deleted" => self.group(&kind),
            "team_join" => self
                .contact()
                .map(|(contact, id)| fact(Data::ContactCreated(contact), id)),
            "user_change" => self
                .contact()
                .map(|(contact, id)| fact(Data::ContactUpdated(contact), id)),
            "presence_change" => self.presence(),
            _ => Err("no mapping for this event name"),
        }
    }

    fn channel(&self) -> Option<Text<'a>> {
        let others = [self.item.channel, self.channel_id];
        id_of(self.channel).or_else(|| others.into_iter().find_map(Json::text))
    }

    fn conversation(&self) -> Result<Conversation<'a>, &'static str> {
        let id = self.channel().ok_or("no channel")?;
        let group = is_group(self.channel_type.text().as_deref(), &id);
        Ok(conversation(id, group))
    }
}

fn conversation(id: Text<'_>, group: Option<bool>) -> Conversation<'_> {
    Conversation {
        id,
        group,
        channel: Some("slack".into()),
        ..Conversation::default()
    }
}

fn fact<'a>(data: Data<'a>, about: Text<'a>) -> Fact<'a> {
    Fact {
        data,
        identity: None,
        about,
    }
}

/// The id of what is given by its id alone or as an object.
fn id_of(json: Json<'_>) -> Option<Text<'_>> {
    if json.is_object() {
        json.read::<Id<'_>>().id.text()
    } else {
        json.text()
    }
}

fn owned(json: Json<'_>) -> Option<Text<'static>> {
    json.text().map(|text| Text::Owned(text.into_owned()))
}

/// As the event says; else ids begin with a letter for what they are.
fn is_group(channel_type: Option<&str>, channel: &str) -> Option<bool> {
    match channel_type {
        Some("im" | "app_home") => Some(false),
        Some("channel" | "group" | "mpim") => Some(true),
        _ => match channel.as_bytes().first() {
            Some(b'D') => Some(false),
            Some(b'C' | b'G') => Some(true),
            _ => None,
        },
    }
}
