//! The ticket family: tells of the ticket, and is a change of it.

use schemas::data::{Clearable, Ticket, TicketStatus};
use serde::Deserialize;

use super::{Told, id, text};
use crate::state::register::{Agent, Json};
use crate::state::{Part, State};

#[derive(Deserialize)]
struct Member<T> {
    ticket: T,
}

pub(super) fn told(state: &mut State, event: &Told<'_>) -> Option<()> {
    let Member { ticket } = event.read::<Member<Ticket<'_>>>()?;
    let version = event.version();
    let key = event.key(&[&ticket.id])?;
    let status = status(event.event_type, ticket.status);
    let assignee = ticket.assignee.map(|agent| Agent {
        id: id(agent.id),
        name: text(agent.name),
    });
    let (department, team) = (text(ticket.department), text(ticket.team));

    let mut key_of_change = key.clone();
    key_of_change.push(Part::Version(version));
    let change = state.ticket_changes.entry(key_of_change).or_default();
    change.time.say(Some(event.time));
    change.platform.say(Some(event.platform()));
    change.r#type.say(Some(event.event_type.to_owned()));
    change.status.say(status.map(str::to_owned));
    change
        .previous_status
        .say(ticket.previous_status.map(|status| word(status).to_owned()));
    change
        .assignee_id
        .say(assignee.as_ref().and_then(|agent| agent.id.clone()));
    change.department.say(department.clone());
    change.team.say(team.clone());
    if !ticket.cleared.is_empty() {
        change
            .cleared
            .say(serde_json::to_string(&ticket.cleared).ok().map(Json));
    }

    let row = state.tickets.entry(key).or_default();
    row.platform.say(Some(event.platform()));
    row.last_time.say(Some(event.time));
    row.opened_at.say(ticket.opened_at);
    row.created_time
        .say((event.event_type == "ticket.created").then_some(event.time));
    row.first_closed.say((status == Some(CLOSED)).then_some(event.time));
    row.contact_id.say(ticket.contact.and_then(|contact| id(contact.id)));
    row.protocol.say(text(ticket.protocol));
    row.channel.say(text(ticket.channel));
    row.channel_id.say(id(ticket.channel_id));
    // What is told as well counts, since of one version the value is greater than none.
    for cleared in ticket.cleared {
        match cleared {
            Clearable::Assignee => row.assignee.clear(version),
            Clearable::Department => row.department.clear(version),
            Clearable::Team => row.team.clear(version),
            Clearable::Priority => row.priority.clear(version),
            Clearable::Labels => row.labels.clear(version),
        }
    }
    if let Some(status) = status {
        row.status.say(version, status.to_owned());
    }
    if let Some(assignee) = assignee {
        row.assignee.say(version, assignee);
    }
    if let Some(department) = department {
        row.department.say(version, department);
    }
    if let Some(team) = team {
        row.team.say(version, team);
    }
    if let Some(priority) = text(ticket.priority) {
        row.priority.say(version, priority);
    }
    if !ticket.labels.is_empty() {
        row.labels
            .say(version, Json(serde_json::to_string(&ticket.labels).ok()?));
    }
    Some(())
}

const CLOSED: &str = "closed";

/// How the ticket stands: what is told, else what the type says.
fn status(event_type: &str, told: Option<TicketStatus>) -> Option<&'static str> {
    match (told, event_type) {
        (Some(told), _) => Some(word(told)),
        (None, "ticket.created" | "ticket.reopened") => Some(word(TicketStatus::Open)),
        (None, "ticket.closed") => Some(CLOSED),
        (None, _) => None,
    }
}

fn word(status: TicketStatus) -> &'static str {
    match status {
        TicketStatus::Open => "open",
        TicketStatus::Pending => "pending",
        TicketStatus::Snoozed => "snoozed",
        TicketStatus::Closed => CLOSED,
    }
}
