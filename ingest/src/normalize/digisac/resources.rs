//! Tickets, and the commands that bots are given.

use schemas::data::{BotCommand, Clearable, Conversation, Data, Party, PartyKind, Text, Ticket, TicketStatus};
use schemas::event::Raw;

use super::Entity;
use crate::normalize::cleared::cleared;
use crate::normalize::json::Json;
use crate::normalize::{NewEvent, digest};

impl<'a> Entity<'a> {
    pub(super) fn ticket(&self, event: &str) -> Option<Data<'a>> {
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
            contact: self.contact_of(self.contact_id),
            assignee: self.user_id.text().map(|id| Party::new(id, PartyKind::Agent)),
            department: self.department_id.text(),
            channel: self.channel(),
            channel_id: self.channel_id().or_else(|| self.contact.service_id.text()),
            opened_at: self.started_at.time().or_else(|| self.created_at.time()),
            // The body is the ticket's row, with all columns.
            cleared: cleared([
                (Clearable::Assignee, self.user_id.is_emptied()),
                (Clearable::Department, self.department_id.is_emptied()),
            ]),
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

    pub(super) fn command(&self, event: &Text<'a>, json: Json<'a>, raw: Raw<'a>) -> Option<NewEvent<'a>> {
        let name = self.command.text()?;
        let message = self.message.id.text();
        let contact_id = if self.contact_id.is_there() {
            self.contact_id
        } else {
            self.contact.id
        };
        let contact = contact_id.text();
        let services = [self.service_id, self.message.service_id, self.contact.service_id];
        let ticket = self.ticket_id.text().or_else(|| self.message.ticket_id.text());
        let times = [self.timestamp, self.message.timestamp, self.created_at, self.updated_at];
        // A command given in no message is known by who gave it and when.
        let given = || {
            let moment = times.into_iter().find(|moment| moment.time().is_some())?;
            Some(format!("{}/{}", contact.as_deref()?, moment.text()?).into())
        };
        let discriminator = message
            .clone()
            .or_else(given)
            .unwrap_or_else(|| digest(json.raw()).into());
        let ordering_key = ticket
            .or_else(|| contact.clone())
            .unwrap_or_else(|| discriminator.clone());
        Some(NewEvent {
            identity: vec![event.clone(), discriminator, name.clone()],
            time: times.into_iter().find_map(Json::time),
            happened: None,
            ordering_key: ordering_key.into_owned(),
            account: self.account_id.text(),
            subject: contact.clone(),
            data: Data::BotCommand(BotCommand {
                name,
                answer: None,
                contact: self.contact_of(contact_id),
                message_id: message,
                conversation: contact.map(|id| Conversation {
                    id,
                    external_id: self.contact.id_from_service.text(),
                    channel: self.channel(),
                    channel_id: services.into_iter().find_map(Json::text),
                    ..Conversation::default()
                }),
            }),
            raw,
        })
    }
}
