//! Messages: written, and changed.

use schemas::data::{
    Attachment, Conversation, Data, DeliveryStatus, Direction, Message, MessageDeletion, MessageStatus, PartyKind,
    Quoted, Text,
};

use super::Body;
use crate::normalize::json::{Json, object};
use crate::normalize::{NewEvent, Webhook, digest};

object! {
    ContentAttributes {
        deleted: Json = "deleted",
        in_reply_to: Json = "in_reply_to",
        in_reply_to_external: Json = "in_reply_to_external_id",
        external_error: Json = "external_error",
        is_edited: Json = "is_edited",
    }

    File {
        kind: Json = "file_type",
        url: Json = "data_url",
        size: Json = "file_size",
        name: Json = "file_name",
        mime_type: Json = "content_type",
    }
}

impl<'a> Body<'a> {
    pub(super) fn message_created(&self, webhook: &Webhook<'a, '_>) -> Option<NewEvent<'a>> {
        let id = self.id.text()?;
        let conversation = self.chat()?;
        Some(NewEvent {
            identity: vec!["message_created".into(), self.account(), id.clone()],
            time: self.created_at.time(),
            ordering_key: conversation.id.clone().into_owned(),
            account: self.known_account(),
            subject: Some(conversation.id.clone()),
            data: Data::MessageCreated(self.message(id, conversation, None)),
            raw: webhook.whole(),
        })
    }

    /// Chatwoot does not say what changed. Taken back is plain; news of delivery is what our own messages are updated for
    /// once they have left, unless they were edited; the rest is `message.updated`, with the status in it.
    pub(super) fn message_updated(&self, webhook: &Webhook<'a, '_>) -> Option<NewEvent<'a>> {
        let id = self.id.text()?;
        let conversation = self.chat()?;
        let attributes: ContentAttributes<'a> = self.content_attributes.read();
        let last = self
            .last_message()
            .filter(|last| last.id.text().is_some_and(|last| last == id));
        let status = last.as_ref().and_then(|last| delivery_status(last.status));
        let delivery = match status {
            Some(DeliveryStatus::Pending | DeliveryStatus::Sent) | None => None,
            moved => moved,
        };
        let said = [
            self.content,
            self.content_attributes,
            self.source_id,
            last.as_ref().map(|last| last.status).unwrap_or_default(),
        ];
        let identity = vec![
            "message_updated".into(),
            self.account(),
            id.clone(),
            digest(said.map(Json::raw).join("\n")).into(),
        ];
        let ordering_key = conversation.id.clone().into_owned();
        let subject = Some(conversation.id.clone());
        let data = if attributes.deleted.flag() == Some(true) {
            Data::MessageDeleted(MessageDeletion {
                id: Some(id),
                conversation,
                ..MessageDeletion::default()
            })
        } else if let (Some(status), Direction::Outbound, false, None | Some("text")) = (
            delivery,
            self.direction(),
            attributes.is_edited.flag() == Some(true),
            self.content_type.text().as_deref(),
        ) {
            Data::MessageStatus(MessageStatus {
                id,
                conversation,
                status,
                recipient: None,
                at: None,
                error: attributes.external_error.text(),
                external_id: None,
            })
        } else {
            Data::MessageUpdated(self.message(id, conversation, status))
        };
        Some(NewEvent {
            data,
            identity,
            time: last.and_then(|last| last.updated_at.time()),
            ordering_key,
            account: self.known_account(),
            subject,
            raw: webhook.whole(),
        })
    }

    fn message(&self, id: Text<'a>, conversation: Conversation<'a>, status: Option<DeliveryStatus>) -> Message<'a> {
        let attributes: ContentAttributes<'a> = self.content_attributes.read();
        let direction = self.direction();
        let attachments: Vec<_> = self.attachments.elements().map(attachment).collect();
        let kind = match (self.content_type.text(), attachments.first()) {
            (None, None) => None,
            (Some(kind), None) => Some(kind),
            (_, Some(first)) if self.content.text().is_none() => first.kind.clone(),
            (kind, Some(_)) => kind,
        };
        Message {
            id,
            direction,
            internal: self.private.flag() == Some(true),
            from: self.sender.party(match direction {
                Direction::Inbound => Some(PartyKind::Contact),
                Direction::Outbound => None,
            }),
            to: match direction {
                Direction::Inbound => None,
                Direction::Outbound => self.conversation.meta.sender.party(Some(PartyKind::Contact)),
            },
            kind,
            text: self.content.text(),
            attachments,
            mentions: self.content.text().as_deref().map(mentions).unwrap_or_default(),
            quoted: [attributes.in_reply_to, attributes.in_reply_to_external]
                .into_iter()
                .find_map(Json::text)
                .map(Quoted::new),
            status,
            ticket_id: Some(conversation.id.clone()),
            conversation,
            ..Message::default()
        }
    }

    /// `template` messages are ours too: greetings, surveys, campaigns. In lists the types are numbers.
    fn direction(&self) -> Direction {
        match self.message_type.text().as_deref() {
            Some("incoming" | "0") => Direction::Inbound,
            _ => Direction::Outbound,
        }
    }
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

fn attachment(json: Json<'_>) -> Attachment<'_> {
    let file: File<'_> = json.read();
    Attachment {
        kind: file.kind.text(),
        url: file.url.text(),
        mime_type: file.mime_type.text(),
        name: file.name.text(),
        size_bytes: file.size.int().and_then(|size| size.try_into().ok()),
    }
}
