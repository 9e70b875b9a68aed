//! Digisac: `{"event": "<entity>.<action>", "data": {…}}`, one object per call as far as anybody has seen; a list is taken too.
//!
//! Digisac never says *what* changed. So an update of our own message that carries an acknowledgement counts as news of its
//! delivery (that is what nearly all of them are), and a ticket updated while open is `ticket.updated`, whether it was
//! reopened, transferred or merely touched: whoever knows the ticket's past can tell.

use schemas::data::{
    Attachment, BotCommand, Contact, Conversation, Data, DeliveryStatus, Direction, Message, MessageDeletion,
    MessageStatus, Party, PartyKind, Quoted, Text, Ticket, TicketStatus, Unmapped,
};
use schemas::event::Raw;
use schemas::source::Scheme;
use schemas::time::Timestamp;

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Reply, Webhook, digest, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
    // Digisac documents no signature and no token.
    preset: || Scheme::UrlSecret,
    handshake: handshake::none,
    credential: None,
    map,
};

object! {
    Body { event: Json = "event", data: Json = "data", test: Json = "teste", }

    /// What all the entities share.
    Entity {
        id: Json = "id",
        updated_at: Json = "updatedAt",
        created_at: Json = "createdAt",
        contact_id: Json = "contactId",
        service_id: Json = "serviceId",
        user_id: Json = "userId",
        account_id: Json = "accountId",
        // Messages.
        timestamp: Json = "timestamp",
        deleted_at: Json = "deletedAt",
        is_from_me: Json = "isFromMe",
        is_comment: Json = "isComment",
        is_from_bot: Json = "isFromBot",
        visible: Json = "visible",
        origin: Json = "origin",
        bot_id: Json = "botId",
        kind: Json = "type",
        text: Json = "text",
        from_id: Json = "fromId",
        ticket_id: Json = "ticketId",
        quoted_id: Json = "quotedMessageId",
        quoted: Quote = "quotedMessage",
        files: Json = "files",
        file: Json = "file",
        data: Details = "data",
        // Tickets.
        is_open: Json = "isOpen",
        protocol: Json = "protocol",
        department_id: Json = "departmentId",
        started_at: Json = "startedAt",
        // Contacts.
        name: Json = "name",
        internal_name: Json = "internalName",
        alternative_name: Json = "alternativeName",
        id_from_service: Json = "idFromService",
        is_group: Json = "isGroup",
        block: Json = "block",
        // Commands.
        command: Json = "command",
        message: Origin = "message",
        contact: Origin = "contact",
    }

    /// The inner `data` of a message or a contact.
    Details { ack: Json = "ack", number: Json = "number", }

    Quote { text: Json = "text", }

    Origin { id: Json = "id", service_id: Json = "serviceId", ticket_id: Json = "ticketId", timestamp: Json = "timestamp", }

    File { url: Json = "url", name: Json = "name", mime_type: Json = "mimetype", size: Json = "size", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    let Some(event) = body.event.short() else {
        if body.test.is_there() {
            return Ok(Normalized::Reply(Reply::Empty));
        }
        return Err(Unmapped::because("no event name"));
    };
    let alone = body.data.is_object();
    let each = |data: Json<'a>| {
        let entity: Entity<'a> = data.read();
        let raw = if alone { webhook.whole() } else { webhook.part(data) };
        one(&event, &entity, data, raw).unwrap_or_else(|reason| {
            let unmapped = if alone {
                webhook.unmapped(reason)
            } else {
                webhook.unmapped_part(reason, data, None)
            };
            NewEvent {
                account: entity.account_id.text(),
                ordering_key: entity
                    .conversation_key()
                    .map_or(unmapped.ordering_key, Text::into_owned),
                ..unmapped
            }
        })
    };
    Ok(Normalized::Events(body.data.elements().map(each).collect()))
}

fn one<'a>(event: &Text<'a>, entity: &Entity<'a>, json: Json<'a>, raw: Raw<'a>) -> Result<NewEvent<'a>, Unmapped<'a>> {
    let unmapped = |reason| Unmapped::because(reason).of(Some(event.clone()));
    let (data, ordering_key) = match &**event {
        "bot.command" => return entity.command(event, json, raw).ok_or_else(|| unmapped("no command")),
        "message.created" | "message.updated" | "message.deleted" => (entity.message(event), entity.conversation_key()),
        "ticket.created" | "ticket.updated" | "ticket.transferred" | "ticket.closed" | "ticket.reopened" => {
            (entity.ticket(event), entity.id.text())
        }
        "contact.created" => (entity.contact().map(Data::ContactCreated), entity.id.text()),
        "contact.updated" => (entity.contact().map(Data::ContactUpdated), entity.id.text()),
        _ => return Err(unmapped("no mapping for this event name")),
    };
    let (Some(data), Some(id)) = (data, entity.id.text()) else {
        return Err(unmapped("no id, or no conversation"));
    };

    // Something is created once; an update is told apart by its moment, or else by what it says.
    let name = if let Data::TicketClosed(_) = data {
        // The same under either name, should both ever come.
        "ticket.updated".into()
    } else {
        event.clone()
    };
    let mut identity = vec![name, id.clone()];
    let created = event.ends_with(".created");
    if !created {
        identity.push(entity.updated_at.text().unwrap_or_else(|| digest(json.raw()).into()));
    }
    let subject = match &data {
        Data::MessageCreated(message) | Data::MessageUpdated(message) => message.conversation.id.clone(),
        Data::MessageStatus(status) => status.conversation.id.clone(),
        Data::MessageDeleted(deletion) => deletion.conversation.id.clone(),
        _ => id.clone(),
    };
    Ok(NewEvent {
        data,
        identity,
        time: entity.time(event),
        ordering_key: ordering_key.unwrap_or(id).into_owned(),
        account: entity.account_id.text(),
        subject: Some(subject),
        raw,
    })
}

impl<'a> Entity<'a> {
    /// A ticket keeps the order of its messages; without one the contact does.
    fn conversation_key(&self) -> Option<Text<'a>> {
        self.ticket_id.text().or_else(|| self.contact_id.text())
    }

    fn time(&self, event: &str) -> Option<Timestamp> {
        if event == "message.created" {
            self.timestamp.time().or_else(|| self.created_at.time())
        } else {
            let updated = self.updated_at.time().or_else(|| self.created_at.time());
            updated.or_else(|| self.timestamp.time())
        }
    }

    fn message(&self, event: &str) -> Option<Data<'a>> {
        let id = self.id.text()?;
        let conversation = self.conversation()?;
        let outbound = self.is_from_me.flag() == Some(true);
        if event == "message.deleted" || (event == "message.updated" && self.deleted_at.is_there()) {
            return Some(Data::MessageDeleted(MessageDeletion {
                id: Some(id),
                conversation,
                ..MessageDeletion::default()
            }));
        }
        let status = self.data.ack.int().and_then(delivery_status);
        let internal = self.is_comment.flag() == Some(true) || self.visible.flag() == Some(false);
        if let ("message.updated", true, false, Some(status)) = (event, outbound, internal, status) {
            return Some(Data::MessageStatus(MessageStatus {
                id,
                conversation,
                status,
                recipient: None,
                at: None,
                error: None,
                external_id: None,
            }));
        }
        let contact = |id: Json<'a>| id.text().map(|id| Party::new(id, PartyKind::Contact));
        let (from, to) = if outbound {
            (self.sender_of_ours(), contact(self.contact_id))
        } else {
            (contact(self.from_id).or_else(|| contact(self.contact_id)), None)
        };
        let kind = self.kind.text().map(|kind| match &*kind {
            "chat" => "text".into(),
            "ptt" => "audio".into(),
            "vcard" => "contact".into(),
            // What Digisac itself writes into a conversation: opened, transferred, closed.
            "ticket" => "system".into(),
            _ => kind,
        });
        let message = Message {
            id,
            conversation,
            direction: if outbound {
                Direction::Outbound
            } else {
                Direction::Inbound
            },
            internal,
            from,
            to,
            kind,
            text: self.text.text(),
            attachments: self
                .files
                .elements()
                .chain(self.file.elements())
                .filter_map(attachment)
                .collect(),
            quoted: self.quoted_id.text().map(|id| Quoted {
                id: Some(id),
                text: self.quoted.text.text(),
                ..Quoted::default()
            }),
            status: outbound.then_some(status).flatten(),
            ticket_id: self.ticket_id.text(),
            ..Message::default()
        };
        Some(match event {
            "message.created" => Data::MessageCreated(message),
            _ => Data::MessageUpdated(message),
        })
    }

    /// A group is a contact too; its messages come from another contact, which is the only sign of it.
    fn conversation(&self) -> Option<Conversation<'a>> {
        let contact = self.contact_id.text();
        let group = match (self.is_from_me.flag(), &contact, self.from_id.text()) {
            (Some(false), Some(contact), Some(from)) => Some(*contact != from),
            _ => None,
        };
        Some(Conversation {
            id: contact.or_else(|| self.ticket_id.text())?,
            group,
            channel_id: self.service_id.text(),
            ..Conversation::default()
        })
    }

    fn sender_of_ours(&self) -> Option<Party<'a>> {
        if self.is_from_bot.flag() == Some(true) || self.origin.text().is_some_and(|origin| origin == "bot") {
            self.bot_id.text().map(|id| Party::new(id, PartyKind::Bot))
        } else {
            self.user_id.text().map(|id| Party::new(id, PartyKind::Agent))
        }
    }

    fn ticket(&self, event: &str) -> Option<Data<'a>> {
        let open = self.is_open.flag();
        let status = match (event, open) {
            ("ticket.closed", _) | (_, Some(false)) => Some(TicketStatus::Closed),
            ("ticket.reopened", _) | (_, Some(true)) => Some(TicketStatus::Open),
            _ => None,
        };
        let ticket = Ticket {
            id: self.id.text()?,
            status,
            protocol: self.protocol.text(),
            contact: self.contact_id.text().map(|id| Party::new(id, PartyKind::Contact)),
            assignee: self.user_id.text().map(|id| Party::new(id, PartyKind::Agent)),
            department: self.department_id.text(),
            channel_id: self.service_id.text(),
            opened_at: self.started_at.time().or_else(|| self.created_at.time()),
            ..Ticket::default()
        };
        Some(match (event, open) {
            ("ticket.created", _) => Data::TicketCreated(ticket),
            ("ticket.updated", Some(false)) | ("ticket.closed", _) => Data::TicketClosed(ticket),
            ("ticket.transferred", _) => Data::TicketTransferred(ticket),
            ("ticket.reopened", _) => Data::TicketReopened(ticket),
            _ => Data::TicketUpdated(ticket),
        })
    }

    fn contact(&self) -> Option<Contact<'a>> {
        let names = [self.name, self.internal_name, self.alternative_name];
        Some(Contact {
            id: self.id.text()?,
            name: names.into_iter().find_map(Json::text),
            phone: self.data.number.text(),
            identifier: self.id_from_service.text(),
            channel_id: self.service_id.text(),
            group: self.is_group.flag(),
            blocked: self.block.flag(),
            ..Contact::default()
        })
    }

    fn command(&self, event: &Text<'a>, json: Json<'a>, raw: Raw<'a>) -> Option<NewEvent<'a>> {
        let name = self.command.text()?;
        let message = self.message.id.text();
        let contact = self.contact_id.text().or_else(|| self.contact.id.text());
        let services = [self.service_id, self.message.service_id, self.contact.service_id];
        let ticket = self.ticket_id.text().or_else(|| self.message.ticket_id.text());
        let told_apart_by = message.clone().unwrap_or_else(|| digest(json.raw()).into());
        let ordering_key = ticket
            .or_else(|| contact.clone())
            .unwrap_or_else(|| told_apart_by.clone());
        Some(NewEvent {
            identity: vec![event.clone(), told_apart_by, name.clone()],
            time: self.timestamp.time().or_else(|| self.message.timestamp.time()),
            ordering_key: ordering_key.into_owned(),
            account: self.account_id.text(),
            subject: contact.clone(),
            data: Data::BotCommand(BotCommand {
                name,
                contact: contact.clone().map(|id| Party::new(id, PartyKind::Contact)),
                message_id: message,
                conversation: contact.map(|id| Conversation {
                    id,
                    channel_id: services.into_iter().find_map(Json::text),
                    ..Conversation::default()
                }),
            }),
            raw,
        })
    }
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
