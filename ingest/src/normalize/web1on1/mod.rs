//! Web1on1 (`ChatShipper`): `{"id", "timestamp", "event", "organization", "activity": {…}, "data": {"conversation", "message", …}}`,
//! one event per call, as its developers' pages and its own SDK (chipchat) show it.
//!
//! New messages are `message.create.<type of conversation>.<type of message>`; a longer form and new types are expected, so
//! only the message itself is asked what it is. Commands (`/assign`, `/notify`, `/accept`, …) are messages too, but what they
//! do, they do to the conversation, which is our ticket: no one *said* them.
//!
//! What a conversation was before is not said: whether one that is active now had been closed is left to the readers.
//!
//! `timestamp` is, by one of the pages, when the call was made: another one in every attempt. It is never used. A message
//! is distinguished by its own type and id, so that it is one event also when hooks of two organizations deliver it. All else
//! has the id of the event and the moment at which its activity was published: what `data` has is the state by then,
//! or a later one.
//!
//! The answer to an event must have no body: messages in it would be posted into the conversation.

mod messages;
mod resources;
mod subscribe;

use schemas::data::{Data, PartyKind, Text, Unmapped};
use schemas::time::Timestamp;

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Webhook, digest};

pub(super) const ADAPTER: Adapter = Adapter {
    handshake: subscribe::challenge,
    // Services carry what they connect with, users what they log in with.
    credential: Some("secret password access_token apiToken"),
    map,
};

object! {
    Body {
        id: Json = "id",
        event: Json = "event",
        organization: Json = "organization",
        activity: Activity = "activity",
        data: Json = "data",
    }

    Activity { actor: Named = "actor", object: Named = "object", published: Json = "published", }

    /// The resources that the event is about.
    Resources {
        conversation: Json = "conversation",
        message: Said = "message",
        contact: Json = "contact",
        service: Json = "service",
        error: Json = "error",
    }

    /// A conversation, a contact or a service, or one of them by its id alone.
    Resource {
        id: Json = "id",
        created_at: Json = "createdAt",
        updated_at: Json = "updatedAt",
        status: Json = "status",
        // Conversations.
        kind: Json = "type",
        name: Json = "name",
        category: Json = "category",
        contact: Json = "contact",
        touchpoint: Json = "touchpoint",
        participants: Json = "participants",
        // Contacts.
        profile: Profile = "profile",
    }

    Said {
        id: Json = "id",
        conversation: Json = "conversation",
        user: Json = "user",
        kind: Json = "type",
        role: Json = "role",
        text: Json = "text",
        content_type: Json = "contentType",
        items: Json = "items",
        meta: Meta = "meta",
        is_backchannel: Json = "isBackchannel",
        touchpoint: Json = "touchpoint",
        error: Json = "error",
        created_at: Json = "createdAt",
        updated_at: Json = "updatedAt",
    }

    Meta {
        users: Json = "users",
        channels: Json = "channels",
        target_user: Json = "targetUser",
        target_users: Json = "targetUsers",
        target_bot: Json = "targetBot",
        target_bots: Json = "targetBots",
        // The payload of the button that was pressed.
        payload: Json = "payload",
    }

    Participant {
        user: Json = "user",
        name: Json = "name",
        role: Json = "role",
        active: Json = "active",
        accepted: Json = "accepted",
    }

    Profile { name: Json = "name", telephone: Json = "telephone", email: Json = "email", }

    Named { id: Json = "id", }

    Fault { message: Json = "message", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    let Some(event) = body.event.short() else {
        return Err(Unmapped::because("no event name"));
    };
    let about = About::of(&body);
    let new = about.event(&event, &body, webhook).unwrap_or_else(|reason| {
        let unmapped = webhook.unmapped(reason.of(Some(event)));
        NewEvent {
            identity: match body.id.text() {
                Some(id) => vec!["id".into(), id],
                None => unmapped.identity,
            },
            time: body.activity.published.time(),
            ordering_key: about.conversation_key().unwrap_or(unmapped.ordering_key),
            account: body.organization.text(),
            ..unmapped
        }
    });
    Ok(Normalized::Events(vec![new]))
}

/// What an event is about.
struct About<'a> {
    resources: Resources<'a>,
    conversation: Resource<'a>,
    /// The resource that is alone in `data`, should it not stand under its name.
    bare: Json<'a>,
}

impl<'a> About<'a> {
    fn of(body: &Body<'a>) -> Self {
        let resources: Resources<'a> = body.data.read();
        let conversation = if resources.conversation.is_there() {
            resource(resources.conversation)
        } else {
            resource(resources.message.conversation)
        };
        Self {
            resources,
            conversation,
            bare: body.data,
        }
    }

    fn event(
        &self,
        event: &Text<'a>,
        body: &Body<'a>,
        webhook: &Webhook<'a, '_>,
    ) -> Result<NewEvent<'a>, Unmapped<'a>> {
        let said = &self.resources.message;
        let published = body.activity.published.time();
        let (data, time) = match event.split_once('.') {
            _ if event.starts_with("message.create") || event == "conversation.message" => {
                (self.created(), said.created_at.time().or(published))
            }
            Some(("message", "update")) => (
                self.message().map(Data::MessageUpdated),
                published.or_else(|| said.updated_at.time()),
            ),
            Some(("message", "delete")) => (
                self.deletion(body).map(Data::MessageDeleted),
                published.or_else(|| said.updated_at.time()),
            ),
            Some(("message", "error")) => (
                self.failure().map(Data::MessageStatus),
                published.or_else(|| said.updated_at.time()),
            ),
            Some(("conversation", action)) if action != "delete" => {
                let conversation = self.named_or_bare(self.resources.conversation);
                let time = moment(&conversation, action, published);
                (resources::conversation(&conversation, action), time)
            }
            Some(("contact", action)) if action != "delete" => {
                let contact = self.named_or_bare(self.resources.contact);
                let time = moment(&contact, action, published);
                (resources::contact(&contact, action), time)
            }
            Some(("service", action)) => {
                let service = self.named_or_bare(self.resources.service);
                (resources::service(&service, action), published)
            }
            _ => return Err(Unmapped::because("no mapping for this event name")),
        };
        let data = data.ok_or_else(|| Unmapped::because("no id, or no conversation"))?;

        let subject = match &data {
            Data::ContactCreated(contact) | Data::ContactUpdated(contact) => Some(contact.id.clone()),
            Data::ConnectionUpdated(connection) => connection.id.clone(),
            Data::TicketCreated(ticket) | Data::TicketUpdated(ticket) | Data::TicketClosed(ticket) => {
                Some(ticket.id.clone())
            }
            _ => self.conversation.id.text(),
        };
        let created = event.starts_with("message.create") || event == "conversation.message";
        let identity = match (said.id.text().filter(|_| created), body.id.text()) {
            (Some(message), _) => vec!["message".into(), said.kind.text().unwrap_or_default(), message],
            (None, Some(id)) => vec!["id".into(), id],
            (None, None) => match (body.activity.object.id.text(), body.activity.published.text()) {
                (Some(object), Some(published)) => vec![event.clone(), object, published],
                _ => vec![event.clone(), digest(body.data.raw()).into()],
            },
        };
        Ok(NewEvent {
            data,
            identity,
            time,
            happened: None,
            ordering_key: subject.clone().unwrap_or_default().into_owned(),
            account: body.organization.text(),
            subject,
            raw: webhook.whole(),
        })
    }

    fn conversation_key(&self) -> Option<String> {
        self.conversation.id.text().map(Text::into_owned)
    }

    /// The resource, or the one that `data` itself is.
    fn named_or_bare(&self, named: Json<'a>) -> Resource<'a> {
        if named.is_there() {
            resource(named)
        } else {
            self.bare.read()
        }
    }
}

/// What is created says when. What is changed says when it last was, which may have been after this change.
fn moment(resource: &Resource<'_>, action: &str, published: Option<Timestamp>) -> Option<Timestamp> {
    match action {
        "create" => resource.created_at.time().or(published),
        _ => published.or_else(|| resource.updated_at.time()),
    }
}

/// A resource, whether it comes with all its members or by its id.
fn resource(json: Json<'_>) -> Resource<'_> {
    if json.is_object() {
        json.read()
    } else {
        Resource {
            id: json,
            ..Resource::default()
        }
    }
}

/// Returns what a user's role makes of them; `None` for a role that is not known.
fn kind_of(role: &str) -> Option<PartyKind> {
    Some(match role {
        "contact" => PartyKind::Contact,
        "agent" | "admin" | "owner" => PartyKind::Agent,
        "bot" => PartyKind::Bot,
        "system" => PartyKind::System,
        _ => return None,
    })
}
