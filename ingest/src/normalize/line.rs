//! The LINE Messaging API: `{"destination": "U…", "events": [{"type": …, "source": {…}, "webhookEventId": …}, …]}`, as
//! developers.line.biz and LINE's own SDKs describe it.
//!
//! `destination` is the bot that we are. The console's test call has no events. Only what users do arrives, never what the
//! bot itself sends. A redelivery has the same `webhookEventId`, and says so in `deliveryContext`.
//!
//! A user who adds the bot is a new contact; one who had blocked it and takes that back is a known one.

use std::collections::BTreeMap;

use schemas::data::{
    Answer, Attachment, BotCommand, Contact, Conversation, Data, Direction, Group, GroupParticipants, Message,
    MessageDeletion, Participant, ParticipantsAction, Party, PartyKind, Quoted, Text, Unmapped,
};

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Reply, Webhook, digest, handshake, location};

pub(super) const ADAPTER: Adapter = Adapter {
    handshake: handshake::none,
    credential: None,
    map,
};

object! {
    Body { destination: Json = "destination", events: Json = "events", }

    Event {
        kind: Json = "type",
        id: Json = "webhookEventId",
        timestamp: Json = "timestamp",
        source: Source = "source",
        message: Content = "message",
        unsend: Unsend = "unsend",
        follow: Follow = "follow",
        joined: Members = "joined",
        left: Members = "left",
        postback: Postback = "postback",
    }

    Source { user: Json = "userId", group: Json = "groupId", room: Json = "roomId", }

    Content {
        id: Json = "id",
        kind: Json = "type",
        text: Json = "text",
        // Of a place.
        title: Json = "title",
        address: Json = "address",
        latitude: Json = "latitude",
        longitude: Json = "longitude",
        mention: Mention = "mention",
        quoted_id: Json = "quotedMessageId",
        file_name: Json = "fileName",
        file_size: Json = "fileSize",
        provider: Provider = "contentProvider",
    }

    Mention { mentionees: Json = "mentionees", }

    /// Where a picture, video or sound lies, if not with LINE.
    Provider { url: Json = "originalContentUrl", }

    Unsend { id: Json = "messageId", }

    Follow { is_unblocked: Json = "isUnblocked", }

    Members { members: Json = "members", }

    Postback { data: Json = "data", params: Params = "params", }

    /// What a picker of times, or another menu, was set to.
    Params {
        date: Json = "date",
        time: Json = "time",
        moment: Json = "datetime",
        menu: Json = "newRichMenuAliasId",
        status: Json = "status",
    }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    let destination = body.destination.short();
    if !body.events.is_there() {
        return Err(Unmapped::because("no `events`"));
    }
    let events: Vec<Json<'a>> = body.events.elements().collect();
    if events.is_empty() {
        return Ok(Normalized::Reply(Ok(Reply::Empty)));
    }
    let alone = events.len() == 1;
    let each = |json: Json<'a>| {
        let event: Event<'a> = json.read();
        let place = event.source.conversation(destination.clone());
        let kind = event.kind.text();
        let data = match (&kind, &place) {
            (None, _) => Err("no type of event"),
            (Some(kind), Some(place)) => event.data(kind, place, destination.clone()),
            (Some(_), None) => Err("no mapping for this type of event without a source"),
        };
        let data = data.unwrap_or_else(|reason| Data::Unmapped(Unmapped::because(reason).of(kind)));
        let place = place.map(|place| place.id);
        NewEvent {
            identity: match event.id.text() {
                Some(id) => vec![id],
                None => vec!["event".into(), digest(json.raw()).into()],
            },
            time: event.timestamp.time(),
            happened: None,
            ordering_key: place.as_deref().unwrap_or("unmapped").to_owned(),
            account: destination.clone(),
            subject: place.filter(|_| !matches!(data, Data::Unmapped(_))),
            data,
            raw: if alone { webhook.whole() } else { webhook.part(json) },
        }
    };
    Ok(Normalized::Events(events.into_iter().map(each).collect()))
}

impl<'a> Params<'a> {
    fn values(&self) -> BTreeMap<Text<'a>, Text<'a>> {
        let named = [
            ("date", self.date),
            ("time", self.time),
            ("datetime", self.moment),
            ("newRichMenuAliasId", self.menu),
            ("status", self.status),
        ];
        let said = |(name, value): (&'static str, Json<'a>)| Some((name.into(), value.text()?));
        named.into_iter().filter_map(said).collect()
    }
}

impl<'a> Event<'a> {
    fn data(
        &self,
        kind: &str,
        place: &Conversation<'a>,
        destination: Option<Text<'a>>,
    ) -> Result<Data<'a>, &'static str> {
        let user = self.source.user.text();
        let contact = user.clone().map(contact);
        let group = || match place.group {
            Some(true) => Ok(place.id.clone()),
            _ => Err("no group"),
        };
        Ok(match kind {
            "message" => Data::MessageCreated(self.message.message(place, contact).ok_or("no id")?),
            "messageEdited" => Data::MessageUpdated(self.message.message(place, contact).ok_or("no id")?),
            "unsend" => Data::MessageDeleted(MessageDeletion {
                id: Some(self.unsend.id.text().ok_or("no id")?),
                conversation: place.clone(),
                by: contact,
                ..MessageDeletion::default()
            }),
            "follow" | "unfollow" => {
                let unblocked = self.follow.is_unblocked.flag() == Some(true);
                let contact = Contact {
                    id: user.ok_or("no user")?,
                    channel_id: destination,
                    blocked: match kind {
                        "unfollow" => Some(true),
                        _ => unblocked.then_some(false),
                    },
                    ..Contact::default()
                };
                match contact.blocked {
                    None => Data::ContactCreated(contact),
                    Some(_) => Data::ContactUpdated(contact),
                }
            }
            "join" => Data::GroupCreated(Group {
                id: group()?,
                ..Group::default()
            }),
            "leave" => participants(group()?, ParticipantsAction::Left, destination.into_iter().collect())?,
            "memberJoined" => participants(group()?, ParticipantsAction::Joined, self.joined.ids())?,
            "memberLeft" => participants(group()?, ParticipantsAction::Left, self.left.ids())?,
            "postback" => Data::BotCommand(BotCommand {
                name: self.postback.data.text().ok_or("no data")?,
                answer: Some(Answer {
                    id: self.postback.data.text(),
                    values: self.postback.params.values(),
                    ..Answer::default()
                }),
                contact,
                conversation: Some(place.clone()),
                ..BotCommand::default()
            }),
            _ => return Err("no mapping for this type of event"),
        })
    }
}

impl<'a> Source<'a> {
    /// A group, a room of several users, or the chat with one.
    fn conversation(&self, channel_id: Option<Text<'a>>) -> Option<Conversation<'a>> {
        let group = self.group.text().or_else(|| self.room.text());
        Some(Conversation {
            group: Some(group.is_some()),
            id: group.or_else(|| self.user.text())?,
            channel: Some("line".into()),
            channel_id,
            ..Conversation::default()
        })
    }
}

impl<'a> Content<'a> {
    fn message(&self, place: &Conversation<'a>, from: Option<Party<'a>>) -> Option<Message<'a>> {
        let kind = self.kind.text().map(|kind| match &*kind {
            "file" => "document".into(),
            _ => kind,
        });
        let is_file = matches!(kind.as_deref(), Some("image" | "video" | "audio" | "document"));
        let attachment = || Attachment {
            kind: kind.clone(),
            url: self.provider.url.text(),
            mime_type: None,
            name: self.file_name.text(),
            size_bytes: self.file_size.int().and_then(|size| size.try_into().ok()),
        };
        let mentioned = |json: Json<'a>| json.read::<Source<'a>>().user.text();
        Some(Message {
            id: self.id.text()?,
            conversation: place.clone(),
            direction: Direction::Inbound,
            from,
            text: self.text.text().or_else(|| {
                location::in_words(
                    [self.title, self.address].map(Json::text),
                    [self.latitude, self.longitude].map(Json::text),
                )
            }),
            attachments: is_file.then(attachment).into_iter().collect(),
            mentions: self.mention.mentionees.elements().filter_map(mentioned).collect(),
            quoted: self.quoted_id.text().map(Quoted::new),
            kind,
            ..Message::default()
        })
    }
}

impl<'a> Members<'a> {
    fn ids(&self) -> Vec<Text<'a>> {
        let id = |member: Json<'a>| member.read::<Source<'a>>().user.text();
        self.members.elements().filter_map(id).collect()
    }
}

fn contact(id: Text<'_>) -> Party<'_> {
    Party {
        id: Some(id),
        kind: Some(PartyKind::Contact),
        ..Party::default()
    }
}

fn participants<'a>(group: Text<'a>, action: ParticipantsAction, ids: Vec<Text<'a>>) -> Result<Data<'a>, &'static str> {
    if ids.is_empty() {
        return Err("no members");
    }
    let participant = |id| Participant {
        id,
        ..Participant::default()
    };
    Ok(Data::GroupParticipantsUpdated(GroupParticipants {
        id: group,
        action,
        participants: ids.into_iter().map(participant).collect(),
        actor: None,
    }))
}
