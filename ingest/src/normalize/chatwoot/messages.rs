//! Messages: written, and changed.

use schemas::data::{
    Attachment, Conversation, Data, DeliveryStatus, Direction, Message, MessageDeletion, MessageReaction,
    MessageStatus, Party, PartyKind, Quoted, Text,
};

use super::answers::answer;
use super::changes::{Changes, push};
use super::{Body, LastMessage};
use crate::normalize::json::{Json, object};
use crate::normalize::{NewEvent, Webhook, digest};

object! {
    ContentAttributes {
        deleted: Json = "deleted",
        in_reply_to: Json = "in_reply_to",
        in_reply_to_external: Json = "in_reply_to_external_id",
        external_error: Json = "external_error",
        external_echo: Json = "external_echo",
        is_edited: Json = "is_edited",
        is_reaction: Json = "is_reaction",
        is_unsupported: Json = "is_unsupported",
        automation_rule: Json = "automation_rule_id",
        submitted_values: Json = "submitted_values",
        submitted_email: Json = "submitted_email",
    }

    File {
        id: Json = "id",
        kind: Json = "file_type",
        url: Json = "data_url",
        size: Json = "file_size",
        name: Json = "file_name",
        // Of a place, a contact, a link.
        title: Json = "fallback_title",
        latitude: Json = "coordinates_lat",
        longitude: Json = "coordinates_long",
        meta: CardName = "meta",
        mime_type: Json = "content_type",
        transcript: Json = "transcribed_text",
    }
}

object! {
    CardName { first: Json = "firstName", last: Json = "lastName", }
}

/// What a message said after the event: what it became where the changes say so, otherwise what the body shows.
struct Said<'a> {
    content: Json<'a>,
    content_type: Json<'a>,
    source_id: Json<'a>,
    status: Option<DeliveryStatus>,
    attributes: ContentAttributes<'a>,
}

impl<'a> Body<'a> {
    pub(super) fn message_created(&self, webhook: &Webhook<'a, '_>) -> Option<NewEvent<'a>> {
        let id = self.id.text()?;
        let conversation = self.chat()?;
        let said = self.said(&Changes::of(Json::default()), self.status);
        Some(NewEvent {
            identity: vec!["message_created".into(), self.account(), id.clone()],
            time: self.created_at.time(),
            happened: None,
            ordering_key: conversation.id.clone().into_owned(),
            account: self.known_account(),
            subject: Some(conversation.id.clone()),
            data: match said.attributes.in_reply_to.text() {
                Some(to) if said.attributes.is_reaction.flag() == Some(true) => {
                    Data::MessageReaction(self.reaction(to, conversation, &said))
                }
                _ => Data::MessageCreated(self.message(id, conversation, &said)),
            },
            raw: webhook.whole(),
        })
    }

    /// Where the body does not say what changed, taken back is plain; news of delivery is what our own messages are updated
    /// for once they have left, unless they were edited; the rest is `message.updated`, with the status in it.
    pub(super) fn message_updated(&self, webhook: &Webhook<'a, '_>) -> Option<NewEvent<'a>> {
        let id = self.id.text()?;
        let conversation = self.chat()?;
        let changes = Changes::of(self.changed_attributes);
        let last = self
            .last_message()
            .filter(|last| last.id.text().is_some_and(|last| last == id))
            .unwrap_or_default();
        let shown = if self.status.is_there() {
            self.status
        } else {
            last.status
        };
        let said = self.said(&changes, shown);
        let happening = if changes.is_empty() {
            self.message_state(shown)
        } else {
            changes.identity()
        };
        let ordering_key = conversation.id.clone().into_owned();
        let subject = Some(conversation.id.clone());
        let external_id = said.source_id.text();
        let data = if was_deleted(&changes, &said) {
            Data::MessageDeleted(MessageDeletion {
                id: Some(id.clone()),
                external_id,
                conversation,
                by: self.performed_by.party(None),
            })
        } else if let Some(status) = self.moved(&changes, &said) {
            Data::MessageStatus(MessageStatus {
                id: id.clone(),
                external_id,
                conversation,
                status,
                recipient: None,
                at: None,
                error: said
                    .attributes
                    .external_error
                    .text()
                    .filter(|_| status == DeliveryStatus::Failed),
            })
        } else {
            Data::MessageUpdated(self.message(id.clone(), conversation, &said))
        };
        Some(NewEvent {
            data,
            identity: vec!["message_updated".into(), self.account(), id, happening],
            time: changes.at().or_else(|| last.updated_at.time()),
            happened: None,
            ordering_key,
            account: self.known_account(),
            subject,
            raw: webhook.whole(),
        })
    }

    fn said(&self, changes: &Changes<'a>, status: Json<'a>) -> Said<'a> {
        // A change of it may come as a text that is JSON, as the column holds it: then what is shown counts.
        let attributes = changes.after("content_attributes", self.content_attributes);
        let attributes = if attributes.is_object() {
            attributes
        } else {
            self.content_attributes
        };
        Said {
            content: changes.after("content", self.content),
            content_type: changes.after("content_type", self.content_type),
            source_id: changes.after("source_id", self.source_id),
            status: delivery_status(changes.after("status", status)),
            attributes: attributes.read(),
        }
    }

    /// All of a message that can be updated: the last resort where the body does not say what was.
    fn message_state(&self, status: Json<'a>) -> Text<'a> {
        let mut all = String::new();
        for json in [self.content, self.content_attributes, self.source_id, status] {
            push(&mut all, json);
        }
        for file in self.attachments.elements().map(Json::read::<File<'a>>) {
            push(&mut all, file.id);
            push(&mut all, file.transcript);
        }
        digest(all).into()
    }

    /// How far the message got, if that is what the event is about.
    fn moved(&self, changes: &Changes<'a>, said: &Said<'a>) -> Option<DeliveryStatus> {
        if !changes.is_empty() {
            let only = changes.has("status") && !changes.has("content");
            return said.status.filter(|_| only);
        }
        let plain = matches!(said.content_type.text().as_deref(), None | Some("text"))
            && said.attributes.is_edited.flag() != Some(true)
            && self.direction() == Direction::Outbound;
        said.status
            .filter(|status| plain && !matches!(status, DeliveryStatus::Pending | DeliveryStatus::Sent))
    }

    fn message(&self, id: Text<'a>, conversation: Conversation<'a>, said: &Said<'a>) -> Message<'a> {
        let direction = self.direction();
        let attachments: Vec<_> = self.attachments.elements().map(attachment).collect();
        let text = said.content.text();
        let kind = said.content_type.text();
        let kind = match attachments.first() {
            _ if said.attributes.is_reaction.flag() == Some(true) => Some("reaction".into()),
            // `text` is what Chatwoot writes where nothing else was said; then it is the caption of the file.
            Some(first) if kind.as_deref().is_none_or(|kind| kind == "text") => first.kind.clone().or(kind),
            // Of a kind that the inbox cannot show; its content is not sent.
            None if text.is_none() && said.attributes.is_unsupported.flag() == Some(true) => Some("unsupported".into()),
            _ => kind,
        };
        let text = text.or_else(|| self.attachments.elements().find_map(place_or_card));
        Message {
            id,
            external_id: said.source_id.text(),
            direction,
            internal: self.private.flag() == Some(true),
            from: self.author(&said.attributes),
            to: match direction {
                Direction::Inbound => None,
                Direction::Outbound => self
                    .conversation
                    .meta
                    .sender
                    .party(Some(PartyKind::Contact))
                    .or_else(|| self.contact.party(Some(PartyKind::Contact))),
            },
            kind,
            attachments,
            mentions: text.as_deref().map(mentions).unwrap_or_default(),
            text,
            quoted: self.quoted(&said.attributes),
            answer: answer(said.attributes.submitted_values, said.attributes.submitted_email),
            status: said.status,
            ticket_id: Some(conversation.id.clone()),
            conversation,
        }
    }

    /// A fork keeps a reaction as a message with the emoji for a text.
    fn reaction(&self, to: Text<'a>, conversation: Conversation<'a>, said: &Said<'a>) -> MessageReaction<'a> {
        MessageReaction {
            id: to,
            conversation,
            direction: self.direction(),
            from: self.author(&said.attributes),
            emoji: said.content.text(),
        }
    }

    /// Greetings, surveys and what a rule sends have no author; what was written with the network's own app was written by
    /// one of us who is not named. The oldest versions have the customer in `contact`.
    fn author(&self, attributes: &ContentAttributes<'a>) -> Option<Party<'a>> {
        if self.direction() == Direction::Inbound {
            let contact = Some(PartyKind::Contact);
            return self.sender.party(contact).or_else(|| self.contact.party(contact));
        }
        let template = matches!(self.message_type.text().as_deref(), Some("template" | "3"));
        let unnamed = if template || attributes.automation_rule.is_there() {
            Some(PartyKind::System)
        } else {
            (attributes.external_echo.flag() == Some(true)).then_some(PartyKind::Agent)
        };
        self.sender.party(None).or_else(|| unnamed.map(Party::unnamed))
    }

    /// Its text is known only if it is still the last message.
    fn quoted(&self, attributes: &ContentAttributes<'a>) -> Option<Quoted<'a>> {
        let id = attributes.in_reply_to.text();
        let external_id = attributes.in_reply_to_external.text();
        if id.is_none() && external_id.is_none() {
            return None;
        }
        let is_it = |last: &LastMessage<'a>| id.is_some() && last.id.text() == id;
        let text = self.last_message().filter(is_it).and_then(|last| last.content.text());
        Some(Quoted { id, external_id, text })
    }

    /// `template` messages are ours too: greetings, surveys, campaigns. In lists the types are numbers.
    fn direction(&self) -> Direction {
        match self.message_type.text().as_deref() {
            Some("incoming" | "0") => Direction::Inbound,
            _ => Direction::Outbound,
        }
    }
}

/// A message that shows as deleted may be changed further, by news of its delivery.
fn was_deleted<'a>(changes: &Changes<'a>, said: &Said<'a>) -> bool {
    let before: ContentAttributes<'a> = changes.before("content_attributes").read();
    let by_this = changes.is_empty() || (changes.has("content_attributes") && before.deleted.flag() != Some(true));
    by_this && said.attributes.deleted.flag() == Some(true)
}

/// The agents mentioned in a private note: `[@Name](mention://user/7/Name)`.
fn mentions<'a>(content: &str) -> Vec<Text<'a>> {
    let after_each = content.split("](mention://user/").skip(1);
    after_each
        .filter_map(|rest| rest.split('/').next())
        .filter(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))
        .map(|id| id.to_owned().into())
        .collect()
}

fn delivery_status(status: Json<'_>) -> Option<DeliveryStatus> {
    Some(match &*status.text()? {
        "progress" => DeliveryStatus::Pending,
        "sent" | "0" => DeliveryStatus::Sent,
        "delivered" | "1" => DeliveryStatus::Delivered,
        "read" | "2" => DeliveryStatus::Read,
        "failed" | "3" => DeliveryStatus::Failed,
        _ => return None,
    })
}

/// What a place that was sent is called, or where it is; whose card it is.
fn place_or_card(json: Json<'_>) -> Option<Text<'_>> {
    let file: File<'_> = json.read();
    let title = file.title.text();
    match &*file.kind.text()? {
        "location" => title.or_else(|| Some(format!("{}, {}", file.latitude.text()?, file.longitude.text()?).into())),
        "contact" => {
            let names = [file.meta.first, file.meta.last].into_iter().filter_map(Json::text);
            names.reduce(|first, last| format!("{first} {last}").into()).or(title)
        }
        _ => None,
    }
}

fn attachment(json: Json<'_>) -> Attachment<'_> {
    let file: File<'_> = json.read();
    Attachment {
        kind: file.kind.text().map(|kind| match &*kind {
            "file" => "document".into(),
            _ => kind,
        }),
        url: file.url.text(),
        mime_type: file.mime_type.text(),
        name: file.name.text().or_else(|| file.title.text()),
        size_bytes: file.size.int().and_then(|size| size.try_into().ok()),
    }
}
