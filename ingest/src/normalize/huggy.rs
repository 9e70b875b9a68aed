//! Huggy: `{"messages": {"<event>": [{…}]}}`, as its developers' pages and public consumers show it.
//!
//! Consumers read one event and its first element; Huggy's pages say that an event may bring others of its chain along. So
//! every element of every event is taken. What the elements look like is written nowhere, but consumers and the objects of
//! the API (v3) agree. A chat is a ticket and a conversation at once. An element about a chat is the chat itself, or has it
//! in `chat`.
//!
//! Times are local, without a zone: `2026-03-10 10:36:50`. They are read as São Paulo's, which has been three hours behind
//! UTC, summer and winter, since 2019, unless the source says another offset; `raw` keeps what was sent.
//!
//! A message arrives as `receivedMessage` while no agent has the chat, and as `receivedAllMessage` always: with both chosen
//! it comes twice, and is one event. Nothing in a body says whose company it is but the `companyID` of some objects.

use schemas::data::{
    Attachment, Contact, Conversation, Data, DeliveryStatus, Direction, Message, Party, PartyKind, Text, Ticket,
    TicketStatus, Unmapped,
};
use schemas::event::Raw;
use schemas::source::Scheme;
use schemas::time::Timestamp;

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Reply, Webhook, digest, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
    // Huggy signs nothing: its token is shown once, when the address is saved.
    preset: || Scheme::UrlSecret,
    // By POST: see `map`.
    handshake: handshake::none,
    // Consumers have looked for it beside `messages` too.
    credential: Some("token"),
    map,
};

object! {
    Body { messages: Json = "messages", token: Json = "token", valid_token: Json = "validToken", }

    /// A message, a chat or a contact.
    Item {
        id: Json = "id",
        created_at: Json = "createdAt",
        updated_at: Json = "updatedAt",
        chat: Json = "chat",
        customer: Person = "customer",
        company_id: Json = "companyID",
        // Messages: some spellings are the webhook's, some the API's.
        body: Json = "body",
        text: Json = "text",
        kind: Json = "type",
        is_internal: Json = "is_internal",
        is_internal_too: Json = "isInternal",
        sender: Person = "sender",
        sender_type: Json = "senderType",
        receiver: Person = "receiver",
        receiver_type: Json = "receiverType",
        file: Json = "file",
        send_at: Json = "sendAt",
        read_at: Json = "readAt",
        // Chats.
        closed_at: Json = "closedAt",
        agent: Person = "agent",
        agent_id: Json = "agentId",
        // Contacts.
        name: Json = "name",
        mobile: Json = "mobile",
        phone: Json = "phone",
        email: Json = "email",
        blocked: Json = "blocked",
    }

    Chat {
        id: Json = "id",
        situation: Json = "situation",
        entrypoint: Json = "entrypoint",
        channel: Json = "channel",
        // `false` when there is none.
        department: Named = "department",
        department_too: Named = "chatDepartment",
        department_id: Json = "departmentId",
        customer: Person = "customer",
        customer_too: Person = "chatCustomer",
        created_at: Json = "createdAt",
    }

    Named { id: Json = "id", name: Json = "name", }

    Person { id: Json = "id", name: Json = "name", mobile: Json = "mobile", phone: Json = "phone", company_id: Json = "companyID", }

    File { url: Json = "url", name: Json = "name", mime_type: Json = "mimeType", size: Json = "size", }
}

/// How long the name of an event may be, bytes: each item of its list repeats it.
const MAX_NAME: usize = 256;

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    if !body.messages.is_there() {
        let (Some(token), Some(true)) = (body.token.text(), body.valid_token.flag()) else {
            return Err(Unmapped::because("no `messages`"));
        };
        return Ok(Normalized::Reply(
            match handshake::is_verify_token(webhook.source, &token) {
                Some(false) => Reply::Forbidden,
                Some(true) | None => Reply::Text(token.into_owned()),
            },
        ));
    }
    let items: Vec<(Text<'a>, Json<'a>)> = body
        .messages
        .elements()
        .flat_map(Json::members)
        .map(|(event, items)| {
            (
                if event.len() > MAX_NAME {
                    "a name that is too long".into()
                } else {
                    event
                },
                items,
            )
        })
        .flat_map(|(event, items)| items.elements().map(move |item| (event.clone(), item)))
        .collect();
    let alone = items.len() == 1;
    let zone = webhook.source.utc_offset_minutes.unwrap_or(SAO_PAULO);
    let each = |(event, json): (Text<'a>, Json<'a>)| {
        let item: Item<'a> = json.read();
        let chat = item.chat_of(&event, json);
        let raw = || if alone { webhook.whole() } else { webhook.part(json) };
        item.event(&event, json, &chat, zone, raw).unwrap_or_else(|reason| {
            let mut unmapped = webhook.unmapped_part(reason.of(Some(event.clone())), json, chat.key());
            unmapped.identity.push(event);
            unmapped.raw = raw();
            unmapped
        })
    };
    Ok(Normalized::Events(items.into_iter().map(each).collect()))
}

impl<'a> Item<'a> {
    fn event(
        &self,
        event: &Text<'a>,
        json: Json<'a>,
        chat: &Chat<'a>,
        zone: i32,
        raw: impl FnOnce() -> Raw<'a>,
    ) -> Result<NewEvent<'a>, Unmapped<'a>> {
        let at = |json| moment(json, zone);
        let version = |moment: Json<'a>| moment.text().unwrap_or_else(|| digest(json.raw()).into());
        let ticket = || self.ticket(chat, zone).ok_or_else(|| Unmapped::because("no chat"));
        let contact = || self.contact().ok_or_else(|| Unmapped::because("no id"));
        // Events told apart by a moment are a chat's or a contact's; a message has its own id.
        let (data, identity, time) = match &**event {
            "receivedMessage" | "receivedAllMessage" | "sentAllMessage" | "sendedAllMessage" => {
                let message = self
                    .message(event, chat)
                    .ok_or_else(|| Unmapped::because("no id, or no chat"))?;
                let identity = vec!["message".into(), message.id.clone()];
                let time = at(self.send_at).or_else(|| at(self.created_at));
                (Data::MessageCreated(message), identity, time)
            }
            // The second is the first's old name.
            "startedChat" | "createdChat" => {
                let ticket = ticket()?;
                let identity = vec!["startedChat".into(), ticket.id.clone(), version(self.created_at)];
                (Data::TicketCreated(ticket), identity, at(self.created_at))
            }
            "closedChat" => {
                let closed = Ticket {
                    status: Some(TicketStatus::Closed),
                    ..ticket()?
                };
                let identity = vec![event.clone(), closed.id.clone(), version(self.closed_at)];
                (Data::TicketClosed(closed), identity, at(self.closed_at))
            }
            "agentEntered"
            | "agentLeft"
            | "tagUpdated"
            | "updatedWorkflowStep"
            | "startedAutomationFlow"
            | "finishedAutomationFlow" => {
                let ticket = ticket()?;
                // What such an element says beside the chat is not documented: all of it tells it apart.
                let identity = vec![event.clone(), ticket.id.clone(), digest(json.raw()).into()];
                let data = match &**event {
                    "agentEntered" => Data::TicketTransferred(ticket),
                    _ => Data::TicketUpdated(ticket),
                };
                (data, identity, at(self.updated_at))
            }
            "createdCustomer" => {
                let contact = contact()?;
                let identity = vec![event.clone(), contact.id.clone()];
                (Data::ContactCreated(contact), identity, at(self.created_at))
            }
            "updatedCustomer" => {
                let contact = contact()?;
                let identity = vec![event.clone(), contact.id.clone(), version(self.updated_at)];
                (Data::ContactUpdated(contact), identity, at(self.updated_at))
            }
            _ => return Err(Unmapped::because("no mapping for this event name")),
        };
        let (ordering_key, subject) = match &data {
            Data::ContactCreated(contact) | Data::ContactUpdated(contact) => {
                (format!("contact/{}", contact.id), Some(contact.id.clone()))
            }
            _ => (chat.key().unwrap_or_default(), chat.id.text()),
        };
        let companies = [
            self.company_id,
            self.customer.company_id,
            chat.customer.company_id,
            self.sender.company_id,
        ];
        Ok(NewEvent {
            data,
            identity,
            time,
            ordering_key,
            account: companies.into_iter().find_map(Json::text),
            subject,
            raw: raw(),
        })
    }

    /// The chat that it is about. Where there is no `chat`, elements of the events about chats are the chat; of the others
    /// nobody knows.
    fn chat_of(&self, event: &str, json: Json<'a>) -> Chat<'a> {
        if self.chat.is_there() {
            let chat: Chat<'a> = self.chat.read();
            return if chat.id.is_there() {
                chat
            } else {
                Chat { id: self.chat, ..chat }
            };
        }
        match event {
            "startedChat" | "createdChat" | "closedChat" | "agentEntered" | "agentLeft" => json.read(),
            _ => Chat::default(),
        }
    }

    fn message(&self, event: &str, chat: &Chat<'a>) -> Option<Message<'a>> {
        let chat_id = chat.id.text()?;
        let sender = self.sender_type.text().map(|sender| kind_of(&sender));
        let outbound = match sender {
            Some(PartyKind::Contact) | None => matches!(event, "sentAllMessage" | "sendedAllMessage"),
            Some(_) => true,
        };
        let customer = || {
            let customers = [&self.customer, &chat.customer, &chat.customer_too];
            customers
                .into_iter()
                .find_map(|person| person.party(PartyKind::Contact))
        };
        let (from, to) = if outbound {
            let sender = sender.filter(|kind| *kind != PartyKind::Contact);
            let to = self.receiver.party(PartyKind::Contact).or_else(customer);
            (self.sender.party(sender.unwrap_or(PartyKind::Agent)), to)
        } else {
            let receiver = self.receiver_type.text().map(|receiver| kind_of(&receiver));
            let from = self.sender.party(PartyKind::Contact).or_else(customer);
            (from, receiver.and_then(|kind| self.receiver.party(kind)))
        };
        let internal = [self.is_internal, self.is_internal_too]
            .into_iter()
            .find_map(Json::flag);
        Some(Message {
            id: self.id.text()?,
            conversation: Conversation {
                id: chat_id.clone(),
                channel_id: chat.channel_id(),
                ..Conversation::default()
            },
            direction: if outbound {
                Direction::Outbound
            } else {
                Direction::Inbound
            },
            internal: internal == Some(true),
            from,
            to,
            kind: self.kind.text().map(|kind| match &*kind {
                // "Agent so-and-so defined department so-and-so."
                "internalEvent" => "system".into(),
                "templateMessage" => "template".into(),
                _ => kind,
            }),
            text: self.body.text().or_else(|| self.text.text()),
            attachments: self.file.elements().filter_map(|file| self.attachment(file)).collect(),
            status: (outbound && self.read_at.is_there()).then_some(DeliveryStatus::Read),
            ticket_id: Some(chat_id),
            ..Message::default()
        })
    }

    /// A file's address, which is good for ten minutes; perhaps in an object.
    fn attachment(&self, json: Json<'a>) -> Option<Attachment<'a>> {
        let file: File<'a> = json.read();
        let attachment = Attachment {
            kind: self.kind.text().filter(|kind| kind != "text"),
            url: json.text().or_else(|| file.url.text()),
            mime_type: file.mime_type.text(),
            name: file.name.text(),
            size_bytes: file.size.int().and_then(|size| size.try_into().ok()),
        };
        attachment.url.is_some().then_some(attachment)
    }

    fn ticket(&self, chat: &Chat<'a>, zone: i32) -> Option<Ticket<'a>> {
        let agent_id = || {
            self.agent_id.text().map(|id| Party {
                id: Some(id),
                kind: Some(PartyKind::Agent),
                ..Party::default()
            })
        };
        let customers = [&self.customer, &chat.customer, &chat.customer_too];
        let departments = [&chat.department, &chat.department_too];
        let department = departments
            .into_iter()
            .find_map(|department| department.name.text().or_else(|| department.id.text()));
        Some(Ticket {
            id: chat.id.text()?,
            status: chat.status(),
            contact: customers
                .into_iter()
                .find_map(|person| person.party(PartyKind::Contact)),
            assignee: self.agent.party(PartyKind::Agent).or_else(agent_id),
            department: department.or_else(|| chat.department_id.text()),
            channel_id: chat.channel_id(),
            opened_at: moment(chat.created_at, zone),
            ..Ticket::default()
        })
    }

    fn contact(&self) -> Option<Contact<'a>> {
        Some(Contact {
            id: self.id.text()?,
            name: self.name.text(),
            phone: self.mobile.text().or_else(|| self.phone.text()),
            email: self.email.text(),
            blocked: self.blocked.flag(),
            ..Contact::default()
        })
    }
}

impl<'a> Chat<'a> {
    fn key(&self) -> Option<String> {
        self.id.text().map(Text::into_owned)
    }

    /// What of its line a chat names: `whatsapp-enterprise`, `widget`, `email`, …
    fn channel_id(&self) -> Option<Text<'a>> {
        self.entrypoint.text().or_else(|| self.channel.text())
    }

    /// The others are `finishing` (a survey is out), `filed` and `blocked`.
    fn status(&self) -> Option<TicketStatus> {
        match &*self.situation.text()? {
            "in_chat" => Some(TicketStatus::Open),
            "auto" | "wait_for_chat" => Some(TicketStatus::Pending),
            _ => None,
        }
    }
}

impl<'a> Person<'a> {
    fn party(&self, kind: PartyKind) -> Option<Party<'a>> {
        Some(Party {
            id: Some(self.id.text()?),
            kind: Some(kind),
            name: self.name.text(),
            phone: self.mobile.text().or_else(|| self.phone.text()),
            ..Party::default()
        })
    }
}

/// Who writes: an agent, a program, the platform; all other words are channels that customers come over.
fn kind_of(sender_type: &str) -> PartyKind {
    match sender_type {
        "agent" => PartyKind::Agent,
        "bot" | "ura" | "ivr" | "flow" => PartyKind::Bot,
        "system" => PartyKind::System,
        _ => PartyKind::Contact,
    }
}

/// Where Huggy's customers are, minutes east of UTC; Brazil has had no summer time since 2019.
const SAO_PAULO: i32 = -180;

/// A moment, or a local time in that zone.
fn moment(json: Json<'_>, zone: i32) -> Option<Timestamp> {
    json.time().or_else(|| {
        let text = json.text()?;
        let (date, time) = text.trim().split_once([' ', 'T'])?;
        let local = Timestamp::parse(&format!("{date}T{time}Z"))?;
        Timestamp::from_millis(local.millis() - i64::from(zone) * 60_000)
    })
}

#[cfg(test)]
mod tests {
    use super::super::json::parse;
    use super::*;

    #[test]
    fn a_time_without_a_zone_is_sao_paulos_and_one_with_a_zone_is_what_it_says() {
        for (sent, expected) in [
            ("\"2026-03-10 10:36:50\"", Some("2026-03-10T13:36:50.000Z")),
            ("\"2026-01-10T10:36:50\"", Some("2026-01-10T13:36:50.000Z")),
            ("\"2026-03-10T10:36:50Z\"", Some("2026-03-10T10:36:50.000Z")),
            ("1773149810", Some("2026-03-10T13:36:50.000Z")),
            ("\"0000-00-00 00:00:00\"", None),
            ("\"2026-03-10\"", None),
            ("\"10/03/2026 10:36:50\"", None),
            ("false", None),
            ("null", None),
        ] {
            let (_, json) = parse(sent.as_bytes()).expect("JSON");
            assert_eq!(
                moment(json, SAO_PAULO).map(|time| time.to_string()).as_deref(),
                expected,
                "{sent}"
            );
        }
    }
}
