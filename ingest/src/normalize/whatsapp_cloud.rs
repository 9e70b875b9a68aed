//! Meta's `WhatsApp` Cloud API: `{"object", "entry": [{"id", "changes": [{"field", "value"}]}]}`, up to a thousand messages and
//! statuses in one call (Meta, "Webhooks: messages", "Groups API", "Business-scoped user IDs", `smb_message_echoes`).
//!
//! Each message and each status is an event of its own, and its raw part is that element only. A customer who hides their
//! number has only the id that is theirs with this business (`from_user_id`); that one is taken where there is no number.
//! What the business writes on its own phone comes as an echo: the same messages, the other way.
//!
//! The other fields (templates, quality, calls, group settings, history) say nothing of a conversation: one `unmapped` each.

use std::collections::BTreeMap;

use http::Method;
use schemas::data::{
    Attachment, Conversation, Data, DeliveryStatus, Direction, Message, MessageDeletion, MessageReaction,
    MessageStatus, Party, PartyKind, Quoted, Text, Unmapped,
};
use schemas::source::{Encoding, Hash, HmacScheme, Scheme};

use super::handshake::Handshake;
use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Reply, Webhook};

pub(super) const ADAPTER: Adapter = Adapter {
    preset: || {
        Scheme::Hmac(HmacScheme {
            prefix: "sha256=".to_owned(),
            ..HmacScheme::of_body(Hash::Sha256, Encoding::Hex, "x-hub-signature-256")
        })
    },
    handshake: challenge,
    credential: None,
    map,
};

/// `GET ?hub.mode=subscribe&hub.challenge=…&hub.verify_token=…`: whoever knows the token gets the challenge back.
fn challenge(ask: &Handshake<'_>) -> Option<Reply> {
    if ask.method != Method::GET {
        return None;
    }
    let asked = ask.parameter("hub.mode").as_deref() == Some("subscribe");
    let shown = ask.parameter("hub.verify_token").unwrap_or_default();
    match ask.parameter("hub.challenge") {
        Some(challenge) if asked && ask.is_verify_token(&shown) => Some(Reply::Text(challenge.into_owned())),
        _ => Some(Reply::Forbidden),
    }
}

object! {
    Body { kind: Json = "object", entries: Json = "entry", }

    Entry { id: Json = "id", changes: Json = "changes", }

    Change { field: Json = "field", value: Value = "value", }

    Value {
        metadata: Metadata = "metadata",
        contacts: Json = "contacts",
        messages: Json = "messages",
        statuses: Json = "statuses",
        echoes: Json = "message_echoes",
        errors: Json = "errors",
    }

    Metadata { phone_number_id: Json = "phone_number_id", display_phone_number: Json = "display_phone_number", }

    Contact { wa_id: Json = "wa_id", user_id: Json = "user_id", profile: Profile = "profile", }

    Profile { name: Json = "name", username: Json = "username", }

    /// A message: its content stands under the name of its type.
    Sent {
        id: Json = "id",
        from: Json = "from",
        from_user_id: Json = "from_user_id",
        to: Json = "to",
        to_user_id: Json = "to_user_id",
        group_id: Json = "group_id",
        timestamp: Json = "timestamp",
        kind: Json = "type",
        context: Id = "context",
        text: Content = "text",
        image: Content = "image",
        audio: Content = "audio",
        video: Content = "video",
        document: Content = "document",
        sticker: Content = "sticker",
        location: Content = "location",
        contacts: Json = "contacts",
        button: Content = "button",
        interactive: Interactive = "interactive",
        order: Content = "order",
        system: Content = "system",
        reaction: Reaction = "reaction",
        edit: Edit = "edit",
        revoke: Edit = "revoke",
    }

    Id { id: Json = "id", }

    /// The members of all kinds of content that are of use here.
    Content {
        body: Json = "body",
        text: Json = "text",
        caption: Json = "caption",
        name: Json = "name",
        address: Json = "address",
        mime_type: Json = "mime_type",
        file_name: Json = "filename",
        url: Json = "url",
    }

    Interactive { button: Choice = "button_reply", list: Choice = "list_reply", form: Choice = "nfm_reply", }

    Choice { title: Json = "title", body: Json = "body", }

    Card { name: CardName = "name", }

    CardName { formatted: Json = "formatted_name", }

    Reaction { message_id: Json = "message_id", emoji: Json = "emoji", }

    /// A message about a message that was sent before: its new content, or that it is gone.
    Edit { original_id: Json = "original_message_id", message: Json = "message", }

    Status {
        id: Json = "id",
        word: Json = "status",
        kind: Json = "type",
        timestamp: Json = "timestamp",
        recipient_id: Json = "recipient_id",
        recipient_user_id: Json = "recipient_user_id",
        recipient_type: Json = "recipient_type",
        participant_id: Json = "recipient_participant_id",
        participant_user_id: Json = "recipient_participant_user_id",
        errors: Json = "errors",
    }

    Failure { title: Json = "title", message: Json = "message", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    if !body.entries.is_there() {
        return Err(Unmapped::because("no entries").of(body.kind.text()));
    }
    let mut events = Vec::new();
    for entry in body.entries.elements() {
        let Entry { id, changes } = entry.read();
        let before = events.len();
        for json in changes.elements() {
            let change: Change<'a> = json.read();
            let line = Line::new(webhook, id.short(), &change);
            line.events(json, &change, &mut events);
        }
        if events.len() == before {
            let reason = Unmapped::because("an entry without changes").of(body.kind.text());
            let event = webhook.unmapped_part(reason, entry, None);
            events.push(NewEvent {
                account: id.short(),
                ..event
            });
        }
    }
    Ok(Normalized::Events(events))
}

/// What the messages and statuses of one change share.
struct Line<'a, 's, 'h> {
    webhook: &'s Webhook<'a, 'h>,
    account: Option<Text<'a>>,
    field: Option<Text<'a>>,
    channel_id: Option<Text<'a>>,
    phone: Option<Text<'a>>,
    /// Names by `wa_id` and `user_id`.
    names: BTreeMap<Text<'a>, Text<'a>>,
}

/// Why there is nothing to say, and whose order it belongs to, if that is known.
struct Nothing<'a> {
    reason: &'static str,
    conversation: Option<Text<'a>>,
}

type Mapped<'a> = Result<NewEvent<'a>, Nothing<'a>>;

fn nothing<'a>(reason: &'static str) -> Mapped<'a> {
    Err(Nothing {
        reason,
        conversation: None,
    })
}

impl<'a, 's, 'h> Line<'a, 's, 'h> {
    fn new(webhook: &'s Webhook<'a, 'h>, account: Option<Text<'a>>, change: &Change<'a>) -> Self {
        let mut names = BTreeMap::new();
        for contact in change.value.contacts.elements().map(Json::read::<Contact<'a>>) {
            let Some(name) = contact
                .profile
                .name
                .short()
                .or_else(|| contact.profile.username.short())
            else {
                continue;
            };
            for id in [contact.wa_id, contact.user_id].into_iter().filter_map(Json::text) {
                names.insert(id, name.clone());
            }
        }
        Self {
            webhook,
            account,
            field: change.field.short(),
            channel_id: change.value.metadata.phone_number_id.short(),
            phone: change.value.metadata.display_phone_number.short(),
            names,
        }
    }

    fn events(&self, json: Json<'a>, change: &Change<'a>, events: &mut Vec<NewEvent<'a>>) {
        let before = events.len();
        match self.field.as_deref() {
            Some("messages") => {
                let sent = |json| self.message(Direction::Inbound, json);
                events.extend(
                    change
                        .value
                        .messages
                        .elements()
                        .map(|json| self.known(sent(json), json)),
                );
                let statuses = change.value.statuses.elements();
                events.extend(statuses.map(|json| self.known(self.status(json), json)));
                if change.value.errors.is_there() {
                    events.push(self.known(nothing("errors that belong to no message"), json));
                }
            }
            Some("smb_message_echoes") => {
                let echoes = change.value.echoes.elements();
                events.extend(echoes.map(|json| self.known(self.message(Direction::Outbound, json), json)));
            }
            _ => {}
        }
        if events.len() == before {
            events.push(self.known(nothing("no mapping for this field, or nothing in it"), json));
        }
    }

    fn known(&self, mapped: Mapped<'a>, json: Json<'a>) -> NewEvent<'a> {
        mapped.unwrap_or_else(|nothing| {
            let key = nothing.conversation.map(|id| self.ordering_key(&id));
            let reason = Unmapped::because(nothing.reason).of(self.field.clone());
            NewEvent {
                account: self.account.clone(),
                ..self.webhook.unmapped_part(reason, json, key)
            }
        })
    }

    fn ordering_key(&self, conversation: &str) -> String {
        match &self.channel_id {
            Some(line) => format!("{line}/{conversation}"),
            None => conversation.to_owned(),
        }
    }

    fn event(
        &self,
        data: Data<'a>,
        identity: Vec<Text<'a>>,
        moment: Json<'a>,
        conversation: Text<'a>,
        json: Json<'a>,
    ) -> NewEvent<'a> {
        NewEvent {
            data,
            identity,
            time: moment.time(),
            ordering_key: self.ordering_key(&conversation),
            account: self.account.clone(),
            subject: Some(conversation),
            raw: self.webhook.part(json),
        }
    }

    fn message(&self, direction: Direction, json: Json<'a>) -> Mapped<'a> {
        let sent: Sent<'a> = json.read();
        let from = sent.from.text().or_else(|| sent.from_user_id.text());
        let to = sent.to.text().or_else(|| sent.to_user_id.text());
        let group = sent.group_id.text();
        let customer = match direction {
            Direction::Inbound => from.clone(),
            Direction::Outbound => to.clone(),
        };
        let Some(chat) = group.clone().or(customer) else {
            return nothing("no sender, or no recipient");
        };
        let here = |reason| Nothing {
            reason,
            conversation: Some(chat.clone()),
        };
        let id = sent.id.text().ok_or_else(|| here("no message id"))?;
        let conversation = Conversation {
            id: chat.clone(),
            group: Some(group.is_some()),
            channel_id: self.channel_id.clone(),
        };
        let from = from.map(|id| match direction {
            Direction::Inbound => self.contact(id, sent.from),
            Direction::Outbound => Party {
                kind: Some(PartyKind::Agent),
                phone: sent.from.text(),
                id,
                ..Party::default()
            },
        });
        let kind = sent.kind.text();
        let (data, identity) = match kind.as_deref() {
            Some("reaction") => {
                let of = sent.reaction.message_id.text();
                let reaction = MessageReaction {
                    id: of.ok_or_else(|| here("a reaction to no message"))?,
                    conversation,
                    direction,
                    from,
                    emoji: sent.reaction.emoji.text(),
                };
                (Data::MessageReaction(reaction), vec!["message".into(), id])
            }
            Some("revoke") => {
                let of = sent.revoke.original_id.text();
                let of = of.ok_or_else(|| here("no id of the message that is gone"))?;
                let identity = vec!["deleted".into(), of.clone()];
                let deletion = MessageDeletion {
                    id: Some(of),
                    conversation,
                    by: from,
                };
                (Data::MessageDeleted(deletion), identity)
            }
            Some("edit") => {
                let of = sent.edit.original_id.text();
                let of = of.ok_or_else(|| here("no id of the message that was edited"))?;
                let edited: Sent<'a> = sent.edit.message.read();
                let identity = vec![
                    "edited".into(),
                    of.clone(),
                    id,
                    sent.timestamp.text().unwrap_or_default(),
                ];
                let message = compose(of, conversation, direction, from, None, edited.kind.text(), &edited);
                (Data::MessageUpdated(message), identity)
            }
            _ => {
                let to = match (direction, group) {
                    (_, Some(_)) => None,
                    (Direction::Inbound, None) => self.ours(),
                    (Direction::Outbound, None) => to.map(|id| self.contact(id, sent.to)),
                };
                let identity = vec!["message".into(), id.clone()];
                let message = compose(id, conversation, direction, from, to, kind, &sent);
                (Data::MessageCreated(message), identity)
            }
        };
        Ok(self.event(data, identity, sent.timestamp, chat, json))
    }

    fn status(&self, json: Json<'a>) -> Mapped<'a> {
        let told: Status<'a> = json.read();
        let Some(chat) = told.recipient_id.text().or_else(|| told.recipient_user_id.text()) else {
            return nothing("no recipient");
        };
        let here = |reason| Nothing {
            reason,
            conversation: Some(chat.clone()),
        };
        // A payment fails and is captured under the same member.
        if told.kind.text().is_some_and(|kind| kind != "message") {
            return Err(here("the status of something else than a message"));
        }
        let id = told.id.text().ok_or_else(|| here("no message id"))?;
        let word = told.word.text().ok_or_else(|| here("no status"))?;
        let conversation = Conversation {
            id: chat.clone(),
            group: Some(told.recipient_type.text().as_deref() == Some("group")),
            channel_id: self.channel_id.clone(),
        };
        let participant = told.participant_id.text().or_else(|| told.participant_user_id.text());
        // In a group a message is delivered to each participant.
        let mut identity = vec!["status".into(), id.clone(), word.clone()];
        identity.extend(participant.clone());
        let status = match &*word {
            "sent" => DeliveryStatus::Sent,
            "delivered" => DeliveryStatus::Delivered,
            "read" => DeliveryStatus::Read,
            "played" => DeliveryStatus::Played,
            "failed" => DeliveryStatus::Failed,
            "deleted" => {
                let deletion = MessageDeletion {
                    id: Some(id),
                    conversation,
                    by: None,
                };
                return Ok(self.event(Data::MessageDeleted(deletion), identity, told.timestamp, chat, json));
            }
            _ => return Err(here("no mapping for this status")),
        };
        let failure = told.errors.elements().next().map(Json::read::<Failure<'a>>);
        let data = Data::MessageStatus(MessageStatus {
            id,
            conversation,
            status,
            recipient: participant.map(|id| self.contact(id, told.participant_id)),
            at: None,
            error: failure.and_then(|failure| failure.title.text().or_else(|| failure.message.text())),
        });
        Ok(self.event(data, identity, told.timestamp, chat, json))
    }

    /// `phone` is the customer's number, where they show it.
    fn contact(&self, id: Text<'a>, phone: Json<'a>) -> Party<'a> {
        Party {
            name: self.names.get(&id).cloned(),
            kind: Some(PartyKind::Contact),
            phone: phone.text(),
            id,
        }
    }

    /// Our number.
    fn ours(&self) -> Option<Party<'a>> {
        Some(Party {
            id: self.channel_id.clone()?,
            phone: self.phone.clone(),
            ..Party::default()
        })
    }
}

fn compose<'a>(
    id: Text<'a>,
    conversation: Conversation<'a>,
    direction: Direction,
    from: Option<Party<'a>>,
    to: Option<Party<'a>>,
    kind: Option<Text<'a>>,
    sent: &Sent<'a>,
) -> Message<'a> {
    let (text, media) = said(kind.as_deref().unwrap_or_default(), sent);
    let attachment = |content: &Content<'a>| Attachment {
        kind: kind.clone(),
        url: content.url.text(),
        mime_type: content.mime_type.text(),
        name: content.file_name.text(),
        size_bytes: None,
    };
    Message {
        id,
        conversation,
        direction,
        internal: false,
        from,
        to,
        attachments: media.map(attachment).into_iter().collect(),
        kind: kind.map(|kind| if kind == "contacts" { "contact".into() } else { kind }),
        text,
        mentions: Vec::new(),
        quoted: sent.context.id.text().map(|id| Quoted { id, text: None }),
        status: None,
        ticket_id: None,
    }
}

/// What a message of that kind says, and the member that holds its file.
fn said<'a, 's>(kind: &str, sent: &'s Sent<'a>) -> (Option<Text<'a>>, Option<&'s Content<'a>>) {
    let file = |content: &'s Content<'a>| (content.caption.text(), Some(content));
    match kind {
        "image" => file(&sent.image),
        "audio" => file(&sent.audio),
        "video" => file(&sent.video),
        "document" => file(&sent.document),
        "sticker" => file(&sent.sticker),
        "location" => (sent.location.name.text().or_else(|| sent.location.address.text()), None),
        "contacts" => {
            let card = sent.contacts.elements().next().map(Json::read::<Card<'a>>);
            (card.and_then(|card| card.name.formatted.text()), None)
        }
        "button" => (sent.button.text.text(), None),
        "interactive" => {
            let Interactive { button, list, form } = &sent.interactive;
            let answers = [button.title, list.title, form.body];
            (answers.into_iter().find_map(Json::text), None)
        }
        "order" => (sent.order.text.text(), None),
        "system" => (sent.system.body.text(), None),
        _ => (sent.text.body.text(), None),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use schemas::name::{SourceId, Tenant};
    use schemas::platform::Platform;
    use schemas::secret::Secret;
    use schemas::source::Source;

    use super::*;

    #[test]
    fn the_challenge_is_answered_to_whoever_knows_the_token() {
        let source = |token: Option<&str>| Source {
            id: SourceId::new("line-1").expect("valid"),
            tenant: Tenant::new("acme").expect("valid"),
            platform: Platform::WhatsappCloud,
            scheme: None,
            secrets: vec![],
            verify_token: token.map(Secret::new),
            max_body_bytes: 1024,
        };
        let (token, none, empty) = (source(Some("s3cret+token")), source(None), source(Some("")));
        let headers = HeaderMap::new();
        let challenge = Some(Reply::Text("1158201444".to_owned()));
        let good = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=s3cret%2Btoken";
        for (source, method, query, expected) in [
            (&token, Method::GET, Some(good), challenge),
            (
                &token,
                Method::GET,
                Some(&good[..good.len() - 1]),
                Some(Reply::Forbidden),
            ),
            (&token, Method::GET, Some(&good[19..]), Some(Reply::Forbidden)),
            (
                &token,
                Method::GET,
                Some("hub.mode=subscribe&hub.challenge=1"),
                Some(Reply::Forbidden),
            ),
            (
                &token,
                Method::GET,
                Some("hub.mode=subscribe&hub.challenge=&hub.verify_token=s3cret%2Btoken"),
                Some(Reply::Forbidden),
            ),
            (&token, Method::GET, None, Some(Reply::Forbidden)),
            (&none, Method::GET, Some(good), Some(Reply::Forbidden)),
            (
                &empty,
                Method::GET,
                Some("hub.mode=subscribe&hub.challenge=1&hub.verify_token="),
                Some(Reply::Forbidden),
            ),
            (&token, Method::HEAD, Some(good), None),
            (&token, Method::OPTIONS, Some(good), None),
        ] {
            let ask = Handshake {
                source,
                method: &method,
                headers: &headers,
                query,
            };
            assert_eq!(super::challenge(&ask), expected, "{method} {query:?}");
        }
    }
}
