//! Comments of tickets, messages of Zendesk's messaging, and what becomes of them later.

use schemas::data::{Attachment, Conversation, Data, Direction, Message, Party, PartyKind};

use super::resources::channel;
use super::{Author, Body, Comment, known};
use crate::normalize::json::{Json, object};

object! {
    File { content_url: Json = "content_url", content_type: Json = "content_type", name: Json = "filename", size: Json = "size", }
}

impl<'a> Body<'a> {
    pub(super) fn comment(&self) -> Result<Data<'a>, &'static str> {
        let comment = &self.change.comment;
        let kind = staff_or_customer(&comment.author);
        self.message(comment, &comment.author, kind).map(Data::MessageCreated)
    }

    pub(super) fn chat_message(&self) -> Result<Data<'a>, &'static str> {
        let actor = &self.change.actor;
        let kind = match actor.kind.text().as_deref() {
            Some("end_user") => PartyKind::Contact,
            Some("agent") => PartyKind::Agent,
            Some("system" | "trigger") => PartyKind::Bot,
            _ => return Err("no actor of a known kind"),
        };
        self.message(&self.change.message, actor, kind)
            .map(Data::MessageCreated)
    }

    /// A file comes after its comment, in an event of its own that says nothing else of the comment. Who did both is the
    /// actor.
    pub(super) fn attachment(&self) -> Result<Data<'a>, &'static str> {
        let actor = known(self.detail.actor_id);
        let kind = match (&actor, known(self.detail.requester_id)) {
            (Some(actor), Some(requester)) if *actor != requester => PartyKind::Agent,
            _ => PartyKind::Contact,
        };
        let by = Author {
            id: self.detail.actor_id,
            ..Author::default()
        };
        let message = self.message(&self.change.comment, &by, kind)?;
        let file: File<'a> = self.change.comment.attachment.read();
        let attachment = Attachment {
            kind: None,
            url: file.content_url.text(),
            mime_type: file.content_type.text(),
            name: file.name.text(),
            size_bytes: file.size.int().and_then(|size| size.try_into().ok()),
        };
        if attachment == Attachment::default() {
            return Err("no attachment");
        }
        Ok(Data::MessageUpdated(Message {
            attachments: vec![attachment],
            ..message
        }))
    }

    /// A comment that is a note from now on, or of which something was blacked out.
    pub(super) fn edit(&self, name: &str) -> Result<Data<'a>, &'static str> {
        let comment = &self.change.comment;
        let message = self.message(comment, &comment.author, staff_or_customer(&comment.author))?;
        Ok(Data::MessageUpdated(Message {
            internal: message.internal || name == "ticket.comment_made_private",
            ..message
        }))
    }

    fn message(&self, said: &Comment<'a>, by: &Author<'a>, kind: PartyKind) -> Result<Message<'a>, &'static str> {
        let ticket = self.about().ok_or("no ticket id")?;
        let text = said.body.text();
        let internal = said.is_public.flag() == Some(false);
        let outbound = kind != PartyKind::Contact;
        let has_author = [by.id, by.name, by.kind, by.is_staff].into_iter().any(Json::is_there);
        Ok(Message {
            id: said.id.text().ok_or("no id of the comment or message")?,
            conversation: Conversation {
                id: ticket.clone(),
                external_id: self.change.conversation_id.text(),
                channel: channel(self.detail.via.channel),
                ..Conversation::default()
            },
            direction: if outbound {
                Direction::Outbound
            } else {
                Direction::Inbound
            },
            internal,
            from: has_author.then(|| Party {
                id: known(by.id),
                name: by.name.text(),
                ..Party::unnamed(kind)
            }),
            to: known(self.detail.requester_id)
                .filter(|_| outbound && !internal)
                .map(|id| Party::new(id, PartyKind::Contact)),
            kind: text.is_some().then(|| "text".into()),
            text,
            ticket_id: Some(ticket),
            ..Message::default()
        })
    }
}

fn staff_or_customer(author: &Author<'_>) -> PartyKind {
    if author.id.text().is_some_and(|id| id == SYSTEM) {
        PartyKind::System
    } else if author.is_staff.flag() == Some(true) {
        PartyKind::Agent
    } else {
        PartyKind::Contact
    }
}

/// The id of Zendesk itself (developer docs, "Ticket Audits": `author_id`).
const SYSTEM: &str = "-1";
