//! Conversations, contacts and services as they stand.

use schemas::data::{
    Clearable, Connection, ConnectionState, Contact, Data, Party, PartyKind, Text, Ticket, TicketStatus,
};

use super::{Participant, Resource, kind_of, resource};
use crate::normalize::cleared::cleared;
use crate::normalize::json::Json;
use crate::normalize::phone;

pub(super) fn conversation<'a>(conversation: &Resource<'a>, action: &str) -> Option<Data<'a>> {
    let ticket = ticket(conversation)?;
    Some(match (action, ticket.status) {
        ("create", _) => Data::TicketCreated(ticket),
        (_, Some(TicketStatus::Closed)) => Data::TicketClosed(ticket),
        _ => Data::TicketUpdated(ticket),
    })
}

pub(super) fn contact<'a>(contact: &Resource<'a>, action: &str) -> Option<Data<'a>> {
    let contact = Contact {
        id: contact.id.text()?,
        name: contact.profile.name.text().or_else(|| contact.name.text()),
        phone: phone::of_json(contact.profile.telephone),
        email: contact.profile.email.text(),
        ..Contact::default()
    };
    Some(match action {
        "create" => Data::ContactCreated(contact),
        _ => Data::ContactUpdated(contact),
    })
}

pub(super) fn service<'a>(service: &Resource<'a>, action: &str) -> Option<Data<'a>> {
    let status = service.status.text();
    let state = match status.as_deref() {
        _ if action == "delete" => Some(ConnectionState::Closed),
        Some("active") => Some(ConnectionState::Open),
        Some("queued" | "unverified") => Some(ConnectionState::Connecting),
        Some("disabled" | "pendingArchive" | "archived") => Some(ConnectionState::Closed),
        _ => None,
    };
    Some(Data::ConnectionUpdated(Connection {
        id: Some(service.id.text()?),
        state,
        reason: status.filter(|_| state != Some(ConnectionState::Open)),
        ..Connection::default()
    }))
}

pub(super) fn ticket<'a>(conversation: &Resource<'a>) -> Option<Ticket<'a>> {
    // Whoever accepted it answers for it.
    let assignee = conversation
        .participants
        .elements()
        .map(Json::read::<Participant<'a>>)
        .filter(|who| who.accepted.flag() == Some(true) && who.active.flag() != Some(false))
        .find_map(|who| {
            let kind = kind_of(&who.role.text()?).filter(|kind| *kind != PartyKind::Contact)?;
            Some(Party {
                name: who.name.text(),
                ..Party::new(who.user.text()?, kind)
            })
        });
    let is_unassigned = assignee.is_none() && is_no_ones(conversation.participants);
    Some(Ticket {
        id: conversation.id.text()?,
        status: conversation.status.text().and_then(|status| match &*status {
            "queued" => Some(TicketStatus::Pending),
            "active" => Some(TicketStatus::Open),
            "closed" => Some(TicketStatus::Closed),
            _ => None,
        }),
        contact: customer(conversation, Json::default()),
        assignee,
        channel: channel(conversation.touchpoint),
        labels: conversation.category.text().into_iter().collect(),
        opened_at: conversation.created_at.time(),
        cleared: cleared([
            (Clearable::Assignee, is_unassigned),
            (Clearable::Labels, conversation.category.is_emptied()),
        ]),
        ..Ticket::default()
    })
}

/// A conversation names all who are in it: it is no one's where of each the role is known, and no one but customers is there and
/// accepted it.
fn is_no_ones(participants: Json<'_>) -> bool {
    let is_out = |who: Participant<'_>| {
        let role = who.role.text();
        role.is_some_and(|role| kind_of(&role) == Some(PartyKind::Contact))
            || who.accepted.flag() == Some(false)
            || who.active.flag() == Some(false)
    };
    participants.raw().starts_with('[') && participants.elements().map(Json::read).all(is_out)
}

/// The customer of a conversation; `shown` is the same contact with its members, where the event has it.
pub(super) fn customer<'a>(conversation: &Resource<'a>, shown: Json<'a>) -> Option<Party<'a>> {
    let contact = resource(conversation.contact);
    let id = contact.id.text()?;
    let shown = resource(shown);
    let profiles = [&contact.profile, &shown.profile];
    let mut people = conversation.participants.elements().map(Json::read::<Participant<'a>>);
    let mut participant = || people.find(|who| who.role.text().is_some_and(|role| role == "contact"));
    let name = profiles.into_iter().find_map(|profile| profile.name.text());
    Some(Party {
        name: name.or_else(|| participant().and_then(|who| who.name.text())),
        phone: profiles
            .into_iter()
            .find_map(|profile| phone::of_json(profile.telephone)),
        ..Party::new(id, PartyKind::Contact)
    })
}

/// A touchpoint is the network that the customer came over.
pub(super) fn channel(touchpoint: Json<'_>) -> Option<Text<'_>> {
    let touchpoint = touchpoint.text()?;
    Some(match &*touchpoint {
        "messenger" | "fb" => "facebook".into(),
        "webchat" | "widget" => "web".into(),
        "mail" => "email".into(),
        "phone" | "voip" => "voice".into(),
        word if word.bytes().any(|byte| byte.is_ascii_uppercase()) => word.to_ascii_lowercase().into(),
        _ => touchpoint,
    })
}
