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
//!
//! Nothing but messages, chats and contacts has a number. What happens to a chat is distinguished by what it is about (the
//! agent, the tag and what became of it, the step, the flow) and the time in the element; a change of a contact, whose times
//! are whole seconds, by what the contact is by then, too. An element without a time is distinguished by all that it says.

mod chats;
mod messages;

use schemas::data::{Data, Text, Ticket, TicketStatus, Unmapped};
use schemas::event::Raw;
use schemas::time::Timestamp;

use self::chats::{Chat, Named, Person};
use super::json::{Json, object};
use super::{Adapter, Because, Forbidden, NewEvent, Normalized, Reply, Webhook, digest, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
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
        // Chats, and what happens to them.
        closed_at: Json = "closedAt",
        agent: Person = "agent",
        agent_id: Json = "agentId",
        action: Json = "action",
        step: Named = "step",
        flow: Named = "flow",
        // Contacts.
        name: Json = "name",
        mobile: Json = "mobile",
        phone: Json = "phone",
        email: Json = "email",
        blocked: Json = "blocked",
    }
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
                Some(false) => Err(Forbidden),
                Some(true) | None => Ok(Reply::Text(token.into_owned())),
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
            unmapped.time = moment(item.updated_at, zone);
            unmapped.account = item.company_id.text();
            unmapped.raw = raw();
            unmapped
        })
    };
    Ok(Normalized::Events(items.into_iter().map(each).collect()))
}

/// What happened, what it is distinguished by, and when.
type Happening<'a> = (Data<'a>, Vec<Text<'a>>, Option<Timestamp>);

impl<'a> Item<'a> {
    fn event(
        &self,
        event: &Text<'a>,
        json: Json<'a>,
        chat: &Chat<'a>,
        zone: i32,
        raw: impl FnOnce() -> Raw<'a>,
    ) -> Result<NewEvent<'a>, Unmapped<'a>> {
        let (data, identity, time) = self.happening(event, json, chat, zone)?;
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
            happened: None,
            ordering_key,
            account: companies.into_iter().find_map(Json::text),
            subject,
            raw: raw(),
        })
    }

    fn happening(
        &self,
        event: &Text<'a>,
        json: Json<'a>,
        chat: &Chat<'a>,
        zone: i32,
    ) -> Result<Happening<'a>, Unmapped<'a>> {
        let at = |json| moment(json, zone);
        let all = || Text::from(digest(json.raw()));
        let version = |moment: Json<'a>| moment.text().unwrap_or_else(all);
        let ticket = || self.ticket(chat, zone).ok_or_else(|| Unmapped::because("no chat"));
        let contact = || self.contact().ok_or_else(|| Unmapped::because("no id"));
        // Events distinguished by a moment are a chat's or a contact's; a message has its own id.
        Ok(match &**event {
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
                let moment = [self.closed_at, self.updated_at].into_iter().find(|at| at.is_there());
                let moment = moment.unwrap_or_default();
                let identity = vec![event.clone(), closed.id.clone(), version(moment)];
                (Data::TicketClosed(closed), identity, at(moment))
            }
            "agentEntered"
            | "agentLeft"
            | "tagUpdated"
            | "updatedWorkflowStep"
            | "startedAutomationFlow"
            | "finishedAutomationFlow" => {
                let ticket = ticket()?;
                let mut identity = vec![event.clone(), ticket.id.clone()];
                // Elements of these events are not documented: one that says neither when nor what is distinguished by
                // all that it says.
                match (self.updated_at.text(), self.what()) {
                    (Some(moment), Some(what)) => identity.extend(what.into_iter().chain([moment])),
                    _ => identity.push(all()),
                }
                let ticket = Ticket {
                    changed: vec![changed(event).into()],
                    ..ticket
                };
                let data = match &**event {
                    "agentEntered" => Data::TicketTransferred(ticket),
                    "agentLeft" => Data::TicketUpdated(Self::left(ticket)),
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
                // Whole seconds: two changes may fall into one.
                let members = [self.name, self.mobile, self.phone, self.email, self.blocked];
                let mut identity = vec![event.clone(), contact.id.clone(), version(self.updated_at)];
                identity.extend(members.into_iter().map(|value| value.text().unwrap_or_default()));
                (Data::ContactUpdated(contact), identity, at(self.updated_at))
            }
            _ => return Err(Unmapped::because("no mapping for this event name")),
        })
    }

    /// What a thing that happened to a chat is about: who came or went, which tag, step or flow, and what became of it.
    /// `None` if the element says nothing of it.
    fn what(&self) -> Option<[Text<'a>; 4]> {
        let agent = self.agent.id.text().or_else(|| self.agent_id.text());
        let what = [
            agent,
            self.step.id.text().or_else(|| self.flow.id.text()),
            self.id.text(),
            self.action.text(),
        ];
        what.iter()
            .any(Option::is_some)
            .then(|| what.map(Option::unwrap_or_default))
    }
}

/// What such an event says has changed.
fn changed(event: &str) -> &'static str {
    match event {
        "tagUpdated" => "tag",
        "updatedWorkflowStep" => "step",
        "startedAutomationFlow" | "finishedAutomationFlow" => "flow",
        _ => "agent",
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
