//! Tickets, and conversations seen as tickets.
//!
//! A notification shows how they stand by the time it is made, which may be several changes later. What became of the state or the
//! assignee by this one stands in the part that was written for it (docs, "Ticket Parts": `previous_ticket_state`, `ticket_state`;
//! "Conversation Parts": `assigned_to`).

use schemas::data::{Clearable, Data, Party, PartyKind, Text, Ticket, TicketStatus};

use super::people::{Named, is_none, known};
use super::{Item, Notification, changed};
use crate::normalize::cleared::{cleared, settled};
use crate::normalize::json::{Json, object};

object! {
    State { category: Json = "category", }

    Source { kind: Json = "type", }

    /// A part that was written for a change.
    Change {
        created_at: Json = "created_at",
        was: Json = "previous_ticket_state",
        is: Json = "ticket_state",
        assigned_to: Named = "assigned_to",
    }
}

impl<'a> Notification<'a, '_> {
    pub(super) fn ticket(&self) -> Result<Data<'a>, &'static str> {
        let ticket = Ticket {
            protocol: self.item.ticket_id.text(),
            ..self.item.ticket(self.topic, self.item.id.text().ok_or("no ticket id")?)
        };
        let ticket = self.as_changed(ticket);
        Ok(match self.topic {
            "ticket.created" => Data::TicketCreated(ticket),
            "ticket.closed" => Data::TicketClosed(ticket),
            topic if topic.contains("assigned") => Data::TicketTransferred(ticket),
            _ => Data::TicketUpdated(ticket),
        })
    }

    pub(super) fn conversation(&self) -> Result<Data<'a>, &'static str> {
        let id = self.item.conversation_id().ok_or("no conversation id")?;
        let stated = match self.topic {
            "conversation.admin.closed" => Some(TicketStatus::Closed),
            "conversation.admin.opened" | "conversation.admin.unsnoozed" => Some(TicketStatus::Open),
            "conversation.admin.snoozed" => Some(TicketStatus::Snoozed),
            _ => None,
        };
        let mut ticket = self.as_changed(self.item.ticket(self.topic, id));
        ticket.status = stated.or(ticket.status);
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

impl<'a> Notification<'a, '_> {
    /// The ticket as this notification's own change left it, where a part says so.
    fn as_changed(&self, ticket: Ticket<'a>) -> Ticket<'a> {
        match self.topic {
            "ticket.state.updated" | "ticket.closed" => {
                let change = self.change(|change| change.was.is_there() && change.is.is_there());
                Ticket {
                    previous_status: change.as_ref().and_then(|change| status(change.was)),
                    status: change.and_then(|change| status(change.is)).or(ticket.status),
                    ..ticket
                }
            }
            topic if topic.ends_with("assigned") => {
                let Some(change) = self.change(|change| change.assigned_to.kind.is_there()) else {
                    return ticket;
                };
                match change.assigned_to.kind.text().as_deref() {
                    Some("admin") => {
                        let (became, shown) = (change.assigned_to.party(), ticket.assignee);
                        let same = shown.as_ref().map(|who| &who.id) == became.as_ref().map(|who| &who.id);
                        let to_no_one = is_none(change.assigned_to.id);
                        Ticket {
                            assignee: if same { shown } else { became },
                            cleared: settled(ticket.cleared, Clearable::Assignee, to_no_one),
                            ..ticket
                        }
                    }
                    // Taken from whoever had it.
                    Some("nobody_admin") => Ticket {
                        assignee: None,
                        cleared: settled(ticket.cleared, Clearable::Assignee, true),
                        ..ticket
                    },
                    Some("team") => Ticket {
                        team: known(change.assigned_to.id),
                        cleared: settled(ticket.cleared, Clearable::Team, is_none(change.assigned_to.id)),
                        ..ticket
                    },
                    _ => ticket,
                }
            }
            _ => ticket,
        }
    }

    /// The last such part that is not younger than the notification.
    fn change(&self, is_such: impl Fn(&Change<'a>) -> bool) -> Option<Change<'a>> {
        let lists = [
            self.item.conversation_parts.of_conversation,
            self.item.ticket_parts.of_ticket,
            self.ticket_part,
        ];
        let now = self.created_at.time();
        lists
            .into_iter()
            .flat_map(Json::elements)
            .map(Json::read::<Change<'a>>)
            .filter(|change| is_such(change) && (now.is_none() || change.created_at.time() <= now))
            .max_by_key(|change| change.created_at.time())
    }
}

/// Of a ticket's state by its category, as a word or in an object.
fn status(state: Json<'_>) -> Option<TicketStatus> {
    let category = state.read::<State<'_>>().category;
    [state, category].into_iter().filter_map(Json::text).find_map(|word| {
        Some(match &*word {
            "open" | "submitted" | "in_progress" => TicketStatus::Open,
            "waiting_on_customer" => TicketStatus::Pending,
            "snoozed" => TicketStatus::Snoozed,
            "closed" | "resolved" => TicketStatus::Closed,
            _ => return None,
        })
    })
}

impl<'a> Item<'a> {
    fn ticket(&self, topic: &str, id: Text<'a>) -> Ticket<'a> {
        let assignee = known(self.admin_assignee_id).map(|id| Party::new(id, PartyKind::Agent));
        let assignee = assignee.or_else(|| self.assignee.party());
        // Tagging a part may not show in the conversation's own tags.
        let tagged = topic.contains(".tag.");
        let is_unassigned = assignee.is_none() && (is_none(self.admin_assignee_id) || self.assignee.is_no_one());
        Ticket {
            id,
            status: self.status(),
            contact: self.customer(),
            assignee,
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
            cleared: cleared([
                (Clearable::Assignee, is_unassigned),
                (Clearable::Team, is_none(self.team_assignee_id)),
                (Clearable::Priority, self.priority.is_emptied()),
                (Clearable::Labels, self.tags.list.is_emptied() && !tagged),
            ]),
            ..Ticket::default()
        }
    }

    fn status(&self) -> Option<TicketStatus> {
        status(self.state).or_else(|| status(self.ticket_state)).or_else(|| {
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
