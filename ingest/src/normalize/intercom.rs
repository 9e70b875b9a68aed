//! Intercom: `{"type": "notification_event", "id": "notif_…", "topic": "conversation.user.replied", "app_id": …,
//! "created_at": 1773149810, "data": {"item": {…}}}` (Intercom developer docs, "Webhook models" and "Webhook topics").
//!
//! `item` is the conversation, ticket or contact as it stands; a conversation that comes with a reply has that reply as the
//! last of its parts, and a new one has its first message as `source`, which is why a new conversation is two events. Retries
//! repeat the notification's id; the rest of the envelope (`delivery_attempts`, …) differs. Bodies are HTML, as sent.

use http::Method;
use schemas::data::{
    Attachment, Contact, Conversation, Data, Direction, Message, Party, PartyKind, Text, Ticket, TicketStatus, Unmapped,
};
use schemas::event::Raw;
use schemas::source::{Encoding, Hash, HmacScheme, Scheme};

use super::handshake::Handshake;
use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Reply, Webhook};

pub(super) const ADAPTER: Adapter = Adapter {
    preset: || {
        Scheme::Hmac(HmacScheme {
            prefix: "sha1=".to_owned(),
            ..HmacScheme::of_body(Hash::Sha1, Encoding::Hex, "x-hub-signature")
        })
    },
    handshake,
    credential: None,
    map,
};

object! {
    Body { id: Json = "id", topic: Json = "topic", app_id: Json = "app_id", created_at: Json = "created_at", data: Content = "data", }

    Content { item: Json = "item", }

    /// A conversation, a ticket, a contact, or what was done to one of them.
    Item {
        id: Json = "id",
        created_at: Json = "created_at",
        // What it was done to.
        conversation: Named = "conversation",
        conversation_id: Json = "conversation_id",
        ticket: Json = "ticket",
        contact: Json = "contact",
        // Conversations, in the older API with `conversation_message`, `user` and `assignee`.
        source: Json = "source",
        conversation_message: Json = "conversation_message",
        parts: Parts = "conversation_parts",
        contacts: People = "contacts",
        user: Named = "user",
        assignee: Named = "assignee",
        state: Json = "state",
        open: Json = "open",
        priority: Json = "priority",
        tags: Tags = "tags",
        // Conversations and tickets.
        admin_assignee_id: Json = "admin_assignee_id",
        team_assignee_id: Json = "team_assignee_id",
        // Tickets: the number that people see, and how it stands.
        ticket_id: Json = "ticket_id",
        ticket_state: Json = "ticket_state",
        // Contacts.
        name: Json = "name",
        email: Json = "email",
        phone: Json = "phone",
        external_id: Json = "external_id",
        user_id: Json = "user_id",
    }

    Part { id: Json = "id", body: Json = "body", author: Named = "author", attachments: Json = "attachments", }

    Parts { list: Json = "conversation_parts", }

    People { list: Json = "contacts", }

    Tags { list: Json = "tags", }

    Named { id: Json = "id", kind: Json = "type", name: Json = "name", }

    State { category: Json = "category", }

    File { url: Json = "url", name: Json = "name", mime_type: Json = "content_type", size: Json = "filesize", }
}

/// The address is tried by HEAD when it is entered.
fn handshake(request: &Handshake<'_>) -> Option<Reply> {
    (request.method == Method::HEAD).then_some(Reply::Empty)
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    let topic = body.topic.text();
    if topic.as_deref() == Some("ping") {
        return Ok(Normalized::Reply(Reply::Empty));
    }
    let (Some(id), Some(topic)) = (body.id.text(), &topic) else {
        return Err(Unmapped::because("no id, or no topic").of(topic));
    };
    let family = topic.split('.').next().unwrap_or_default();
    let mut item: Item<'a> = body.data.item.read();
    // What was done to a ticket or a contact may come around it.
    let inner = match family {
        "ticket" => item.ticket,
        "contact" => item.contact,
        _ => Json::default(),
    };
    if inner.is_object() {
        item = inner.read();
    }
    let about = match family {
        "conversation" | "conversation_part" => item.conversation_id(),
        "ticket" | "contact" => item.id.text(),
        _ => None,
    };
    let event = |data: Result<Data<'a>, &'static str>, identity, raw: Raw<'a>| NewEvent {
        data: data.unwrap_or_else(|reason| Data::Unmapped(Unmapped::because(reason).of(Some(topic.clone())))),
        identity,
        time: body.created_at.time(),
        ordering_key: about.as_ref().unwrap_or(&id).clone().into_owned(),
        account: body.app_id.text(),
        subject: about.clone(),
        raw,
    };
    let mut events = vec![event(item.data(family, topic), vec![id.clone()], webhook.whole())];
    let first = item.first_message();
    if matches!(events[0].data, Data::TicketCreated(_)) && family == "conversation" && first.is_there() {
        let message = item.message(topic, first);
        events.push(event(message, vec![id.clone(), "message".into()], webhook.part(first)));
    }
    Ok(Normalized::Events(events))
}

impl<'a> Item<'a> {
    fn data(&self, family: &str, topic: &str) -> Result<Data<'a>, &'static str> {
        match family {
            "conversation" | "conversation_part" => self.conversation(topic),
            "ticket" => {
                let ticket = self.ticket(topic, self.id.text().ok_or("no ticket id")?);
                Ok(match topic {
                    "ticket.created" => Data::TicketCreated(ticket),
                    "ticket.closed" => Data::TicketClosed(ticket),
                    _ if topic.contains("assigned") => Data::TicketTransferred(ticket),
                    _ => Data::TicketUpdated(ticket),
                })
            }
            "contact" => {
                let contact = self.contact(topic).ok_or("no contact id")?;
                Ok(match topic {
                    "contact.created" | "contact.user.created" | "contact.lead.created" => {
                        Data::ContactCreated(contact)
                    }
                    _ => Data::ContactUpdated(contact),
                })
            }
            _ => Err("no mapping for this topic"),
        }
    }

    fn conversation(&self, topic: &str) -> Result<Data<'a>, &'static str> {
        if let "conversation.user.replied"
        | "conversation.admin.replied"
        | "conversation.admin.noted"
        | "conversation.operator.replied" = topic
        {
            let last = self.parts.list.elements().last().ok_or("no conversation part")?;
            return self.message(topic, last);
        }
        let ticket = self.ticket_of_conversation(topic).ok_or("no conversation id")?;
        Ok(match topic {
            "conversation.user.created" | "conversation.admin.single.created" => Data::TicketCreated(ticket),
            "conversation.admin.assigned" => Data::TicketTransferred(ticket),
            "conversation.admin.closed" => Data::TicketClosed(ticket),
            "conversation.admin.opened" => Data::TicketReopened(ticket),
            _ => Data::TicketUpdated(ticket),
        })
    }

    fn conversation_id(&self) -> Option<Text<'a>> {
        let named = self.conversation.id.text().or_else(|| self.conversation_id.text());
        named.or_else(|| self.id.text())
    }

    fn first_message(&self) -> Json<'a> {
        if self.source.is_object() {
            self.source
        } else {
            self.conversation_message
        }
    }

    fn ticket_of_conversation(&self, topic: &str) -> Option<Ticket<'a>> {
        let told = match topic {
            "conversation.admin.closed" => Some(TicketStatus::Closed),
            "conversation.admin.opened" => Some(TicketStatus::Open),
            "conversation.admin.snoozed" => Some(TicketStatus::Snoozed),
            _ => None,
        };
        Some(Ticket {
            status: told.or_else(|| self.status()),
            protocol: None,
            ..self.ticket(topic, self.conversation_id()?)
        })
    }

    fn ticket(&self, topic: &str, id: Text<'a>) -> Ticket<'a> {
        let assignee = known(self.admin_assignee_id).map(|id| party(id, Some(PartyKind::Agent)));
        Ticket {
            id,
            status: self.status(),
            protocol: self.ticket_id.text(),
            contact: self.customer(),
            assignee: assignee.or_else(|| self.assignee.party()),
            team: known(self.team_assignee_id),
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

    fn customer(&self) -> Option<Party<'a>> {
        let first: Named<'a> = self.contacts.list.elements().next().unwrap_or_default().read();
        let named = if first.id.is_there() { &first } else { &self.user };
        Some(Party {
            kind: Some(PartyKind::Contact),
            ..named.party()?
        })
    }

    fn message(&self, topic: &str, part: Json<'a>) -> Result<Data<'a>, &'static str> {
        let part: Part<'a> = part.read();
        let conversation = self.conversation_id().ok_or("no conversation id")?;
        let outbound = topic.starts_with("conversation.admin.") || topic.starts_with("conversation.operator.");
        let internal = topic == "conversation.admin.noted";
        let text = part.body.text();
        Ok(Data::MessageCreated(Message {
            id: part.id.text().ok_or("no message id")?,
            conversation: Conversation {
                id: conversation.clone(),
                ..Conversation::default()
            },
            direction: if outbound {
                Direction::Outbound
            } else {
                Direction::Inbound
            },
            internal,
            from: part.author.party(),
            to: if outbound && !internal { self.customer() } else { None },
            kind: text.is_some().then(|| "text".into()),
            text,
            attachments: part.attachments.elements().filter_map(attachment).collect(),
            ticket_id: Some(conversation),
            ..Message::default()
        }))
    }

    fn contact(&self, topic: &str) -> Option<Contact<'a>> {
        Some(Contact {
            id: self.id.text()?,
            name: self.name.text(),
            phone: self.phone.text(),
            email: self.email.text(),
            identifier: self.external_id.text().or_else(|| self.user_id.text()),
            changed: changed(topic),
            ..Contact::default()
        })
    }
}

impl<'a> Named<'a> {
    fn party(&self) -> Option<Party<'a>> {
        let kind = self.kind.text().and_then(|kind| {
            Some(match &*kind {
                "user" | "lead" | "contact" | "visitor" => PartyKind::Contact,
                "admin" | "team" => PartyKind::Agent,
                "bot" => PartyKind::Bot,
                _ => return None,
            })
        });
        Some(Party {
            name: self.name.text(),
            ..party(known(self.id)?, kind)
        })
    }
}

/// `conversation.priority.updated` says that the priority changed; who did something is no change.
fn changed<'a>(topic: &str) -> Vec<Text<'a>> {
    let mut words = topic.split('.').skip(1);
    let what = match (words.next(), words.next()) {
        (Some("admin" | "user" | "lead" | "contact" | "company" | "operator"), _) | (_, None) => None,
        (what, _) => what,
    };
    what.map(|what| what.to_owned().into()).into_iter().collect()
}

/// Somebody's id: 0 is nobody.
fn known(id: Json<'_>) -> Option<Text<'_>> {
    id.text().filter(|id| id != "0")
}

fn party(id: Text<'_>, kind: Option<PartyKind>) -> Party<'_> {
    Party {
        id: Some(id),
        kind,
        ..Party::default()
    }
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

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use schemas::name::{SourceId, Tenant};
    use schemas::platform::Platform;
    use schemas::source::Source;

    use super::*;

    #[test]
    fn the_address_may_be_tried_by_head_and_by_nothing_else() {
        let source = Source {
            id: SourceId::new("s").expect("valid"),
            tenant: Tenant::new("acme").expect("valid"),
            platform: Platform::Intercom,
            scheme: None,
            secrets: vec![],
            url_secrets: Vec::new(),
            verify_token: None,
            utc_offset_minutes: None,
            max_body_bytes: 1,
        };
        for (method, expected) in [
            (Method::HEAD, Some(Reply::Empty)),
            (Method::GET, None),
            (Method::OPTIONS, None),
        ] {
            let headers = HeaderMap::new();
            let answer = handshake(&Handshake {
                source: &source,
                method: &method,
                headers: &headers,
                query: None,
            });
            assert_eq!(answer, expected, "{method}");
        }
    }
}
