//! Messages, by their sender's kind or else by the name of the event.

use schemas::data::{Attachment, DeliveryStatus, Direction, Message, Party, PartyKind, Text};

use super::Item;
use super::chats::{Chat, channel};
use crate::normalize::json::{Json, object};

object! {
    File { url: Json = "url", name: Json = "name", mime_type: Json = "mimeType", size: Json = "size", }
}

impl<'a> Item<'a> {
    pub(super) fn message(&self, event: &str, chat: &Chat<'a>) -> Option<Message<'a>> {
        let mut conversation = chat.conversation()?;
        if conversation.channel.is_none() {
            conversation.channel = self.network();
        }
        let sender = self.sender_type.text().map(|sender| kind_of(&sender));
        let outbound = match sender {
            Some(PartyKind::Contact) | None => matches!(event, "sentAllMessage" | "sendedAllMessage"),
            Some(_) => true,
        };
        let flags = [self.is_internal, self.is_internal_too];
        let internal = flags.into_iter().find_map(Json::flag) == Some(true);
        let (from, to) = if outbound {
            let kind = sender.filter(|kind| *kind != PartyKind::Contact);
            let by_kind = || kind.map(Party::unnamed);
            let from = self.sender.party(kind.unwrap_or(PartyKind::Agent)).or_else(by_kind);
            (from, self.customer_written_to(chat).filter(|_| !internal))
        } else {
            let receiver = self.receiver_type.text().map(|receiver| kind_of(&receiver));
            let from = self.sender.party(PartyKind::Contact);
            let by_kind = || sender.map(Party::unnamed);
            (
                from.or_else(|| self.customer_of(chat)).or_else(by_kind),
                receiver.map(|kind| self.receiver.party(kind).unwrap_or_else(|| Party::unnamed(kind))),
            )
        };
        Some(Message {
            id: self.id.text()?,
            ticket_id: Some(conversation.id.clone()),
            conversation,
            direction: if outbound {
                Direction::Outbound
            } else {
                Direction::Inbound
            },
            internal,
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
            ..Message::default()
        })
    }

    /// Of agents' own messages to each other the receiver is an agent.
    fn customer_written_to(&self, chat: &Chat<'a>) -> Option<Party<'a>> {
        let receiver = self.receiver_type.text().map(|receiver| kind_of(&receiver));
        let receiver = self
            .receiver
            .party(PartyKind::Contact)
            .filter(|_| receiver.is_none_or(|kind| kind == PartyKind::Contact));
        receiver.or_else(|| self.customer_of(chat))
    }

    /// The network that the customer writes from or is written to, which is what the customer's side is called.
    fn network(&self) -> Option<Text<'a>> {
        let sides = [self.sender_type, self.receiver_type];
        sides
            .into_iter()
            .filter_map(Json::text)
            .find(|side| kind_of(side) == PartyKind::Contact && !matches!(&**side, "contact" | "customer"))
            .map(|side| channel(&side))
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
