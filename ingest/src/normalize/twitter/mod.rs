//! The Account Activity API of Twitter (X): `{"for_user_id", "<what>_events": […], "users": {…}}`, one kind of event a call as a
//! rule (X, "Account Activity data objects", "Securing webhooks").
//!
//! Direct messages are mapped; each element of the other lists is an event of the type `twitter.<what>`, nothing normalized.
//! The X Activity API, which takes its place, has a form of its own around the same direct messages.
//! What is no such list (`user_event`: a person takes the permission back) is `unmapped`.
//! Two accounts of ours that write to each other are sent the same message, each from its side: those are two events.

mod activity;
mod attached;
mod crc;
mod things;

use std::collections::BTreeMap;

use schemas::data::{
    Answer, Conversation, Data, DeliveryStatus, Direction, Message, MessageStatus, Party, PartyKind, Presence,
    PresenceOf, Text, Unmapped,
};

use super::json::{Json, object};
use super::whatsapp::joined;
use super::{Adapter, Because, NewEvent, Normalized, Webhook};
use activity::Activity;
use attached::Attached;
use things::Reference;

pub(super) const ADAPTER: Adapter = Adapter {
    handshake: crc::crc,
    credential: None,
    map,
};

object! {
    Body {
        for_user_id: Json = "for_user_id",
        users: Json = "users",
        user_event: UserEvent = "user_event",
        activity: Activity = "data",
    }

    UserEvent { revoke: Revoke = "revoke", }

    Revoke { moment: Json = "date_time", by: ById = "source", }

    ById { user_id: Json = "user_id", }

    /// The second API has the user one deeper.
    User { name: Json = "name", screen_name: Json = "screen_name", inner: InnerUser = "data", }

    InnerUser { name: Json = "name", screen_name: Json = "username", }

    /// The members of all events of direct messages.
    Direct {
        id: Json = "id",
        kind: Json = "type",
        created: Json = "created_timestamp",
        message: Create = "message_create",
        // Typing and reading.
        sender_id: Json = "sender_id",
        target: Target = "target",
        last_read_event_id: Json = "last_read_event_id",
    }

    Create { sender_id: Json = "sender_id", target: Target = "target", data: Content = "message_data", }

    Target { recipient_id: Json = "recipient_id", }

    Content {
        text: Json = "text",
        entities: Entities = "entities",
        attachment: Attached = "attachment",
        answer: QuickReply = "quick_reply_response",
    }

    QuickReply { metadata: Json = "metadata", }

    Entities { mentions: Json = "user_mentions", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let json = webhook.json()?;
    let body: Body<'a> = json.read();
    if let Some(kind) = body.activity.kind.short() {
        return Ok(Normalized::Events(activity::events(webhook, &body.activity, kind)));
    }
    let mut events = Account::of(webhook, body.for_user_id, body.users).events(json);
    if events.is_empty() {
        let Revoke { moment, by } = body.user_event.revoke;
        events.push(NewEvent {
            time: moment.time(),
            account: body.for_user_id.short().or_else(|| by.user_id.short()),
            ..webhook.unmapped(Unmapped::because("no list of events, or nothing in it"))
        });
    }
    Ok(Normalized::Events(events))
}

/// The account of ours that it was sent to.
struct Account<'a, 's, 'h> {
    webhook: &'s Webhook<'a, 'h>,
    id: Option<Text<'a>>,
    names: BTreeMap<Text<'a>, Text<'a>>,
}

type Mapped<'a> = Result<NewEvent<'a>, &'static str>;

/// Who wrote, typed or read, and in the conversation with whom.
struct Sides<'a> {
    sender: Text<'a>,
    recipient: Option<Text<'a>>,
    direction: Direction,
    conversation: Conversation<'a>,
}

impl<'a, 's, 'h> Account<'a, 's, 'h> {
    fn of(webhook: &'s Webhook<'a, 'h>, id: Json<'a>, users: Json<'a>) -> Self {
        let named = |(id, user): (Text<'a>, Json<'a>)| {
            let User {
                name,
                screen_name,
                inner,
            } = user.read();
            let names = [name, inner.name, screen_name, inner.screen_name];
            Some((id, names.into_iter().find_map(Json::short)?))
        };
        Self {
            webhook,
            id: id.short(),
            names: users.members().into_iter().filter_map(named).collect(),
        }
    }

    /// Each element of each list of events among these members. One that is alone has the whole body for its raw part.
    fn events(&self, members: Json<'a>) -> Vec<NewEvent<'a>> {
        let mut events = Vec::new();
        for (name, list) in members.members() {
            let Some(what) = name.strip_suffix("_events").filter(|what| !what.is_empty()) else {
                continue;
            };
            events.extend(list.elements().map(|element| {
                let mapped = match what {
                    "direct_message" => self.message(element),
                    "direct_message_indicate_typing" => self.typing(element),
                    "direct_message_mark_read" => self.read(element),
                    _ => self.foreign(what, element),
                };
                self.known(mapped, &name, element)
            }));
        }
        if let [alone] = &mut *events {
            alone.raw = self.webhook.whole();
        }
        events
    }

    fn known(&self, mapped: Mapped<'a>, name: &Text<'a>, element: Json<'a>) -> NewEvent<'a> {
        mapped.unwrap_or_else(|reason| {
            let reason = Unmapped::because(reason).of(Some(name.clone()));
            NewEvent {
                account: self.id.clone(),
                ..self
                    .webhook
                    .unmapped_part(reason, element, self.id.clone().map(Text::into_owned))
            }
        })
    }

    fn event(
        &self,
        data: Data<'a>,
        identity: [Text<'a>; 3],
        moment: Json<'a>,
        about: Text<'a>,
        element: Json<'a>,
    ) -> NewEvent<'a> {
        NewEvent {
            data,
            identity: identity.into(),
            time: moment.time(),
            happened: None,
            ordering_key: match &self.id {
                Some(line) => format!("{line}/{about}"),
                None => about.clone().into_owned(),
            },
            account: self.id.clone(),
            subject: Some(about),
            raw: self.webhook.part(element),
        }
    }

    fn our_side(&self) -> Text<'a> {
        self.id.clone().unwrap_or_default()
    }

    fn sides(&self, sender: Json<'a>, target: &Target<'a>) -> Result<Sides<'a>, &'static str> {
        let sender = sender.text().ok_or("no sender")?;
        let recipient = target.recipient_id.text();
        let ours = self.id.as_ref() == Some(&sender);
        let other = if ours { recipient.clone() } else { Some(sender.clone()) };
        Ok(Sides {
            conversation: Conversation {
                id: other.ok_or("no recipient")?,
                group: Some(false),
                channel: Some("twitter".into()),
                channel_id: self.id.clone(),
                ..Conversation::default()
            },
            direction: if ours { Direction::Outbound } else { Direction::Inbound },
            sender,
            recipient,
        })
    }

    fn message(&self, element: Json<'a>) -> Mapped<'a> {
        let direct: Direct<'a> = element.read();
        if direct.kind.text().as_deref() != Some("message_create") {
            return Err("no mapping for this type");
        }
        let id = direct.id.text().ok_or("no message id")?;
        let sides = self.sides(direct.message.sender_id, &direct.message.target)?;
        let about = sides.conversation.id.clone();
        let Content {
            text,
            entities,
            attachment,
            answer,
        } = direct.message.data;
        let place = attachment.place();
        let attachment = attachment.file();
        // The words on the quick reply are the text; its `metadata` are ours.
        let answer = answer.metadata.text().map(|id| Answer {
            id: Some(id),
            title: text.text(),
            ..Answer::default()
        });
        let mentioned = entities.mentions.elements().map(Json::read::<Reference<'a>>);
        let message = Message {
            id: id.clone(),
            conversation: sides.conversation,
            direction: sides.direction,
            from: Some(self.party(sides.sender)),
            to: sides.recipient.map(|id| self.party(id)),
            kind: match (&attachment, &place) {
                (Some(file), _) => file.kind.clone(),
                (None, Some(_)) => Some("location".into()),
                (None, None) => Some("text".into()),
            },
            text: joined(text.text().into_iter().chain(place)),
            answer,
            attachments: attachment.into_iter().collect(),
            mentions: mentioned.filter_map(|user| user.id()).collect(),
            ..Message::default()
        };
        let identity = ["message".into(), self.our_side(), id];
        Ok(self.event(Data::MessageCreated(message), identity, direct.created, about, element))
    }

    fn typing(&self, element: Json<'a>) -> Mapped<'a> {
        let direct: Direct<'a> = element.read();
        let sides = self.sides(direct.sender_id, &direct.target)?;
        let about = sides.conversation.id.clone();
        let moment = direct.created.text().unwrap_or_default();
        let identity = [
            "typing".into(),
            format!("{}/{}", self.our_side(), sides.sender).into(),
            moment,
        ];
        let presence = Presence {
            conversation: sides.conversation,
            parties: vec![PresenceOf {
                id: sides.sender,
                state: "typing".into(),
            }],
        };
        Ok(self.event(
            Data::PresenceUpdated(presence),
            identity,
            direct.created,
            about,
            element,
        ))
    }

    /// The sender is the one who read, up to this message.
    fn read(&self, element: Json<'a>) -> Mapped<'a> {
        let direct: Direct<'a> = element.read();
        let id = direct
            .last_read_event_id
            .text()
            .ok_or("no id of the message that was read")?;
        let sides = self.sides(direct.sender_id, &direct.target)?;
        let about = sides.conversation.id.clone();
        let identity = [
            "read".into(),
            format!("{}/{}", self.our_side(), sides.sender).into(),
            id.clone(),
        ];
        let status = MessageStatus {
            id,
            conversation: sides.conversation,
            status: DeliveryStatus::Read,
            recipient: Some(self.party(sides.sender)),
            at: None,
            error: None,
            external_id: None,
        };
        Ok(self.event(Data::MessageStatus(status), identity, direct.created, about, element))
    }

    fn party(&self, id: Text<'a>) -> Party<'a> {
        Party {
            kind: Some(if self.id.as_ref() == Some(&id) {
                PartyKind::Agent
            } else {
                PartyKind::Contact
            }),
            name: self.names.get(&id).cloned(),
            id: Some(id),
            ..Party::default()
        }
    }
}
