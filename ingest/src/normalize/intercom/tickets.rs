//! Tickets, and conversations seen as tickets.

use schemas::data::{Data, Party, PartyKind, Text, Ticket, TicketStatus};

use super::people::{Named, known};
use super::{Item, Notification, changed};
use crate::normalize::json::{Json, object};

object! {
    State { category: Json = "category", }

    Source { kind: Json = "type", }
}

impl<'a> Notification<'a, '_> {
    pub(super) fn ticket(&self) -> Result<Data<'a>, &'static str> {
        let ticket = Ticket {
            protocol: self.item.ticket_id.text(),
            ..self.item.ticket(self.topic, self.item.id.text().ok_or("no ticket id")?)
        };
        Ok(match self.topic {
            "ticket.created" => Data::TicketCreated(ticket),
            "ticket.closed" => Data::TicketClosed(ticket),
            topic if topic.contains("assigned") => Data::TicketTransferred(ticket),
            _ => Data::TicketUpdated(ticket),
        })
    }

    pub(super) fn conversation(&self) -> Result<Data<'a>, &'static str> {
        let id = self.item.conversation_id().ok_or("no conversation id")?;
        let told = match self.topic {
            "conversation.admin.closed" => Some(TicketStatus::Closed),
            "conversation.admin.opened" => Some(TicketStatus::Open),
            "conversation.admin.snoozed" => Some(TicketStatus::Snoozed),
            _ => None,
        };
        let mut ticket = self.item.ticket(self.topic, id);
        ticket.status = told.or(ticket.status);
        Ok(match self.topic {
            _ if self.opens() => Data::TicketCreated(ticket),
            "conversation.admin.closed" => Data::TicketClosed(ticket),
            "conversation.admin.opened" => Data::TicketReopened(ticket),
            // `conversation.admin.open.assigned`, too.
            topic if topic.ends_with(".assigned") => Data::TicketTransferred(ticket),
            _ => Data::TicketUpdated(ticket),
        })
    }
}

impl<'a> Item<'a> {
    fn ticket(&self, topic: &str, id: Text<'a>) -> Ticket<'a> {
        let assignee = known(self.admin_assignee_id).map(|id| Party::new(id, PartyKind::Agent));
        Ticket {
            id,
            status: self.status(),
            contact: self.customer(),
            assignee: assignee.or_else(|| self.assignee.party()),
            team: known(self.team_assignee_id),
            channel: self.network(),
            priority: self.priority.text(),
            labels: self
                .tags
                .list
                .elements()
                .filter_map(|tag| tag.read::<Named<'a>>().name.text())
                .collect(),
            changed: changed(topic),
            opened_at: self.created_at.time(),
            ..Ticket::default()
        }
    }

    fn status(&self) -> Option<TicketStatus> {
        let category = self.ticket_state.read::<State<'a>>().category;
        let words = [self.state, self.ticket_state, category];
        let told = words.into_iter().filter_map(Json::text).find_map(|word| {
            Some(match &*word {
                "open" | "submitted" | "in_progress" => TicketStatus::Open,
                "waiting_on_customer" => TicketStatus::Pending,
                "snoozed" => TicketStatus::Snoozed,
                "closed" | "resolved" => TicketStatus::Closed,
                _ => return None,
            })
        });
        told.or_else(|| {
            self.open
                .flag()
                .map(|open| if open { TicketStatus::Open } else { TicketStatus::Closed })
        })
    }

    pub(super) fn customer(&self) -> Option<Party<'a>> {
        let first: Named<'a> = self.contacts.list.elements().next().unwrap_or_default().read();
        let named = if first.id.is_there() { &first } else { &self.user };
        Some(Party {
            kind: Some(PartyKind::Contact),
            ..named.party()?
        })
    }

    /// Over what it runs: the kind of a conversation's first message, or the ticket's channel.
    pub(super) fn network(&self) -> Option<Text<'a>> {
        let kind = self.source.read::<Source<'a>>().kind;
        let word = kind.short().or_else(|| self.channel.short())?;
        Some(match &*word {
            // Intercom's own, on websites and in apps.
            "conversation" | "messenger" => "web".into(),
            "phone_call" => "voice".into(),
            _ if !word.bytes().any(|byte| byte.is_ascii_uppercase()) => word,
            _ => word.to_ascii_lowercase().into(),
        })
    }
}
