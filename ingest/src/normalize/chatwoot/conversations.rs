//! Conversations, which are tickets to us, and the people in them.

use schemas::data::{Contact, Data, PartyKind, Presence, PresenceOf, Text, Ticket, TicketStatus};
use schemas::time::Timestamp;

use super::{Body, in_account, is_group};
use crate::normalize::json::{Json, object};
use crate::normalize::{NewEvent, Webhook, digest};

object! {
    Change { previous: Json = "previous_value", current: Json = "current_value", }
}

impl<'a> Body<'a> {
    pub(super) fn conversation(&self, event: &Text<'a>, webhook: &Webhook<'a, '_>) -> Option<NewEvent<'a>> {
        let number = self.id.text()?;
        let account = self.account();
        let id = in_account(&account, &number);
        let changes: Vec<(Text<'a>, Change<'a>)> = self
            .changed_attributes
            .elements()
            .flat_map(Json::members)
            .map(|(name, change)| (name, change.read()))
            .collect();
        let previous_status = changes
            .iter()
            .find(|(name, _)| name == "status")
            .and_then(|(_, change)| ticket_status(change.previous));
        let handed_over = changes
            .iter()
            .any(|(name, _)| matches!(&**name, "assignee_id" | "team_id" | "assignee_agent_bot_id"));
        let status = ticket_status(self.status);
        let ticket = Ticket {
            id: id.clone(),
            status,
            previous_status,
            contact: self.meta.sender.party(Some(PartyKind::Contact)),
            assignee: self
                .meta
                .assignee
                .party(match self.meta.assignee_type.text().as_deref() {
                    Some("AgentBot") => Some(PartyKind::Bot),
                    _ => Some(PartyKind::Agent),
                }),
            team: self.meta.team.name.text().or_else(|| self.meta.team.id.text()),
            channel_id: self.inbox_id.text(),
            priority: self.priority.text(),
            labels: self.labels.elements().filter_map(Json::text).collect(),
            changed: changes.into_iter().map(|(name, _)| name).collect(),
            opened_at: self.created_at.time(),
            ..Ticket::default()
        };
        let closed = status == Some(TicketStatus::Closed);
        let reopened = status == Some(TicketStatus::Open) && previous_status == Some(TicketStatus::Closed);
        let data = match &**event {
            "conversation_created" => Data::TicketCreated(ticket),
            "conversation_updated" if handed_over => Data::TicketTransferred(ticket),
            "conversation_resolved" => Data::TicketClosed(ticket),
            "conversation_status_changed" if closed => Data::TicketClosed(ticket),
            "conversation_status_changed" if reopened => Data::TicketReopened(ticket),
            // Bots are not told what was before `conversation_opened`. Automation rules and macros tell how the conversation
            // stands; what became of it is told by the events above.
            _ => Data::TicketUpdated(ticket),
        };
        // Bots hear of the same change by another name.
        let event = if event == "conversation_resolved" {
            Text::Borrowed("conversation_status_changed")
        } else {
            event.clone()
        };
        let version = self.updated_at.text().unwrap_or_else(|| digest(webhook.body).into());
        Some(NewEvent {
            data,
            identity: vec![event, account, number, version],
            time: self.updated_at.time(),
            ordering_key: id.clone().into_owned(),
            account: self.known_account(),
            subject: Some(id),
            raw: webhook.whole(),
        })
    }

    pub(super) fn contact(&self, event: &Text<'a>, webhook: &Webhook<'a, '_>) -> Option<NewEvent<'a>> {
        let id = self.id.text()?;
        let account = self.account();
        let changes: Vec<_> = self.changed_attributes.elements().flat_map(Json::members).collect();
        let updated_at: Option<Timestamp> = changes
            .iter()
            .find(|(name, _)| name == "updated_at")
            .and_then(|(_, change)| change.read::<Change<'a>>().current.time());
        let contact = Contact {
            id: id.clone(),
            name: self.name.text(),
            phone: self.phone_number.text(),
            email: self.email.text(),
            identifier: self.identifier.text(),
            group: is_group([self.group_type, Json::default()], self.identifier),
            blocked: self.blocked.flag(),
            changed: changes.into_iter().map(|(name, _)| name).collect(),
            ..Contact::default()
        };
        let created = event == "contact_created";
        Some(NewEvent {
            data: if created {
                Data::ContactCreated(contact)
            } else {
                Data::ContactUpdated(contact)
            },
            identity: vec![event.clone(), account.clone(), id.clone(), digest(webhook.body).into()],
            time: updated_at,
            ordering_key: in_account(&account, &format!("contact/{id}").into()).into_owned(),
            account: self.known_account(),
            subject: Some(id),
            raw: webhook.whole(),
        })
    }

    pub(super) fn typing(&self, event: &Text<'a>, webhook: &Webhook<'a, '_>) -> Option<NewEvent<'a>> {
        let number = self.conversation.id.text()?;
        let account = self.account();
        let conversation = self.chat()?;
        // Nobody numbers or dates these; without the delivery's id, equal ones cannot be told apart.
        let delivery = webhook.header("x-chatwoot-delivery").map(str::to_owned);
        let delivery = delivery.unwrap_or_else(|| digest(webhook.body));
        let state = match &**event {
            "conversation_typing_on" => "typing",
            "conversation_recording" => "recording",
            _ => "paused",
        };
        Some(NewEvent {
            identity: vec![event.clone(), account, number, delivery.into()],
            time: None,
            ordering_key: conversation.id.clone().into_owned(),
            account: self.known_account(),
            subject: Some(conversation.id.clone()),
            data: Data::PresenceUpdated(Presence {
                conversation,
                parties: vec![PresenceOf {
                    id: self.user.id.text()?,
                    state: state.into(),
                }],
            }),
            raw: webhook.whole(),
        })
    }
}

fn ticket_status(status: Json<'_>) -> Option<TicketStatus> {
    Some(match &*status.text()? {
        "open" | "0" => TicketStatus::Open,
        "resolved" | "1" => TicketStatus::Closed,
        "pending" | "2" => TicketStatus::Pending,
        "snoozed" | "3" => TicketStatus::Snoozed,
        _ => return None,
    })
}
