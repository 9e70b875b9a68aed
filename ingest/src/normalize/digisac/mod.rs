//! Digisac: `{"event": "<entity>.<action>", "data": {…}}`, one object per call as far as is known; a list is taken too.
//!
//! Digisac never says *what* changed. So an update of our own message that carries an acknowledgement counts as news of its
//! delivery (that is what nearly all of them are), and a ticket updated while open is `ticket.updated`, whether it was
//! reopened, transferred or merely touched: a reader who knows the ticket's past can say. Of a transfer there is one
//! sure sign, the notice that Digisac writes into the conversation.
//!
//! Nor do its updates have a number: one is distinguished by `updatedAt`, to the millisecond, and by what it may be about
//! (how far a message got; whether a ticket is open, and who has it). What happens once to a thing, its creation or deletion,
//! needs the thing's id alone, whatever the body shows besides.

mod messages;
mod people;
mod resources;

use schemas::data::{Data, Text, Ticket, TicketStatus, Unmapped};
use schemas::event::Raw;
use schemas::time::Timestamp;

use self::people::{Interactive, Person, Service};
use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Reply, Webhook, digest, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
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
        // Who and what the ids stand for, where the body has them too.
        contact: Person = "contact",
        from: Person = "from",
        user: Person = "user",
        service: Service = "service",
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
        id_from_service: Json = "idFromService",
        ticket_id: Json = "ticketId",
        ticket_user_id: Json = "ticketUserId",
        ticket_department_id: Json = "ticketDepartmentId",
        quoted_id: Json = "quotedMessageId",
        // The message that it is a reaction to.
        reacted_to: Json = "reactionParentMessageId",
        quoted: Quote = "quotedMessage",
        files: Json = "files",
        file: Json = "file",
        data: Details = "data",
        interactive: Interactive = "interactive",
        interactive_message: Wrapped = "interactiveMessage",
        // Tickets.
        is_open: Json = "isOpen",
        protocol: Json = "protocol",
        department_id: Json = "departmentId",
        started_at: Json = "startedAt",
        // Commands.
        command: Json = "command",
        message: Origin = "message",
    }

    /// The inner `data` of a message.
    Details { ack: Json = "ack", ticket_transfer: Json = "ticketTransfer", interactive: Interactive = "interactive", }

    Wrapped { interactive: Interactive = "interactive", }

    Quote { id: Json = "id", id_from_service: Json = "idFromService", text: Json = "text", }

    /// The message that a command was given in.
    Origin { id: Json = "id", service_id: Json = "serviceId", ticket_id: Json = "ticketId", timestamp: Json = "timestamp", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    let Some(event) = body.event.short() else {
        if body.test.is_there() {
            return Ok(Normalized::Reply(Ok(Reply::Empty)));
        }
        return Err(Unmapped::because("no event name"));
    };
    if !body.data.is_there() {
        return Err(Unmapped::because("no `data`").of(Some(event)));
    }
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
                time: entity.changed_at(),
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
        "contact.created" => (
            json.read::<Person<'a>>().contact().map(Data::ContactCreated),
            entity.id.text(),
        ),
        "contact.updated" => (
            json.read::<Person<'a>>().contact().map(Data::ContactUpdated),
            entity.id.text(),
        ),
        _ => return Err(unmapped("no mapping for this event name")),
    };
    let (Some(data), Some(id)) = (data, entity.id.text()) else {
        return Err(unmapped("no id, or no conversation"));
    };
    let subject = match &data {
        Data::MessageCreated(message) | Data::MessageUpdated(message) => message.conversation.id.clone(),
        Data::MessageStatus(status) => status.conversation.id.clone(),
        Data::MessageDeleted(deletion) => deletion.conversation.id.clone(),
        Data::MessageReaction(reaction) => reaction.conversation.id.clone(),
        Data::TicketTransferred(ticket) => ticket.id.clone(),
        _ => id.clone(),
    };
    Ok(NewEvent {
        identity: entity.identity(event, &id, &data, json),
        time: entity.time(event),
        happened: None,
        data,
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

    fn identity(&self, event: &Text<'a>, id: &Text<'a>, data: &Data<'a>, json: Json<'a>) -> Vec<Text<'a>> {
        // The row's moment; without one, all that the body says.
        let moment = || self.updated_at.text().unwrap_or_else(|| digest(json.raw()).into());
        let part = |json: Json<'a>| json.text().unwrap_or_default();
        match &**event {
            // Numbered as the message that it is, and distinguished by all that a reaction says besides.
            "message.updated" | "message.deleted" if let Data::MessageReaction(reaction) = data => {
                let from = reaction.from.as_ref().and_then(|from| from.id.clone());
                let when = if self.is_taken_back(event) { "".into() } else { moment() };
                let emoji = reaction.emoji.clone().unwrap_or_default();
                let from = from.unwrap_or_default();
                vec!["reaction".into(), id.clone(), reaction.id.clone(), from, emoji, when]
            }
            // A message is taken back once, under whichever name, and stays so through later updates.
            _ if self.is_taken_back(event) => vec!["message.deleted".into(), id.clone()],
            created if created.ends_with(".created") => vec![event.clone(), id.clone()],
            "message.updated" => vec![event.clone(), id.clone(), moment(), part(self.data.ack)],
            ticket if ticket.starts_with("ticket.") => {
                // The same under either name, should both ever come.
                let name = if matches!(data, Data::TicketClosed(_)) {
                    "ticket.closed".into()
                } else {
                    event.clone()
                };
                vec![
                    name,
                    id.clone(),
                    moment(),
                    status_of(data).into(),
                    part(self.user_id),
                    part(self.department_id),
                ]
            }
            _ => vec![event.clone(), id.clone(), moment()],
        }
    }

    fn time(&self, event: &str) -> Option<Timestamp> {
        match event {
            _ if self.is_taken_back(event) => self.deleted_at.time().or_else(|| self.changed_at()),
            "message.created" => self.timestamp.time().or_else(|| self.created_at.time()),
            // The row may have changed again before its body was built.
            created if created.ends_with(".created") => self
                .created_at
                .time()
                .or_else(|| self.started_at.time())
                .or_else(|| self.updated_at.time()),
            _ => self.changed_at(),
        }
    }

    /// When it last changed, or else came to be.
    fn changed_at(&self) -> Option<Timestamp> {
        let times = [self.updated_at, self.created_at, self.timestamp];
        times.into_iter().find_map(Json::time)
    }
}

/// How a ticket stands, as a part of its identity.
fn status_of(data: &Data<'_>) -> &'static str {
    let (Data::TicketUpdated(Ticket { status, .. })
    | Data::TicketTransferred(Ticket { status, .. })
    | Data::TicketReopened(Ticket { status, .. })
    | Data::TicketClosed(Ticket { status, .. })) = data
    else {
        return "";
    };
    match status {
        Some(TicketStatus::Closed) => "closed",
        Some(_) => "open",
        None => "",
    }
}
