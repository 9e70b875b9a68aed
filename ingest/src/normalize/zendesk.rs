//! Zendesk: `{"type": "zen:event-type:ticket.created", "id": …, "account_id": …, "subject": "zen:ticket:123", "time": …,
//! "detail": {…}, "event": {…}}` (Zendesk developer docs, "Webhook event types"). `detail` is the ticket or user as it stands,
//! `event` what changed, mostly `current` and `previous`.
//!
//! Webhooks of triggers and automations have whatever body their author wrote. Such a body is unmapped; the invocation, which
//! a retry repeats, tells two equal ones apart.

use std::time::Duration;

use schemas::data::{
    Contact, Conversation, Data, Direction, Message, Party, PartyKind, Text, Ticket, TicketStatus, Unmapped,
};
use schemas::source::{Encoding, Hash, HmacScheme, Scheme, SignedTime, TemplatePart, TimeFormat, TimePlace};

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Webhook, digest, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
    preset: || {
        Scheme::Hmac(HmacScheme {
            template: vec![TemplatePart::Timestamp, TemplatePart::Body],
            timestamp: Some(SignedTime {
                place: TimePlace::Header("x-zendesk-webhook-signature-timestamp".to_owned()),
                format: TimeFormat::Iso8601,
                tolerance: Duration::from_mins(5),
            }),
            ..HmacScheme::of_body(Hash::Sha256, Encoding::Base64, "x-zendesk-webhook-signature")
        })
    },
    handshake: handshake::none,
    credential: None,
    map,
};

object! {
    Body {
        id: Json = "id",
        event: Json = "type",
        account_id: Json = "account_id",
        subject: Json = "subject",
        time: Json = "time",
        detail: Detail = "detail",
        change: Change = "event",
    }

    /// A ticket or a user.
    Detail {
        id: Json = "id",
        created_at: Json = "created_at",
        // Tickets.
        status: Json = "status",
        priority: Json = "priority",
        requester_id: Json = "requester_id",
        assignee_id: Json = "assignee_id",
        group_id: Json = "group_id",
        tags: Json = "tags",
        // Users.
        email: Json = "email",
        external_id: Json = "external_id",
    }

    Change {
        current: Json = "current",
        previous: Json = "previous",
        comment: Comment = "comment",
        // `messaging_ticket.message_added`.
        message: Comment = "message",
        actor: Author = "actor",
    }

    Comment { id: Json = "id", body: Json = "body", is_public: Json = "is_public", author: Author = "author", }

    Author { id: Json = "id", name: Json = "name", is_staff: Json = "is_staff", kind: Json = "type", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    let name = body.event.short().filter(|name| name.starts_with(PREFIX));
    let id = body.id.text().filter(|_| name.is_some());
    let data = match name {
        Some(name) => body
            .data(&name)
            .map_err(|reason| Unmapped::because(reason).of(Some(name))),
        None => Err(Unmapped::because("not an event of Zendesk's own")),
    };
    let invocation = webhook.header("x-zendesk-webhook-invocation-id");
    let identity = match (id, invocation) {
        (Some(id), _) => vec![id],
        (None, Some(invocation)) => vec!["invocation".into(), invocation.to_owned().into()],
        (None, None) => vec!["unmapped".into(), digest(webhook.body).into()],
    };
    let about = body.about();
    Ok(Normalized::Events(vec![NewEvent {
        data: data.unwrap_or_else(Data::Unmapped),
        identity,
        time: body.time.time(),
        ordering_key: about.as_deref().unwrap_or("unmapped").to_owned(),
        account: body.account_id.text().or_else(|| {
            let account = webhook.header("x-zendesk-account-id")?;
            Some(account.to_owned().into())
        }),
        subject: about,
        raw: webhook.whole(),
    }]))
}

const PREFIX: &str = "zen:event-type:";

impl<'a> Body<'a> {
    fn data(&self, name: &str) -> Result<Data<'a>, &'static str> {
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        match name {
            "ticket.comment_added" => {
                let Comment { author, .. } = &self.change.comment;
                let staff = author.is_staff.flag() == Some(true);
                let kind = if staff { PartyKind::Agent } else { PartyKind::Contact };
                self.message(&self.change.comment, author, kind)
            }
            "messaging_ticket.message_added" => {
                let actor = &self.change.actor;
                let kind = match actor.kind.text().as_deref() {
                    Some("end_user") => PartyKind::Contact,
                    Some("agent") => PartyKind::Agent,
                    Some("system" | "trigger") => PartyKind::Bot,
                    _ => return Err("no actor of a known kind"),
                };
                self.message(&self.change.message, actor, kind)
            }
            _ if name.starts_with("ticket.") => self.ticket(name),
            _ if name.starts_with("user.") => self.contact(name),
            _ => Err("no mapping for this event name"),
        }
    }

    /// The id of what it is about: in `detail`, and once more at the end of `subject`.
    fn about(&self) -> Option<Text<'a>> {
        self.detail.id.text().or_else(|| {
            let subject = self.subject.text()?;
            let (_, id) = subject.strip_prefix("zen:")?.rsplit_once(':')?;
            Some(id.to_owned().into())
        })
    }

    fn ticket(&self, name: &str) -> Result<Data<'a>, &'static str> {
        let (is, was) = (status(self.change.current), status(self.change.previous));
        let status_changed = name == "ticket.status_changed";
        let ticket = Ticket {
            id: self.about().ok_or("no ticket id")?,
            status: is.filter(|_| status_changed).or_else(|| status(self.detail.status)),
            previous_status: was.filter(|_| status_changed),
            contact: known(self.detail.requester_id).map(|id| Party::new(id, PartyKind::Contact)),
            assignee: known(self.detail.assignee_id).map(|id| Party::new(id, PartyKind::Agent)),
            team: known(self.detail.group_id),
            priority: self.detail.priority.text(),
            labels: self.detail.tags.elements().filter_map(Json::text).collect(),
            changed: changed(name),
            opened_at: self.detail.created_at.time(),
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

    fn message(&self, said: &Comment<'a>, by: &Author<'a>, kind: PartyKind) -> Result<Data<'a>, &'static str> {
        let ticket = self.about().ok_or("no ticket id")?;
        let text = said.body.text();
        Ok(Data::MessageCreated(Message {
            id: said.id.text().ok_or("no id of the comment or message")?,
            conversation: Conversation {
                id: ticket.clone(),
                ..Conversation::default()
            },
            direction: if kind == PartyKind::Contact {
                Direction::Inbound
            } else {
                Direction::Outbound
            },
            internal: said.is_public.flag() == Some(false),
            from: known(by.id).map(|id| Party {
                name: by.name.text(),
                ..Party::new(id, kind)
            }),
            kind: text.is_some().then(|| "text".into()),
            text,
            attachments: Vec::new(),
            mentions: Vec::new(),
            ticket_id: Some(ticket),
            ..Message::default()
        }))
    }

    fn contact(&self, name: &str) -> Result<Data<'a>, &'static str> {
        let contact = Contact {
            id: self.about().ok_or("no user id")?,
            name: self.change.current.text().filter(|_| name == "user.name_changed"),
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

/// Somebody's id: 0 is nobody.
fn known(id: Json<'_>) -> Option<Text<'_>> {
    id.text().filter(|id| id != "0")
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
