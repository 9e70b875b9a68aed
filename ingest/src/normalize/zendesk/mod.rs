//! Zendesk: `{"type": "zen:event-type:ticket.created", "id": …, "account_id": …, "subject": "zen:ticket:123", "time": …,
//! "detail": {…}, "event": {…}}` (Zendesk developer docs, "Webhook event types"). `detail` is the ticket or user as it stands,
//! `event` what changed, mostly `current` and `previous`. The event has an id and a time of its own, which a retry repeats;
//! several changes at once are as many events, with an id each. `detail` may be younger than the event, so what changed is
//! taken from `event`.
//!
//! Webhooks of triggers and automations have whatever body their author wrote. Such a body is unmapped; the invocation, which
//! a retry repeats, distinguishes two equal ones.

mod messages;
mod resources;

use schemas::data::{Data, Text, Unmapped};

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Webhook, digest, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
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
        version: Json = "zendesk_event_version",
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
        actor_id: Json = "actor_id",
        tags: Json = "tags",
        via: Via = "via",
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
        conversation_id: Json = "conversation_id",
        // `user.identity_created`.
        identity: Json = "identity",
    }

    Comment {
        id: Json = "id",
        body: Json = "body",
        is_public: Json = "is_public",
        author: Author = "author",
        attachment: Json = "attachment",
    }

    Via { channel: Json = "channel", }

    /// A mail address, a telephone number, … of a user.
    Identity { kind: Json = "type", value: Json = "value", }

    Author { id: Json = "id", name: Json = "name", is_staff: Json = "is_staff", kind: Json = "type", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    let name = body.event.short().filter(|name| name.starts_with(PREFIX));
    // In a body that a trigger's author made up, `id` may be anything's.
    let id = body.id.text().filter(|_| name.is_some() || body.version.is_there());
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
        happened: None,
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
            "ticket.comment_added" => self.comment(),
            "messaging_ticket.message_added" => self.chat_message(),
            "ticket.attachment_linked_to_comment" => self.attachment(),
            "ticket.comment_made_private" | "ticket.comment_redacted"
                if self.change.comment.author.is_staff.is_there() =>
            {
                self.edit(name)
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
}

/// A person's id: 0 is no one.
fn known(id: Json<'_>) -> Option<Text<'_>> {
    id.text().filter(|id| id != "0")
}

/// The id is said to be no one's: `null`, 0 or an empty text.
fn is_none(id: Json<'_>) -> bool {
    id.is_emptied() || id.text().is_some_and(|id| id == "0")
}
