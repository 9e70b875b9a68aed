//! Tickets and users, and the networks that tickets come over.

use schemas::data::{Clearable, Contact, Data, Party, PartyKind, Text, Ticket, TicketStatus};

use super::{Body, Identity, is_none, known};
use crate::normalize::cleared::cleared;
use crate::normalize::json::Json;
use crate::normalize::phone;

impl<'a> Body<'a> {
    pub(super) fn ticket(&self, name: &str) -> Result<Data<'a>, &'static str> {
        let (is, was) = (status(self.change.current), status(self.change.previous));
        let status_changed = name == "ticket.status_changed";
        // What the event changed is as the event says; all else as the ticket stood when the body was made.
        let changed_by = |event: &str, detail: Json<'a>| if name == event { self.change.current } else { detail };
        let requester = changed_by("ticket.requester_changed", self.detail.requester_id);
        let assignee = changed_by("ticket.agent_assignment_changed", self.detail.assignee_id);
        let group = changed_by("ticket.group_assignment_changed", self.detail.group_id);
        let priority = changed_by("ticket.priority_changed", self.detail.priority);
        let ticket = Ticket {
            id: self.about().ok_or("no ticket id")?,
            status: is.filter(|_| status_changed).or_else(|| status(self.detail.status)),
            previous_status: was.filter(|_| status_changed),
            contact: known(requester).map(|id| Party::new(id, PartyKind::Contact)),
            assignee: known(assignee).map(|id| Party::new(id, PartyKind::Agent)),
            team: known(group),
            channel: channel(self.detail.via.channel),
            priority: priority.text(),
            labels: self.detail.tags.elements().filter_map(Json::text).collect(),
            changed: changed(name),
            opened_at: self.detail.created_at.time(),
            cleared: cleared([
                (Clearable::Assignee, is_none(assignee)),
                (Clearable::Team, is_none(group)),
                (Clearable::Priority, priority.is_emptied()),
                (Clearable::Labels, self.detail.tags.is_emptied()),
            ]),
            ..Ticket::default()
        };
        let closed = Some(TicketStatus::Closed);
        Ok(match name {
            "ticket.created" => Data::TicketCreated(ticket),
            "ticket.agent_assignment_changed" | "ticket.group_assignment_changed" => Data::TicketTransferred(ticket),
            _ if status_changed && is == closed => Data::TicketClosed(ticket),
            _ if status_changed && was == closed => Data::TicketReopened(ticket),
            _ => Data::TicketUpdated(ticket),
        })
    }

    pub(super) fn contact(&self, name: &str) -> Result<Data<'a>, &'static str> {
        // A mail address, a telephone number, … that the user got.
        let identity: Identity<'a> = match name {
            "user.identity_created" => self.change.identity.read(),
            "user.identity_changed" => self.change.current.read(),
            _ => Identity::default(),
        };
        let is = |kind: &str| identity.kind.text().is_some_and(|word| word.eq_ignore_ascii_case(kind));
        let contact = Contact {
            id: self.about().ok_or("no user id")?,
            name: self.change.current.text().filter(|_| name == "user.name_changed"),
            // Zendesk takes it in the form of E.164 only.
            phone: Some(identity.value)
                .filter(|_| is("phone_number"))
                .and_then(phone::of_json),
            email: self.detail.email.text(),
            identifier: self.detail.external_id.text(),
            blocked: (name == "user.suspended_changed")
                .then(|| self.change.current.flag())
                .flatten(),
            changed: changed(name),
            ..Contact::default()
        };
        Ok(match name {
            "user.created" => Data::ContactCreated(contact),
            _ => Data::ContactUpdated(contact),
        })
    }
}

/// `ticket.priority_changed` says that the priority changed.
fn changed<'a>(name: &str) -> Vec<Text<'a>> {
    let what = name.split_once('.').and_then(|(_, what)| what.strip_suffix("_changed"));
    what.map(|what| what.to_owned().into()).into_iter().collect()
}

fn status(json: Json<'_>) -> Option<TicketStatus> {
    Some(match json.text()?.to_ascii_lowercase().as_str() {
        "new" | "open" => TicketStatus::Open,
        "pending" => TicketStatus::Pending,
        "hold" => TicketStatus::Snoozed,
        "solved" | "closed" => TicketStatus::Closed,
        _ => return None,
    })
}

/// The network of `via.channel` (Zendesk developer docs, "Via types"), which has a word for each way to it.
pub(super) fn channel(via: Json<'_>) -> Option<Text<'_>> {
    let word = via.text()?.to_ascii_lowercase();
    Some(match &*word {
        "mail" | "mailgun" | "connect_mail" => "email".into(),
        "web" | "web_form" | "web_widget" | "helpcenter" | "chat" | "chat_transcript" | "chat_offline_message" => {
            "web".into()
        }
        "web_service" | "sunshine_conversations_api" => "api".into(),
        "sms" | "text_message" => "sms".into(),
        "voicemail" | "phone" => "voice".into(),
        "business_messaging_slack_connect" => "slack".into(),
        _ if word.ends_with("_sms") => "sms".into(),
        _ if word.contains("phone_call") || word.ends_with("_voicemail") => "voice".into(),
        _ if word.contains("facebook") => "facebook".into(),
        _ if word.starts_with("instagram") => "instagram".into(),
        _ if word.contains("twitter") => "twitter".into(),
        _ => word.into(),
    })
}
