//! Conversations: each of them is a ticket with participants, and messages in it have ids of their own.

use schemas::data::{
    Attachment, Conversation, Data, Direction, GroupParticipants, Message, MessageDeletion, MessageStatus, Participant,
    ParticipantsAction, Party, PartyKind, Text, Ticket, TicketStatus,
};
use schemas::time::Timestamp;

use super::{Fact, Fields, Mapped, address, delivery_status, file_kind, number};
use crate::normalize::json::{Json, object, parse};

object! {
    Media {
        sid: Json = "Sid",
        file_name: Json = "Filename",
        mime_type: Json = "ContentType",
        size: Json = "Size",
    }
}

impl<'a> Fields<'a> {
    pub(super) fn conversation(&self, event: &Text<'a>) -> Mapped<'a> {
        let id = self.get("ConversationSid").ok_or("no conversation")?;
        let (data, thing, moment) = match &**event {
            "onMessageAdded" => {
                let message = self.posted(&id).map(Data::MessageCreated);
                (message, self.get("MessageSid"), self.get("DateCreated"))
            }
            "onMessageUpdated" => {
                let message = self.posted(&id).map(Data::MessageUpdated);
                (message, Some(self.digest()), self.changed())
            }
            "onMessageRemoved" => {
                let deletion = MessageDeletion {
                    id: Some(self.get("MessageSid").ok_or("no message id")?),
                    conversation: self.here(&id),
                    ..MessageDeletion::default()
                };
                let moment = self.first(&["DateRemoved", "DateUpdated"]);
                (Ok(Data::MessageDeleted(deletion)), self.get("MessageSid"), moment)
            }
            "onConversationAdded" => {
                let ticket = Data::TicketCreated(self.ticket(&id));
                (Ok(ticket), None, self.get("DateCreated"))
            }
            "onConversationStateUpdated" | "onConversationUpdated" => {
                let ticket = self.ticket(&id);
                let closed = event == "onConversationStateUpdated" && ticket.status == Some(TicketStatus::Closed);
                let data = if closed {
                    Data::TicketClosed(ticket)
                } else {
                    Data::TicketUpdated(ticket)
                };
                (Ok(data), Some(self.digest()), self.changed())
            }
            "onParticipantAdded" => {
                let change = self.participants(&id, ParticipantsAction::Joined);
                (change, self.get("ParticipantSid"), self.get("DateCreated"))
            }
            "onParticipantRemoved" => {
                let change = self.participants(&id, ParticipantsAction::Left);
                (change, self.get("ParticipantSid"), self.changed())
            }
            "onDeliveryUpdated" => (self.delivered(&id), Some(self.digest()), self.changed()),
            _ => return Err("no mapping for this event name"),
        };
        let mut identity = vec![event.clone(), id.clone()];
        identity.extend(thing);
        Ok(Fact {
            data: data?,
            identity,
            moment,
            ordering_key: id.clone().into_owned(),
            about: id,
        })
    }

    fn changed(&self) -> Option<Text<'a>> {
        self.first(&["StateUpdated", "DateUpdated"])
    }

    fn here(&self, id: &Text<'a>) -> Conversation<'a> {
        Conversation {
            id: id.clone(),
            channel_id: self.line(),
            ..Conversation::default()
        }
    }

    fn line(&self) -> Option<Text<'a>> {
        self.first(&["ChatServiceSid", "MessagingServiceSid"])
    }

    fn posted(&self, id: &Text<'a>) -> Result<Message<'a>, &'static str> {
        let author = self.get("Author");
        // What comes over a network is the customer's; what comes by the API or a client of ours is ours.
        let source = self.get("Source");
        let outbound = match source.as_deref() {
            Some("API" | "SDK") => true,
            Some(_) => false,
            None => author.as_deref().is_some_and(|author| number(author).is_none()),
        };
        let kind = match (author.as_deref(), source.as_deref()) {
            (Some("system"), _) => Some(PartyKind::System),
            (_, Some("API")) => Some(PartyKind::Bot),
            _ if outbound => Some(PartyKind::Agent),
            _ => Some(PartyKind::Contact),
        };
        let attachments = self.get("Media").map(|media| files(&media)).unwrap_or_default();
        Ok(Message {
            id: self.get("MessageSid").ok_or("no message id")?,
            conversation: self.here(id),
            direction: if outbound {
                Direction::Outbound
            } else {
                Direction::Inbound
            },
            internal: false,
            from: author.map(|author| Party {
                kind,
                ..address(author)
            }),
            to: None,
            kind: Some(
                attachments
                    .first()
                    .and_then(|file| file.kind.clone())
                    .unwrap_or_else(|| "text".into()),
            ),
            text: self.get("Body"),
            attachments,
            mentions: Vec::new(),
            quoted: None,
            status: None,
            ticket_id: Some(id.clone()),
            ..Message::default()
        })
    }

    fn ticket(&self, id: &Text<'a>) -> Ticket<'a> {
        let status = |names: &[&str]| self.first(names).as_deref().and_then(ticket_status);
        let contact = |id| Party {
            kind: Some(PartyKind::Contact),
            ..address(id)
        };
        Ticket {
            id: id.clone(),
            status: status(&["StateTo", "State"]),
            previous_status: status(&["StateFrom"]),
            protocol: self.get("UniqueName"),
            contact: self.get("MessagingBinding.Address").map(contact),
            channel_id: self.line(),
            opened_at: self.get("DateCreated").and_then(|moment| Timestamp::parse(&moment)),
            ..Ticket::default()
        }
    }

    fn participants(&self, id: &Text<'a>, action: ParticipantsAction) -> Result<Data<'a>, &'static str> {
        let names = ["Identity", "MessagingBinding.Address", "ParticipantSid"];
        let who = self.first(&names).ok_or("no participant")?;
        Ok(Data::GroupParticipantsUpdated(GroupParticipants {
            id: id.clone(),
            action,
            participants: vec![Participant {
                phone: address(who.clone()).phone,
                id: who,
                ..Participant::default()
            }],
            actor: None,
        }))
    }

    fn delivered(&self, id: &Text<'a>) -> Result<Data<'a>, &'static str> {
        let status = self.first(&["Status", "DeliveryStatus"]);
        let status = status.as_deref().and_then(delivery_status);
        Ok(Data::MessageStatus(MessageStatus {
            id: self.get("MessageSid").ok_or("no message id")?,
            conversation: self.here(id),
            status: status.ok_or("no mapping for this status")?,
            recipient: self.get("ParticipantSid").map(|id| Party {
                id: Some(id),
                ..Party::default()
            }),
            at: None,
            error: self.error(),
            external_id: None,
        }))
    }
}

fn ticket_status(word: &str) -> Option<TicketStatus> {
    Some(match word {
        "active" => TicketStatus::Open,
        // Nobody has written for a while.
        "inactive" => TicketStatus::Snoozed,
        "closed" => TicketStatus::Closed,
        _ => return None,
    })
}

/// The member `Media` is a list in JSON. Nothing borrows from it: it is decoded and so is not part of the body.
fn files(media: &str) -> Vec<Attachment<'static>> {
    let Ok((_, json)) = parse(media.as_bytes()) else {
        return Vec::new();
    };
    let owned = |json: Json<'_>| json.text().map(|text| Text::Owned(text.into_owned()));
    let one = |json: Json<'_>| {
        let file: Media<'_> = json.read();
        file.sid.is_there().then(|| Attachment {
            kind: file.mime_type.text().as_deref().map(file_kind),
            url: None,
            mime_type: owned(file.mime_type),
            name: owned(file.file_name),
            size_bytes: file.size.int().and_then(|size| size.try_into().ok()),
        })
    };
    json.elements().filter_map(one).collect()
}
