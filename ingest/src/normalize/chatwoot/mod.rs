//! Chatwoot and its forks: one event per POST, from account webhooks, API inboxes, agent bots, automation rules and macros.
//! Newer versions sign, but not for automation rules and macros. Source: the sender's code.
//!
//! A conversation's id is its number, which is unique per account only; so the account stands in front of it, in ids and in
//! ordering keys (`3/128`). Old versions name no account in conversation events; then that of the last message or of a person
//! is taken. Where no one has one either, which is a conversation that no one wrote into yet, the number stands alone.
//!
//! The same message may arrive several times, as `message_created` and as a fork's `message_incoming` or `message_outgoing`,
//! over an account webhook, an inbox and a bot: all of them are one event. So is a change, which is distinguished by what
//! `changed_attributes` says of it and never by how things stand. A change of status is reported twice, as
//! `conversation_status_changed` and as `conversation_updated`: these are two events, for either may be asked for alone.

mod answers;
mod changes;
mod channels;
mod contacts;
mod conversations;
mod messages;
mod people;

use schemas::data::{Conversation, Text, Unmapped};

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Webhook, baileys, digest, handshake};
use channels::{Channel, ContactInbox, ConversationKind, Inbox, group_id, is_group};
use people::User;

pub(super) const ADAPTER: Adapter = Adapter {
    handshake: handshake::none,
    // Whoever has it can listen to the conversation.
    credential: Some("pubsub_token"),
    map,
};

object! {
    /// The members of all events; a message, a contact and a conversation stand at the top level.
    Body {
        event: Json = "event",
        id: Json = "id",
        account: Named = "account",
        account_id: Json = "account_id",
        created_at: Json = "created_at",
        updated_at: Json = "updated_at",
        changed_attributes: Json = "changed_attributes",
        // Messages.
        content: Json = "content",
        content_type: Json = "content_type",
        content_attributes: Json = "content_attributes",
        message_type: Json = "message_type",
        private: Json = "private",
        source_id: Json = "source_id",
        attachments: Json = "attachments",
        conversation: Chat = "conversation",
        inbox: Inbox = "inbox",
        sender: User = "sender",
        contact: User = "contact",
        // Who made the change, in versions to come (chatwoot/chatwoot#15953).
        performed_by: User = "performed_by",
        // Conversations.
        channel: Json = "channel",
        contact_inbox: ContactInbox = "contact_inbox",
        additional_attributes: ConversationKind = "additional_attributes",
        inbox_id: Json = "inbox_id",
        messages: Json = "messages",
        labels: Json = "labels",
        meta: Meta = "meta",
        status: Json = "status",
        priority: Json = "priority",
        // Contacts.
        name: Json = "name",
        phone_number: Json = "phone_number",
        email: Json = "email",
        identifier: Json = "identifier",
        blocked: Json = "blocked",
        group_type: Json = "group_type",
        // Typing.
        user: User = "user",
        // The fork's envelope of what its WhatsApp bridge sent.
        provider_event: Json = "provider_event",
        provider_event_data: Json = "provider_event_data",
    }

    /// The conversation inside of a message.
    Chat {
        id: Json = "id",
        // The oldest versions.
        display_id: Json = "display_id",
        account: Named = "account",
        account_id: Json = "account_id",
        inbox_id: Json = "inbox_id",
        channel: Json = "channel",
        contact_inbox: ContactInbox = "contact_inbox",
        additional_attributes: ConversationKind = "additional_attributes",
        messages: Json = "messages",
        meta: Meta = "meta",
        group_type: Json = "group_type",
    }

    Named { id: Json = "id", name: Json = "name", }

    Meta { sender: User = "sender", assignee: Json = "assignee", assignee_type: Json = "assignee_type", team: Json = "team", }

    LastMessage {
        id: Json = "id",
        account_id: Json = "account_id",
        updated_at: Json = "updated_at",
        status: Json = "status",
        content: Json = "content",
    }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    let Some(event) = body.event.short() else {
        return Err(Unmapped::because("no event name"));
    };
    let mapped = match &*event {
        "message_created" | "message_incoming" | "message_outgoing" => body.message_created(webhook),
        "message_updated" => body.message_updated(webhook),
        "conversation_created"
        | "conversation_updated"
        | "conversation_status_changed"
        | "conversation_opened"
        | "conversation_resolved"
        | "macro.executed" => body.conversation(&event, webhook),
        // Some forks have rules about other things than conversations.
        _ if event.starts_with("automation_event.") && body.messages.is_there() => body.conversation(&event, webhook),
        "contact_created" | "contact_updated" => body.contact(&event, webhook),
        "conversation_typing_on" | "conversation_recording" | "conversation_typing_off" => body.typing(&event, webhook),
        "provider_event_received" => {
            return match body.provider_event.short() {
                Some(event) => Ok(Normalized::Events(baileys::events(
                    webhook,
                    event,
                    body.provider_event_data,
                    &body.line(),
                ))),
                None => Ok(body.unmapped("no provider event name", event, webhook)),
            };
        }
        _ => return Ok(body.unmapped("no mapping for this event name", event, webhook)),
    };
    Ok(match mapped {
        Some(new) => Normalized::Events(vec![new]),
        None => body.unmapped("no id, or no conversation", event, webhook),
    })
}

impl<'a> Body<'a> {
    /// Kept with its account, and in its conversation's order if it names one.
    fn unmapped(&self, reason: &'static str, event: Text<'a>, webhook: &Webhook<'a, '_>) -> Normalized<'a> {
        let unmapped = webhook.unmapped(Unmapped::because(reason).of(Some(event)));
        Normalized::Events(vec![NewEvent {
            account: self.known_account(),
            ordering_key: self.chat().map_or(unmapped.ordering_key, |chat| chat.id.into_owned()),
            ..unmapped
        }])
    }

    fn chat(&self) -> Option<Conversation<'a>> {
        let chat = &self.conversation;
        let contact = &chat.meta.sender;
        let ids = [contact.identifier, chat.contact_inbox.source_id];
        let channel = Channel {
            kinds: [chat.channel, self.inbox.channel_type],
            medium: self.inbox.medium,
            source_id: chat.contact_inbox.source_id,
            conversation_kind: chat.additional_attributes.kind,
        };
        Some(Conversation {
            id: in_account(&self.account(), &chat.id.text().or_else(|| chat.display_id.text())?),
            external_id: group_id(ids),
            group: is_group([chat.group_type, contact.group_type], ids),
            channel: channel.network(),
            channel_id: self.inbox.id.text().or_else(|| chat.inbox_id.text()),
            ..Conversation::default()
        })
    }

    /// The channel of a conversation that stands at the top level.
    fn channel(&self) -> Channel<'a> {
        Channel {
            kinds: [self.channel, self.inbox.channel_type],
            medium: self.inbox.medium,
            source_id: self.contact_inbox.source_id,
            conversation_kind: self.additional_attributes.kind,
        }
    }

    /// The account's id, empty if no version of it exists.
    fn account(&self) -> Text<'a> {
        let chat = &self.conversation;
        let known = [
            self.account.id,
            self.account_id,
            chat.account.id,
            chat.account_id,
            self.sender.account.id,
            self.meta.sender.account.id,
            chat.meta.sender.account.id,
        ];
        let last = || self.last_message().and_then(|last| last.account_id.short());
        known
            .into_iter()
            .find_map(Json::short)
            .or_else(last)
            .unwrap_or_default()
    }

    fn last_message(&self) -> Option<LastMessage<'a>> {
        let messages = if self.messages.is_there() {
            self.messages
        } else {
            self.conversation.messages
        };
        messages.elements().last().map(Json::read)
    }

    /// The line that a provider's event came over.
    fn line(&self) -> baileys::Line<'a> {
        let inbox = self.inbox.id.short();
        baileys::Line {
            prefix: format!("{}/{}/", self.account(), inbox.as_deref().unwrap_or_default()),
            channel_id: inbox,
            account: self.known_account(),
        }
    }

    fn known_account(&self) -> Option<Text<'a>> {
        Some(self.account()).filter(|account| !account.is_empty())
    }
}

fn in_account<'a>(account: &str, id: &Text<'a>) -> Text<'a> {
    if account.is_empty() {
        id.clone()
    } else {
        format!("{account}/{id}").into()
    }
}

/// Chatwoot's number of the delivery, which a repeat has again; the bytes where the sender gives none, as for rules and macros.
fn delivery<'a>(webhook: &Webhook<'_, '_>) -> Text<'a> {
    let number = webhook.header("x-chatwoot-delivery").map(str::to_owned);
    number.unwrap_or_else(|| digest(webhook.body)).into()
}
