//! Chatwoot and its forks: one event per POST, signed by newer versions.
//!
//! A conversation's id is its number, which is unique per account only; so the account stands in front of it, in ids and in
//! ordering keys (`3/128`). Old versions name no account in conversation events; then the last message's account is taken,
//! and where there is no message either, the number stands alone.
//!
//! The same message may arrive several times, as `message_created` and as a fork's `message_incoming` or `message_outgoing`,
//! over an account webhook and over an inbox: all of them are one event.

use std::time::Duration;

use schemas::data::{
    Attachment, Contact, Conversation, Data, DeliveryStatus, Direction, Message, MessageDeletion, MessageStatus, Party,
    PartyKind, Presence, PresenceOf, Quoted, Text, Ticket, TicketStatus, Unmapped,
};
use schemas::source::{Encoding, Hash, HmacScheme, Scheme, TemplatePart, TimestampHeader};
use schemas::time::Timestamp;

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Webhook, baileys, digest};

pub(super) const ADAPTER: Adapter = Adapter {
    // Old versions do not sign: their sources say `url_secret`.
    preset: || {
        Scheme::Hmac(HmacScheme {
            hash: Hash::Sha256,
            encoding: Encoding::Hex,
            header: "x-chatwoot-signature".to_owned(),
            prefix: "sha256=".to_owned(),
            template: vec![
                TemplatePart::Timestamp,
                TemplatePart::Text(".".to_owned()),
                TemplatePart::Body,
            ],
            timestamp: Some(TimestampHeader {
                header: "x-chatwoot-timestamp".to_owned(),
                tolerance: Duration::from_mins(5),
            }),
        })
    },
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
        inbox: Named = "inbox",
        sender: User = "sender",
        // Conversations.
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
        account: Named = "account",
        account_id: Json = "account_id",
        inbox_id: Json = "inbox_id",
        messages: Json = "messages",
        meta: Meta = "meta",
        group_type: Json = "group_type",
    }

    Named { id: Json = "id", name: Json = "name", }

    Meta { sender: User = "sender", assignee: User = "assignee", assignee_type: Json = "assignee_type", team: Named = "team", }

    User {
        id: Json = "id",
        name: Json = "name",
        phone_number: Json = "phone_number",
        identifier: Json = "identifier",
        kind: Json = "type",
        group_type: Json = "group_type",
    }

    LastMessage {
        id: Json = "id",
        account_id: Json = "account_id",
        updated_at: Json = "updated_at",
        status: Json = "status",
    }

    ContentAttributes {
        deleted: Json = "deleted",
        in_reply_to: Json = "in_reply_to",
        external_error: Json = "external_error",
        is_edited: Json = "is_edited",
    }

    File {
        kind: Json = "file_type",
        url: Json = "data_url",
        size: Json = "file_size",
        name: Json = "file_name",
        mime_type: Json = "content_type",
    }

    Change { previous: Json = "previous_value", current: Json = "current_value", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json.read();
    let Some(event) = body.event.text() else {
        return Err(Unmapped::because("no event name"));
    };
    let mapped = match &*event {
        "message_created" | "message_incoming" | "message_outgoing" => body.message_created(webhook),
        "message_updated" => body.message_updated(webhook),
        "conversation_created"
        | "conversation_updated"
        | "conversation_status_changed"
        | "conversation_opened"
        | "conversation_resolved" => body.conversation(&event, webhook),
        "contact_created" | "contact_updated" => body.contact(&event, webhook),
        "conversation_typing_on" | "conversation_recording" | "conversation_typing_off" => body.typing(&event, webhook),
        "provider_event_received" => {
            return match body.provider_event.text() {
                Some(event) => baileys::events(webhook, event, body.provider_event_data, &body.line()),
                None => Err(Unmapped::because("no provider event name").of(Some(event))),
            };
        }
        _ => return Err(Unmapped::because("no mapping for this event name").of(Some(event))),
    };
    match mapped {
        Some(new) => Ok(Normalized::Events(vec![new])),
        None => Err(Unmapped::because("no id, or no conversation").of(Some(event))),
    }
}

impl<'a> Body<'a> {
    fn message_created(&self, webhook: &Webhook<'a, '_>) -> Option<NewEvent<'a>> {
        let id = self.id.text()?;
        let conversation = self.chat()?;
        Some(NewEvent {
            identity: vec!["message_created".into(), self.account(), id.clone()],
            time: self.created_at.time(),
            ordering_key: conversation.id.clone().into_owned(),
            subject: Some(conversation.id.clone()),
            data: Data::MessageCreated(self.message(id, conversation, None)),
            raw: webhook.whole(),
        })
    }

    /// Chatwoot does not say what changed. Taken back is plain; news of delivery is what our own messages are updated for
    /// once they have left, unless they were edited; the rest is `message.updated`, with the status in it.
    fn message_updated(&self, webhook: &Webhook<'a, '_>) -> Option<NewEvent<'a>> {
        let id = self.id.text()?;
        let conversation = self.chat()?;
        let attributes: ContentAttributes<'a> = self.content_attributes.read();
        let last = self
            .last_message()
            .filter(|last| last.id.text().is_some_and(|last| last == id));
        let status = last.as_ref().and_then(|last| delivery_status(last.status));
        let delivery = match status {
            Some(DeliveryStatus::Pending | DeliveryStatus::Sent) | None => None,
            moved => moved,
        };
        let said = [
            self.content,
            self.content_attributes,
            self.source_id,
            last.as_ref().map(|last| last.status).unwrap_or_default(),
        ];
        let identity = vec![
            "message_updated".into(),
            self.account(),
            id.clone(),
            digest(said.map(Json::raw).join("\n")).into(),
        ];
        let ordering_key = conversation.id.clone().into_owned();
        let subject = Some(conversation.id.clone());
        let data = if attributes.deleted.flag() == Some(true) {
            Data::MessageDeleted(MessageDeletion {
                id: Some(id),
                conversation,
                by: None,
            })
        } else if let (Some(status), Direction::Outbound, false, None | Some("text")) = (
            delivery,
            self.direction(),
            attributes.is_edited.flag() == Some(true),
            self.content_type.text().as_deref(),
        ) {
            Data::MessageStatus(MessageStatus {
                id,
                conversation,
                status,
                recipient: None,
                at: None,
                error: attributes.external_error.text(),
            })
        } else {
            Data::MessageUpdated(self.message(id, conversation, status))
        };
        Some(NewEvent {
            data,
            identity,
            time: last.and_then(|last| last.updated_at.time()),
            ordering_key,
            subject,
            raw: webhook.whole(),
        })
    }

    fn message(&self, id: Text<'a>, conversation: Conversation<'a>, status: Option<DeliveryStatus>) -> Message<'a> {
        let attributes: ContentAttributes<'a> = self.content_attributes.read();
        let direction = self.direction();
        let attachments: Vec<_> = self.attachments.elements().map(attachment).collect();
        let kind = match (self.content_type.text(), attachments.first()) {
            (None, None) => None,
            (Some(kind), None) => Some(kind),
            (_, Some(first)) if self.content.text().is_none() => first.kind.clone(),
            (kind, Some(_)) => kind,
        };
        Message {
            id,
            direction,
            internal: self.private.flag() == Some(true),
            from: self.sender.party(match direction {
                Direction::Inbound => Some(PartyKind::Contact),
                Direction::Outbound => None,
            }),
            to: match direction {
                Direction::Inbound => None,
                Direction::Outbound => self.conversation.meta.sender.party(Some(PartyKind::Contact)),
            },
            kind,
            text: self.content.text(),
            attachments,
            mentions: Vec::new(),
            quoted: attributes.in_reply_to.text().map(|id| Quoted { id, text: None }),
            status,
            ticket_id: Some(conversation.id.clone()),
            conversation,
        }
    }

    /// `template` messages are ours too: greetings, surveys, campaigns. In lists the types are numbers.
    fn direction(&self) -> Direction {
        match self.message_type.text().as_deref() {
            Some("incoming" | "0") => Direction::Inbound,
            _ => Direction::Outbound,
        }
    }

    fn chat(&self) -> Option<Conversation<'a>> {
        let chat = &self.conversation;
        Some(Conversation {
            id: in_account(&self.account(), &chat.id.text()?),
            group: is_group(
                [chat.group_type, chat.meta.sender.group_type],
                chat.meta.sender.identifier,
            ),
            channel_id: self.inbox.id.text().or_else(|| chat.inbox_id.text()),
        })
    }

    /// The account's id, empty if no version of it is there.
    fn account(&self) -> Text<'a> {
        let known = [
            self.account.id,
            self.conversation.account.id,
            self.conversation.account_id,
        ];
        let last = || self.last_message().and_then(|last| last.account_id.text());
        known.into_iter().find_map(Json::text).or_else(last).unwrap_or_default()
    }

    fn last_message(&self) -> Option<LastMessage<'a>> {
        let messages = if self.messages.is_there() {
            self.messages
        } else {
            self.conversation.messages
        };
        messages.elements().last().map(Json::read)
    }

    fn conversation(&self, event: &Text<'a>, webhook: &Webhook<'a, '_>) -> Option<NewEvent<'a>> {
        let number = self.id.text()?;
        let account = self.account();
        let id = in_account(&account, &number);
        let changes: Vec<(Text<'a>, Change<'a>)> = self
            .changed_attributes
            .elements()
            .flat_map(Json::members)
            .map(|(name, change)| (name, change.read()))
            .collect();
        let previous_status = changes
            .iter()
            .find(|(name, _)| name == "status")
            .and_then(|(_, change)| ticket_status(change.previous));
        let handed_over = changes
            .iter()
            .any(|(name, _)| matches!(&**name, "assignee_id" | "team_id" | "assignee_agent_bot_id"));
        let status = ticket_status(self.status);
        let ticket = Ticket {
            id: id.clone(),
            status,
            previous_status,
            contact: self.meta.sender.party(Some(PartyKind::Contact)),
            assignee: self
                .meta
                .assignee
                .party(match self.meta.assignee_type.text().as_deref() {
                    Some("AgentBot") => Some(PartyKind::Bot),
                    _ => Some(PartyKind::Agent),
                }),
            team: self.meta.team.name.text().or_else(|| self.meta.team.id.text()),
            channel_id: self.inbox_id.text(),
            priority: self.priority.text(),
            labels: self.labels.elements().filter_map(Json::text).collect(),
            changed: changes.into_iter().map(|(name, _)| name).collect(),
            opened_at: self.created_at.time(),
            ..Ticket::default()
        };
        let closed = status == Some(TicketStatus::Closed);
        let reopened = status == Some(TicketStatus::Open) && previous_status == Some(TicketStatus::Closed);
        let data = match &**event {
            "conversation_created" => Data::TicketCreated(ticket),
            "conversation_updated" if handed_over => Data::TicketTransferred(ticket),
            "conversation_updated" => Data::TicketUpdated(ticket),
            "conversation_resolved" => Data::TicketClosed(ticket),
            _ if closed => Data::TicketClosed(ticket),
            _ if reopened => Data::TicketReopened(ticket),
            _ => Data::TicketUpdated(ticket),
        };
        let version = self.updated_at.text().unwrap_or_else(|| digest(webhook.body).into());
        Some(NewEvent {
            data,
            identity: vec![event.clone(), account, number, version],
            time: self.updated_at.time(),
            ordering_key: id.clone().into_owned(),
            subject: Some(id),
            raw: webhook.whole(),
        })
    }

    fn contact(&self, event: &Text<'a>, webhook: &Webhook<'a, '_>) -> Option<NewEvent<'a>> {
        let id = self.id.text()?;
        let account = self.account();
        let changes: Vec<_> = self.changed_attributes.elements().flat_map(Json::members).collect();
        let updated_at: Option<Timestamp> = changes
            .iter()
            .find(|(name, _)| name == "updated_at")
            .and_then(|(_, change)| change.read::<Change<'a>>().current.time());
        let contact = Contact {
            id: id.clone(),
            name: self.name.text(),
            phone: self.phone_number.text(),
            email: self.email.text(),
            identifier: self.identifier.text(),
            channel_id: None,
            group: is_group([self.group_type, Json::default()], self.identifier),
            blocked: self.blocked.flag(),
            changed: changes.into_iter().map(|(name, _)| name).collect(),
        };
        let created = event == "contact_created";
        Some(NewEvent {
            data: if created {
                Data::ContactCreated(contact)
            } else {
                Data::ContactUpdated(contact)
            },
            identity: vec![event.clone(), account.clone(), id.clone(), digest(webhook.body).into()],
            time: updated_at,
            ordering_key: in_account(&account, &format!("contact/{id}").into()).into_owned(),
            subject: Some(id),
            raw: webhook.whole(),
        })
    }

    fn typing(&self, event: &Text<'a>, webhook: &Webhook<'a, '_>) -> Option<NewEvent<'a>> {
        let number = self.conversation.id.text()?;
        let account = self.account();
        let conversation = self.chat()?;
        // Nobody numbers or dates these; without the delivery's id, equal ones cannot be told apart.
        let delivery = webhook.header("x-chatwoot-delivery").map(str::to_owned);
        let delivery = delivery.unwrap_or_else(|| digest(webhook.body));
        let state = match &**event {
            "conversation_typing_on" => "typing",
            "conversation_recording" => "recording",
            _ => "paused",
        };
        Some(NewEvent {
            identity: vec![event.clone(), account, number, delivery.into()],
            time: None,
            ordering_key: conversation.id.clone().into_owned(),
            subject: Some(conversation.id.clone()),
            data: Data::PresenceUpdated(Presence {
                conversation,
                parties: vec![PresenceOf {
                    id: self.user.id.text()?,
                    state: state.into(),
                }],
            }),
            raw: webhook.whole(),
        })
    }

    /// The line that a provider's event came over.
    fn line(&self) -> baileys::Line<'a> {
        let inbox = self.inbox.id.text();
        baileys::Line {
            prefix: format!("{}/{}/", self.account(), inbox.as_deref().unwrap_or_default()),
            channel_id: inbox,
        }
    }
}

impl<'a> User<'a> {
    /// Agents say `"type": "user"`, bots `"type": "agent_bot"`, contacts nothing or `"contact"`.
    fn party(&self, otherwise: Option<PartyKind>) -> Option<Party<'a>> {
        let kind = match self.kind.text().as_deref() {
            Some("user") => Some(PartyKind::Agent),
            Some("contact") => Some(PartyKind::Contact),
            Some("agent_bot" | "captain_assistant") => Some(PartyKind::Bot),
            _ => otherwise,
        };
        Some(Party {
            id: self.id.text()?,
            kind,
            name: self.name.text(),
            phone: self.phone_number.text(),
        })
    }
}

fn in_account<'a>(account: &str, id: &Text<'a>) -> Text<'a> {
    if account.is_empty() {
        id.clone()
    } else {
        format!("{account}/{id}").into()
    }
}

/// The fork says so; otherwise a WhatsApp group can be told by the contact's identifier.
fn is_group(group_types: [Json<'_>; 2], identifier: Json<'_>) -> Option<bool> {
    let told = group_types.into_iter().find_map(Json::text).map(|kind| kind == "group");
    let identifier = identifier.text();
    told.or_else(|| identifier.is_some_and(|id| id.ends_with("@g.us")).then_some(true))
}

fn delivery_status(status: Json<'_>) -> Option<DeliveryStatus> {
    Some(match &*status.text()? {
        "progress" => DeliveryStatus::Pending,
        "sent" | "0" => DeliveryStatus::Sent,
        "delivered" | "1" => DeliveryStatus::Delivered,
        "read" | "2" => DeliveryStatus::Read,
        "failed" | "3" => DeliveryStatus::Failed,
        _ => return None,
    })
}

fn ticket_status(status: Json<'_>) -> Option<TicketStatus> {
    Some(match &*status.text()? {
        "open" | "0" => TicketStatus::Open,
        "resolved" | "1" => TicketStatus::Closed,
        "pending" | "2" => TicketStatus::Pending,
        "snoozed" | "3" => TicketStatus::Snoozed,
        _ => return None,
    })
}

fn attachment(json: Json<'_>) -> Attachment<'_> {
    let file: File<'_> = json.read();
    Attachment {
        kind: file.kind.text(),
        url: file.url.text(),
        mime_type: file.mime_type.text(),
        name: file.name.text(),
        size_bytes: file.size.int().and_then(|size| size.try_into().ok()),
    }
}
