//! Intercom: `{"type": "notification_event", "id": "notif_…", "topic": "conversation.user.replied", "app_id": …,
//! "created_at": 1773149810, "data": {"item": {…}}}` (Intercom developer docs, "Webhook models" and "Webhook topics").
//!
//! `item` is the conversation, ticket or contact as it stands. Retries repeat the notification's id; the rest of the envelope
//! (`delivery_attempts`, …) differs. Bodies are HTML, as sent.
//!
//! What is written stands in parts: a conversation comes with its latest, a ticket with all that it has, whatever the topic.
//! So a part is an event of its own, distinguished by its own id, and comes again with many notifications.

mod parts;
mod people;
mod tickets;

use http::Method;
use schemas::data::{Contact, Data, Text, Unmapped};
use schemas::event::Raw;

use super::handshake::Handshake;
use super::json::{Json, object};
use super::{Adapter, Because, Forbidden, NewEvent, Normalized, Reply, Webhook, phone};
use parts::PartList;
use people::Named;

pub(super) const ADAPTER: Adapter = Adapter {
    handshake,
    credential: None,
    map,
};

object! {
    Body { id: Json = "id", topic: Json = "topic", app_id: Json = "app_id", created_at: Json = "created_at", data: Content = "data", }

    Content { item: Json = "item", }

    /// What may stand around a ticket or a contact.
    Around { ticket: Json = "ticket", ticket_part: Json = "ticket_part", contact: Json = "contact", }

    /// A conversation, a ticket, a contact, or a part of a conversation.
    Item {
        id: Json = "id",
        created_at: Json = "created_at",
        // What it is a part of.
        conversation: Named = "conversation",
        conversation_id: Json = "conversation_id",
        // Conversations, in the older API with `conversation_message`, `user` and `assignee`.
        source: Json = "source",
        conversation_message: Json = "conversation_message",
        conversation_parts: PartList = "conversation_parts",
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
        // Tickets: the number that people see, how it stands, and over what it came.
        ticket_id: Json = "ticket_id",
        ticket_state: Json = "ticket_state",
        ticket_parts: PartList = "ticket_parts",
        channel: Json = "channel",
        // Contacts.
        name: Json = "name",
        email: Json = "email",
        phone: Json = "phone",
        external_id: Json = "external_id",
        user_id: Json = "user_id",
    }

    People { list: Json = "contacts", }

    Tags { list: Json = "tags", }
}

/// The address is tried by HEAD when it is entered.
fn handshake(request: &Handshake<'_>) -> Option<Result<Reply, Forbidden>> {
    (request.method == Method::HEAD).then_some(Ok(Reply::Empty))
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    let topic = body.topic.text();
    if topic.as_deref() == Some("ping") {
        return Ok(Normalized::Reply(Ok(Reply::Empty)));
    }
    let (Some(id), Some(topic)) = (body.id.text(), topic.clone()) else {
        return Err(Unmapped::because("no id, or no topic").of(topic));
    };
    Ok(Normalized::Events(Notification::of(&body, id, &topic).events(webhook)))
}

/// A notification, and what it is about.
struct Notification<'a, 't> {
    id: Text<'a>,
    topic: &'t str,
    created_at: Json<'a>,
    account: Option<Text<'a>>,
    json: Json<'a>,
    item: Item<'a>,
    /// Beside a ticket: the part that was added.
    ticket_part: Json<'a>,
    /// The conversation, ticket or contact.
    about: Option<Text<'a>>,
}

impl<'a, 't> Notification<'a, 't> {
    fn of(body: &Body<'a>, id: Text<'a>, topic: &'t str) -> Self {
        let mut notification = Self {
            id,
            topic,
            created_at: body.created_at,
            account: body.app_id.text(),
            json: body.data.item,
            item: Item::default(),
            ticket_part: Json::default(),
            about: None,
        };
        let family = notification.family();
        if let "ticket" | "contact" = family {
            // What was done to a ticket or a contact may come around it.
            let around: Around<'a> = body.data.item.read();
            let inner = if family == "ticket" {
                around.ticket
            } else {
                around.contact
            };
            if inner.is_object() {
                notification.json = inner;
            }
            notification.ticket_part = around.ticket_part;
        }
        notification.item = notification.json.read();
        notification.about = match family {
            "conversation" | "conversation_part" => notification.item.conversation_id(),
            "ticket" | "contact" => notification.item.id.text(),
            _ => None,
        };
        notification
    }

    /// `conversation` of `conversation.user.replied`.
    fn family(&self) -> &'t str {
        self.topic.split('.').next().unwrap_or_default()
    }

    fn events(&self, webhook: &Webhook<'a, '_>) -> Vec<NewEvent<'a>> {
        let mut parts = self.parts(webhook);
        // Of a reply or a note, the part is all that happened; the last one is what the notification is about.
        if self.is_of_a_part()
            && let Some(last) = parts.last_mut()
        {
            last.raw = webhook.whole();
            return parts;
        }
        let data = self
            .data()
            .unwrap_or_else(|reason| Data::Unmapped(Unmapped::because(reason).of(Some(self.topic.to_owned().into()))));
        let own = NewEvent {
            identity: vec![self.id.clone()],
            time: self.created_at.time(),
            ..self.event(data, webhook.whole())
        };
        std::iter::once(own).chain(parts).collect()
    }

    /// Without identity and time.
    fn event(&self, data: Data<'a>, raw: Raw<'a>) -> NewEvent<'a> {
        NewEvent {
            data,
            identity: vec![],
            time: None,
            happened: None,
            ordering_key: self.about.as_ref().unwrap_or(&self.id).clone().into_owned(),
            account: self.account.clone(),
            subject: self.about.clone(),
            raw,
        }
    }

    /// Whether the conversation is new, and its first message with it.
    fn opens(&self) -> bool {
        matches!(
            self.topic,
            "conversation.user.created" | "conversation.admin.single.created"
        )
    }

    fn is_of_a_part(&self) -> bool {
        matches!(
            self.topic,
            "conversation.user.replied"
                | "conversation.admin.replied"
                | "conversation.admin.noted"
                | "conversation.operator.replied"
        )
    }

    fn data(&self) -> Result<Data<'a>, &'static str> {
        match self.family() {
            "conversation" | "conversation_part" if self.is_of_a_part() => Err("no part that says anything"),
            "conversation" | "conversation_part" => self.conversation(),
            "ticket" => self.ticket(),
            "contact" => {
                let contact = self.contact().ok_or("no contact id")?;
                Ok(match self.topic {
                    "contact.created" | "contact.user.created" | "contact.lead.created" => {
                        Data::ContactCreated(contact)
                    }
                    _ => Data::ContactUpdated(contact),
                })
            }
            _ => Err("no mapping for this topic"),
        }
    }

    fn contact(&self) -> Option<Contact<'a>> {
        let item = &self.item;
        Some(Contact {
            id: item.id.text()?,
            name: item.name.text(),
            // Kept as it was typed or imported.
            phone: phone::of_json(item.phone),
            email: item.email.text(),
            identifier: item.external_id.text().or_else(|| item.user_id.text()),
            changed: changed(self.topic),
            ..Contact::default()
        })
    }
}

impl<'a> Item<'a> {
    fn conversation_id(&self) -> Option<Text<'a>> {
        self.conversation_named().or_else(|| self.id.text())
    }

    /// Named beside an id of its own, so it is a part of that conversation.
    fn conversation_named(&self) -> Option<Text<'a>> {
        self.conversation.id.text().or_else(|| self.conversation_id.text())
    }

    fn first_message(&self) -> Json<'a> {
        if self.source.is_object() {
            self.source
        } else {
            self.conversation_message
        }
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

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use schemas::name::{SourceId, Tenant};
    use schemas::platform::Platform;
    use schemas::source::Source;

    use super::*;

    #[test]
    fn the_address_may_be_tried_by_head_and_by_nothing_else() {
        let source = Source::new(
            SourceId::new("s").expect("valid"),
            Tenant::new("acme").expect("valid"),
            Platform::Intercom,
            vec![],
        );
        for (method, expected) in [
            (Method::HEAD, Some(Ok(Reply::Empty))),
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
