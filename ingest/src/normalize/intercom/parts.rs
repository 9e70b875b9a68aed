//! What is written in conversations and tickets: the first message (`source`), and the parts that follow it.
//!
//! Replies and notes are parts, and so are assignments, closings and the like, which may have a body too. A part that has been
//! redacted says so (`redacted`), in the older API by the topic alone, and has a placeholder for its body.

use std::collections::HashSet;

use schemas::data::{
    Answer, Attachment, Conversation, Data, Direction, Message, MessageDeletion, Party, PartyKind, Text, Unmapped,
};
use schemas::time::Timestamp;

use super::Notification;
use super::people::Named;
use crate::normalize::json::{Json, object};
use crate::normalize::{Because, NewEvent, Webhook, digest};

object! {
    PartList { of_conversation: Json = "conversation_parts", of_ticket: Json = "ticket_parts", }

    Part {
        id: Json = "id",
        kind: Json = "part_type",
        body: Json = "body",
        created_at: Json = "created_at",
        updated_at: Json = "updated_at",
        author: Named = "author",
        attachments: Json = "attachments",
        redacted: Json = "redacted",
        external_id: Json = "external_id",
        metadata: Metadata = "metadata",
        mail: Mail = "email_message_metadata",
    }

    /// Which of the quick replies that were offered was taken.
    Metadata { quick_reply: Json = "quick_reply_uuid", }

    Mail { message_id: Json = "message_id", }

    File { url: Json = "url", name: Json = "name", mime_type: Json = "content_type", size: Json = "filesize", }
}

impl<'a> Notification<'a, '_> {
    /// An event of each part that says something, or no longer does, in the order of the body.
    pub(super) fn parts(&self, webhook: &Webhook<'a, '_>) -> Vec<NewEvent<'a>> {
        let mut seen = HashSet::new();
        let mut parts = Vec::new();
        let mut take = |json: Json<'a>, otherwise_at: Json<'a>| {
            let part: Part<'a> = json.read();
            // A ticket's new part stands in the list of all of them, too.
            if !part.id.is_there() || seen.insert(part.id.raw()) {
                parts.extend(self.part(webhook, json, &part, otherwise_at));
            }
        };
        match self.family() {
            "conversation" | "conversation_part" => {
                if self.opens() || self.redacts_the_first(&self.item.first_message().read()) {
                    take(self.item.first_message(), self.item.created_at);
                }
                if self.item.conversation_named().is_some() && self.item.id.is_there() {
                    take(self.json, Json::default());
                }
                for part in self.item.conversation_parts.of_conversation.elements() {
                    take(part, Json::default());
                }
            }
            "ticket" => {
                for part in self.item.ticket_parts.of_ticket.elements() {
                    take(part, Json::default());
                }
                take(self.ticket_part, Json::default());
            }
            _ => {}
        }
        parts
    }

    /// The first message does not say when it was redacted, so it is looked at only when that is what happened.
    fn redacts_the_first(&self, first: &Part<'a>) -> bool {
        let mut parts = self.item.conversation_parts.of_conversation.elements();
        self.redacts() && first.redacted.flag() == Some(true) && parts.next().is_none()
    }

    fn redacts(&self) -> bool {
        self.topic == "conversation_part.redacted"
    }

    /// `otherwise_at` is when it was written, if the part itself does not say.
    fn part(
        &self,
        webhook: &Webhook<'a, '_>,
        json: Json<'a>,
        part: &Part<'a>,
        otherwise_at: Json<'a>,
    ) -> Option<NewEvent<'a>> {
        let redacted = part.redacted.flag().unwrap_or(self.redacts());
        if !redacted && !part.says_something() {
            return None;
        }
        let raw = webhook.part(json);
        let (Some(id), Some(about)) = (part.id.text(), self.about.clone()) else {
            let reason = Unmapped::because("a message without an id, or in no conversation");
            return Some(NewEvent {
                identity: vec![self.id.clone(), "message".into(), digest(json.raw()).into()],
                time: self.created_at.time(),
                ..self.event(Data::Unmapped(reason.of(Some(self.topic.to_owned().into()))), raw)
            });
        };
        let (data, happened, times) = if redacted {
            let deletion = self.deletion(id.clone(), about.clone());
            (deletion, "redacted", [part.updated_at, self.created_at])
        } else {
            let message = self.message(part, id.clone(), about.clone());
            (message, "part", [part.created_at, otherwise_at])
        };
        Some(NewEvent {
            identity: vec![happened.into(), about, id],
            time: self.first_time(times),
            ..self.event(data, raw)
        })
    }

    fn first_time(&self, [own, otherwise]: [Json<'a>; 2]) -> Option<Timestamp> {
        [own, otherwise, self.created_at].into_iter().find_map(Json::time)
    }

    fn message(&self, part: &Part<'a>, id: Text<'a>, about: Text<'a>) -> Data<'a> {
        let from = part.author.author();
        let direction = self.direction(from.as_ref());
        let internal = match part.kind.text() {
            // A note may be of an action: `note_and_reopen`.
            Some(kind) => kind.starts_with("note"),
            None => self.topic == "conversation.admin.noted",
        };
        let text = part.body.text();
        Data::MessageCreated(Message {
            id,
            external_id: part.external_id.text().or_else(|| part.mail.message_id.text()),
            conversation: self.place(about.clone()),
            direction,
            internal,
            from,
            to: match direction {
                Direction::Outbound if !internal => self.item.customer(),
                _ => None,
            },
            kind: text.is_some().then(|| "text".into()),
            answer: part.metadata.quick_reply.text().map(|choice| Answer {
                id: Some(choice),
                title: text.as_deref().and_then(words),
                ..Answer::default()
            }),
            text,
            attachments: part.attachments.elements().filter_map(attachment).collect(),
            ticket_id: Some(about),
            ..Message::default()
        })
    }

    fn deletion(&self, id: Text<'a>, about: Text<'a>) -> Data<'a> {
        Data::MessageDeleted(MessageDeletion {
            id: Some(id),
            conversation: self.place(about),
            ..MessageDeletion::default()
        })
    }

    fn place(&self, about: Text<'a>) -> Conversation<'a> {
        Conversation {
            id: about,
            channel: self.item.network(),
            ..Conversation::default()
        }
    }

    /// By who wrote it; by who acted, where that is not said.
    fn direction(&self, from: Option<&Party<'a>>) -> Direction {
        match from.and_then(|from| from.kind) {
            Some(PartyKind::Contact) => Direction::Inbound,
            Some(_) => Direction::Outbound,
            None if self.topic.contains(".admin.") || self.topic.contains(".operator.") => Direction::Outbound,
            None => Direction::Inbound,
        }
    }
}

impl Part<'_> {
    fn says_something(&self) -> bool {
        self.body.text().is_some() || self.attachments.elements().any(|file| attachment(file).is_some())
    }
}

/// The words in a paragraph without other markup.
fn words<'a>(html: &str) -> Option<Text<'a>> {
    let words = html.strip_prefix("<p>").and_then(|html| html.strip_suffix("</p>"));
    let words = words.unwrap_or(html);
    (!words.contains(['<', '&'])).then(|| words.to_owned().into())
}

fn attachment(json: Json<'_>) -> Option<Attachment<'_>> {
    let file: File<'_> = json.read();
    let attachment = Attachment {
        kind: None,
        url: file.url.text(),
        mime_type: file.mime_type.text(),
        name: file.name.text(),
        size_bytes: file.size.int().and_then(|size| size.try_into().ok()),
    };
    (attachment != Attachment::default()).then_some(attachment)
}
