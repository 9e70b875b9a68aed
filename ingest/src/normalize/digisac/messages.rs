//! Messages: what they say, how far they got, and the notices that Digisac writes between them.

use schemas::data::{
    Attachment, Clearable, Conversation, Data, DeliveryStatus, Direction, Message, MessageDeletion, MessageReaction,
    MessageStatus, Party, PartyKind, Quoted, Text, Ticket, TicketStatus,
};

use super::Entity;
use crate::normalize::cleared::cleared;
use crate::normalize::json::{Json, object};

object! {
    File { url: Json = "url", name: Json = "name", mime_type: Json = "mimetype", size: Json = "size", }
}

impl<'a> Entity<'a> {
    pub(super) fn message(&self, event: &str) -> Option<Data<'a>> {
        let id = self.id.text()?;
        let conversation = self.conversation()?;
        let external_id = self.id_from_service.text();
        if let Some(to) = self.reacted_to.text() {
            return Some(self.reaction(event, to, id, conversation));
        }
        if self.is_taken_back(event) {
            return Some(Data::MessageDeleted(MessageDeletion {
                id: Some(id),
                external_id,
                conversation,
                ..MessageDeletion::default()
            }));
        }
        if event == "message.created"
            && self.data.ticket_transfer.flag() == Some(true)
            && let Some(ticket) = self.transfer()
        {
            return Some(Data::TicketTransferred(ticket));
        }
        let message = self.said(id, external_id, conversation);
        if let ("message.updated", Some(status), false) = (event, message.status, message.internal)
            && !brings_a_file(status, &message)
        {
            return Some(Data::MessageStatus(MessageStatus {
                id: message.id,
                external_id: message.external_id,
                conversation: message.conversation,
                status,
                recipient: None,
                at: None,
                error: None,
            }));
        }
        Some(match event {
            "message.created" => Data::MessageCreated(message),
            _ => Data::MessageUpdated(message),
        })
    }

    /// Under either name.
    pub(super) fn is_taken_back(&self, event: &str) -> bool {
        event == "message.deleted" || (event == "message.updated" && self.deleted_at.is_there())
    }

    /// A reaction is a message of its own, with the emoji for a text; gone with it when it is taken back.
    fn reaction(&self, event: &str, to: Text<'a>, id: Text<'a>, conversation: Conversation<'a>) -> Data<'a> {
        let message = self.said(id, None, conversation);
        Data::MessageReaction(MessageReaction {
            id: to,
            conversation: message.conversation,
            direction: message.direction,
            from: message.from,
            emoji: message.text.filter(|_| !self.is_taken_back(event)),
        })
    }

    fn said(&self, id: Text<'a>, external_id: Option<Text<'a>>, conversation: Conversation<'a>) -> Message<'a> {
        let notice = self.is_notice();
        let outbound = notice || self.is_from_me.flag() == Some(true);
        let internal = notice || self.is_comment.flag() == Some(true) || self.visible.flag() == Some(false);
        let (from, to) = if outbound {
            let customer = self.contact_of(self.contact_id).filter(|_| !internal);
            (self.sender_of_ours(), customer)
        } else {
            let from = self.contact_of(self.from_id);
            (from.or_else(|| self.contact_of(self.contact_id)), None)
        };
        let offers = [
            &self.interactive,
            &self.interactive_message.interactive,
            &self.data.interactive,
        ];
        let status = self.data.ack.int().and_then(delivery_status);
        Message {
            id,
            external_id,
            conversation,
            direction: if outbound {
                Direction::Outbound
            } else {
                Direction::Inbound
            },
            internal,
            from,
            to,
            kind: self.kind.text().map(|kind| match &*kind {
                "chat" => "text".into(),
                "ptt" => "audio".into(),
                "vcard" => "contact".into(),
                // What Digisac itself writes into a conversation: opened, transferred, closed.
                "ticket" => "system".into(),
                _ => kind,
            }),
            text: self
                .text
                .text()
                .or_else(|| offers.into_iter().find_map(super::people::Interactive::text)),
            answer: offers.into_iter().find_map(super::people::Interactive::answer),
            attachments: self
                .files
                .elements()
                .chain(self.file.elements())
                .filter_map(attachment)
                .collect(),
            quoted: self.quoted(),
            status: status.filter(|_| outbound && !notice),
            ticket_id: self.ticket_id.text(),
            ..Message::default()
        }
    }

    /// Digisac's own notice that the ticket was opened, transferred or closed: neither party wrote it or sees it sent.
    fn is_notice(&self) -> bool {
        self.kind.text().is_some_and(|kind| kind == "ticket")
    }

    /// The ticket that the notice says was transferred.
    fn transfer(&self) -> Option<Ticket<'a>> {
        // It names a department and no one in it: no one has the ticket yet.
        let to_no_one = self.ticket_department_id.text().is_some() && self.ticket_user_id.is_emptied();
        Some(Ticket {
            id: self.ticket_id.text().filter(|_| self.is_notice())?,
            status: Some(TicketStatus::Open),
            contact: self.contact_of(self.contact_id),
            assignee: self.ticket_user_id.text().map(|id| Party::new(id, PartyKind::Agent)),
            department: self.ticket_department_id.text(),
            channel: self.channel(),
            channel_id: self.channel_id(),
            cleared: cleared([(Clearable::Assignee, to_no_one)]),
            ..Ticket::default()
        })
    }

    /// A group is a contact too; its messages come from another contact, which is the only sign of it where the contact
    /// itself is not shown.
    fn conversation(&self) -> Option<Conversation<'a>> {
        let contact = self.contact_id.text();
        let described = self.contact.id.is_there() && self.contact.id.text() == contact;
        let group = match (self.is_from_me.flag(), &contact, self.from_id.text()) {
            _ if described && self.contact.is_group.is_there() => self.contact.is_group.flag(),
            (Some(false), Some(contact), Some(from)) => Some(*contact != from),
            _ => None,
        };
        Some(Conversation {
            id: contact.or_else(|| self.ticket_id.text())?,
            external_id: self.contact.id_from_service.text().filter(|_| described),
            group,
            channel: self.channel(),
            channel_id: self.channel_id(),
            ..Conversation::default()
        })
    }

    /// Agent, bot or Digisac itself; by its kind alone where no id is given.
    fn sender_of_ours(&self) -> Option<Party<'a>> {
        let origin = self.origin.text();
        let from_bot = self.is_from_bot.flag();
        if self.is_notice() {
            Some(Party::unnamed(PartyKind::System))
        } else if from_bot == Some(true) || origin.as_deref() == Some("bot") {
            Some(Party {
                id: self.bot_id.text(),
                ..Party::unnamed(PartyKind::Bot)
            })
        } else if let Some(id) = self.user_id.text() {
            let described = self.user.id.is_there() && self.user.id.text().as_ref() == Some(&id);
            Some(Party {
                name: self.user.shown_name().filter(|_| described),
                ..Party::new(id, PartyKind::Agent)
            })
        } else {
            // Written by hand, in Digisac or on the telephone itself.
            let by_hand = from_bot == Some(false) && origin.is_none_or(|origin| origin == "user");
            by_hand.then(|| Party::unnamed(PartyKind::Agent))
        }
    }

    fn quoted(&self) -> Option<Quoted<'a>> {
        let quoted = Quoted {
            id: self.quoted_id.text().or_else(|| self.quoted.id.text()),
            external_id: self.quoted.id_from_service.text(),
            text: self.quoted.text.text(),
        };
        (quoted.id.is_some() || quoted.external_id.is_some()).then_some(quoted)
    }
}

/// The file of our own message comes after it, when it is being sent; later acknowledgements only show it again.
fn brings_a_file(status: DeliveryStatus, message: &Message<'_>) -> bool {
    !message.attachments.is_empty() && matches!(status, DeliveryStatus::Pending | DeliveryStatus::Sent)
}

/// The acknowledgements of WhatsApp's web client.
fn delivery_status(ack: i64) -> Option<DeliveryStatus> {
    Some(match ack {
        -1 => DeliveryStatus::Failed,
        0 => DeliveryStatus::Pending,
        1 => DeliveryStatus::Sent,
        2 => DeliveryStatus::Delivered,
        3 => DeliveryStatus::Read,
        4 => DeliveryStatus::Played,
        _ => return None,
    })
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
