//! Twilio: forms. Messages and their statuses (Twilio, "Twilio's request to your incoming message webhook URL", "Track outbound
//! message status"), Conversations (`EventType=on…`, "Conversations webhooks"), and as JSON what Event Streams send.
//!
//! A form has no time of its own unless `DateCreated` or `DateUpdated` stands in it. The raw part of a form is its bytes.
//! What comes before something happens (`onMessageAdd`) is no event of ours: it asks for permission, and is `unmapped`.

mod conversations;

use schemas::data::{
    Attachment, Conversation, Data, DeliveryStatus, Direction, Foreign, Message, MessageStatus, Party, PartyKind,
    Quoted, Text, Unmapped,
};
use schemas::name::EventType;
use schemas::source::Scheme;
use schemas::time::Timestamp;

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Webhook, digest, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
    preset: || Scheme::Twilio { url: None },
    handshake: handshake::none,
    credential: None,
    map,
};

/// How many files a message may have.
const MAX_MEDIA: usize = 10;

object! {
    /// An event of Event Streams: a `CloudEvent`.
    Streamed {
        kind: Json = "type",
        id: Json = "id",
        source: Json = "source",
        subject: Json = "subject",
        time: Json = "time",
        data: Details = "data",
    }

    Details { snake: Json = "account_sid", camel: Json = "accountSid", pascal: Json = "AccountSid", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let not_json = match webhook.json() {
        Ok(json) => return Ok(Normalized::Events(stream(webhook, json))),
        Err(not_json) => not_json,
    };
    let form = Fields(
        webhook
            .form()
            .members()
            .filter(|(_, value)| !value.is_empty())
            .collect(),
    );
    // The statuses of some networks have an `EventType` too.
    let event = form.get("EventType").filter(|event| event.starts_with("on"));
    let mapped = match &event {
        Some(event) => form.conversation(event),
        None => form.message(),
    };
    let event = match mapped {
        Ok(fact) => NewEvent {
            data: fact.data,
            identity: fact.identity,
            time: fact.moment.and_then(|moment| Timestamp::parse(&moment)),
            ordering_key: fact.ordering_key,
            account: form.get("AccountSid"),
            subject: Some(fact.about),
            raw: webhook.whole(),
        },
        // Nothing of Twilio's is in it.
        Err(_) if event.is_none() && form.get("AccountSid").is_none() => return Err(not_json),
        Err(reason) => {
            let unmapped = webhook.unmapped(Unmapped::because(reason).of(event));
            NewEvent {
                account: form.get("AccountSid"),
                ordering_key: form.whose_order().unwrap_or(unmapped.ordering_key),
                ..unmapped
            }
        }
    };
    Ok(Normalized::Events(vec![event]))
}

/// What a form says.
struct Fact<'a> {
    data: Data<'a>,
    identity: Vec<Text<'a>>,
    moment: Option<Text<'a>>,
    ordering_key: String,
    /// The customer or the conversation.
    about: Text<'a>,
}

type Mapped<'a> = Result<Fact<'a>, &'static str>;

/// The members of a form that have a value, decoded once.
struct Fields<'a>(Vec<(Text<'a>, Text<'a>)>);

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<Text<'a>> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value.clone())
    }

    fn first(&self, names: &[&str]) -> Option<Text<'a>> {
        names.iter().find_map(|name| self.get(name))
    }

    /// What it says, apart from what another attempt says otherwise.
    fn digest(&self) -> Text<'static> {
        let mut members: Vec<_> = self.0.iter().filter(|(name, _)| name != "RetryCount").collect();
        members.sort();
        // A zero byte parts them: it has no place in what Twilio writes.
        let joined: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("{name}\0{value}\0"))
            .collect();
        digest(joined.concat()).into()
    }

    /// A message, or how far one of ours got.
    fn message(&self) -> Mapped<'a> {
        let id = self
            .first(&["MessageSid", "SmsMessageSid", "SmsSid"])
            .ok_or("no message id")?;
        let word = self.first(&["MessageStatus", "SmsStatus"]);
        match word.filter(|word| word != "received" && word != "receiving") {
            Some(word) => self.status(id, word),
            None => self.inbound(id),
        }
    }

    fn inbound(&self, id: Text<'a>) -> Mapped<'a> {
        let from = self.get("From").ok_or("no sender")?;
        let to = self.get("To");
        let attachments: Vec<_> = (0..MAX_MEDIA).map_while(|n| self.attachment(n)).collect();
        let kind = self.get("MessageType").map(|kind| match &*kind {
            "contacts" => "contact".into(),
            _ => kind,
        });
        // What a message is called whose files came with it, and all of SMS, is `text` or nothing.
        let by_content = if self.get("Latitude").is_some() {
            Some("location".into())
        } else {
            attachments.first().and_then(|file| file.kind.clone())
        };
        let kind = match kind {
            Some(kind) if kind != "text" || by_content.is_none() => kind,
            _ => by_content.unwrap_or_else(|| "text".into()),
        };
        let message = Message {
            id: id.clone(),
            conversation: self.chat(from.clone(), to.clone()),
            direction: Direction::Inbound,
            internal: false,
            from: Some(Party {
                kind: Some(PartyKind::Contact),
                name: self.get("ProfileName"),
                ..address(from.clone())
            }),
            to: to.clone().map(address),
            kind: Some(kind),
            text: self.first(&["Body", "Label", "Address"]),
            attachments,
            mentions: Vec::new(),
            quoted: self.get("OriginalRepliedMessageSid").map(Quoted::new),
            status: None,
            ticket_id: None,
            ..Message::default()
        };
        Ok(self.fact(Data::MessageCreated(message), vec!["message".into(), id], to, from))
    }

    fn status(&self, id: Text<'a>, word: Text<'a>) -> Mapped<'a> {
        let to = self.get("To").ok_or("no recipient")?;
        let from = self.get("From");
        let status = MessageStatus {
            id: id.clone(),
            conversation: self.chat(to.clone(), from.clone()),
            status: delivery_status(&word).ok_or("no mapping for this status")?,
            recipient: None,
            at: None,
            error: self.error(),
            external_id: None,
        };
        let identity = vec!["status".into(), id, word];
        Ok(self.fact(Data::MessageStatus(status), identity, from, to))
    }

    fn fact(&self, data: Data<'a>, identity: Vec<Text<'a>>, ours: Option<Text<'a>>, customer: Text<'a>) -> Fact<'a> {
        Fact {
            data,
            identity,
            moment: self.first(&["DateUpdated", "DateCreated"]),
            ordering_key: self.ordering_key(ours, &customer),
            about: customer,
        }
    }

    fn ordering_key(&self, ours: Option<Text<'a>>, customer: &str) -> String {
        match ours.or_else(|| self.get("MessagingServiceSid")) {
            Some(line) => format!("{line}/{customer}"),
            None => customer.to_owned(),
        }
    }

    /// The conversation that it belongs to, as far as that is plain.
    fn whose_order(&self) -> Option<String> {
        if let Some(conversation) = self.get("ConversationSid") {
            return Some(conversation.into_owned());
        }
        self.get("MessageStatus")?;
        Some(self.ordering_key(self.get("From"), &self.get("To")?))
    }

    fn chat(&self, customer: Text<'a>, ours: Option<Text<'a>>) -> Conversation<'a> {
        Conversation {
            id: customer,
            group: Some(false),
            channel_id: ours.or_else(|| self.get("MessagingServiceSid")),
            ..Conversation::default()
        }
    }

    /// In words where Twilio has some, else its number.
    fn error(&self) -> Option<Text<'a>> {
        self.first(&["ErrorMessage", "ChannelStatusMessage", "ErrorCode"])
            .filter(|error| error != "0")
    }

    fn attachment(&self, n: usize) -> Option<Attachment<'a>> {
        let mime_type = self.get(&format!("MediaContentType{n}"));
        Some(Attachment {
            kind: mime_type.as_deref().map(file_kind),
            url: Some(self.get(&format!("MediaUrl{n}"))?),
            mime_type,
            ..Attachment::default()
        })
    }
}

fn file_kind(mime_type: &str) -> Text<'static> {
    match mime_type.split_once('/') {
        Some(("image", _)) => "image".into(),
        Some(("video", _)) => "video".into(),
        Some(("audio", _)) => "audio".into(),
        _ => "document".into(),
    }
}

/// An address is a phone number, perhaps with the network in front: `whatsapp:+5511900000001`.
fn address(id: Text<'_>) -> Party<'_> {
    Party {
        phone: number(&id).map(|number| number.to_owned().into()),
        id: Some(id),
        ..Party::default()
    }
}

fn number(address: &str) -> Option<&str> {
    let number = address.rsplit_once(':').map_or(address, |(_, number)| number);
    let digits = number.strip_prefix('+')?;
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(number)
}

fn delivery_status(word: &str) -> Option<DeliveryStatus> {
    Some(match word {
        "queued" | "accepted" | "scheduled" | "sending" => DeliveryStatus::Pending,
        "sent" => DeliveryStatus::Sent,
        "delivered" => DeliveryStatus::Delivered,
        "read" => DeliveryStatus::Read,
        "undelivered" | "failed" | "canceled" => DeliveryStatus::Failed,
        _ => return None,
    })
}

/// Event Streams: each event under its own name, in the order of what it is about.
fn stream<'a>(webhook: &Webhook<'a, '_>, json: Json<'a>) -> Vec<NewEvent<'a>> {
    let raw = |element| {
        if json.is_object() {
            webhook.whole()
        } else {
            webhook.part(element)
        }
    };
    let one = |element: Json<'a>| {
        let event: Streamed<'a> = element.read();
        let kind = event.kind.text();
        let event_type = kind
            .as_deref()
            .and_then(|kind| EventType::new(format!("twilio.{kind}")).ok());
        let (Some(event_type), Some(id)) = (event_type, event.id.text()) else {
            let reason = Unmapped::because("no type, or no id").of(kind);
            return NewEvent {
                raw: raw(element),
                ..webhook.unmapped_part(reason, element, None)
            };
        };
        let about = event.subject.text().or_else(|| event.source.text());
        // Each product spells it in its own way.
        let Details { snake, camel, pascal } = event.data;
        NewEvent {
            data: Data::Foreign(Foreign::new(event_type)),
            ordering_key: about.as_ref().unwrap_or(&id).clone().into_owned(),
            identity: vec!["event".into(), id],
            time: event.time.time(),
            account: [snake, camel, pascal].into_iter().find_map(Json::text),
            subject: about,
            raw: raw(element),
        }
    };
    json.elements().map(one).collect()
}
