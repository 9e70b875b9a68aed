//! Twilio: forms. Messages and their statuses (Twilio, "Twilio's request to your incoming message webhook URL", "Track outbound
//! message status"), Conversations (`EventType=on…`, "Conversations webhooks"), and as JSON what Event Streams send.
//!
//! An address has its network in front (`whatsapp:+5511…`, `messenger:…`, `rcs:…`); a bare number is one of SMS.
//!
//! A form has no time of its own unless `DateCreated` or `DateUpdated` stands in it. The raw part of a form is its bytes.
//! What comes before something happens (`onMessageAdd`) is no event of ours: it asks for permission, and is `unmapped`.

mod address;
mod conversations;
mod streams;

use schemas::data::{
    Answer, Attachment, Conversation, Data, DeliveryStatus, Direction, Message, MessageStatus, Party, PartyKind,
    Quoted, Text, Unmapped,
};
use schemas::time::Timestamp;

use super::filled_in::fields_of_text;
use super::{Adapter, Because, NewEvent, Normalized, Webhook, digest, handshake, location};
use address::{network, party};

pub(super) const ADAPTER: Adapter = Adapter {
    handshake: handshake::none,
    credential: None,
    map,
};

/// How many files a message may have.
const MAX_MEDIA: usize = 10;

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let not_json = match webhook.json() {
        Ok(json) => return Ok(Normalized::Events(streams::events(webhook, json))),
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
            happened: None,
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
                identity: vec!["unmapped".into(), form.digest()],
                time: form.changed().and_then(|moment| Timestamp::parse(&moment)),
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
                // As the network itself knows them.
                alternate_id: self.get("WaId"),
                ..party(from.clone())
            }),
            to: to.clone().map(party),
            kind: Some(kind),
            text: self.get("Body").or_else(|| {
                let [label, address, latitude, longitude] =
                    ["Label", "Address", "Latitude", "Longitude"].map(|name| self.get(name));
                location::in_words([label, address], [latitude, longitude])
            }),
            attachments,
            quoted: self.get("OriginalRepliedMessageSid").map(Quoted::new),
            answer: self.answer(),
            ..Message::default()
        };
        Ok(self.fact(Data::MessageCreated(message), vec!["message".into(), id], to, from))
    }

    /// The button or row that was chosen, or the form that was filled in.
    fn answer(&self) -> Option<Answer<'a>> {
        let values = self
            .first(&["InteractiveData", "FlowData"])
            .as_deref()
            .map(fields_of_text);
        let answer = Answer {
            id: self.first(&["ButtonPayload", "ListId"]),
            title: self.first(&["ButtonText", "ListTitle"]),
            values: values.unwrap_or_default(),
        };
        (answer != Answer::default()).then_some(answer)
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
            channel: network(&customer),
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
