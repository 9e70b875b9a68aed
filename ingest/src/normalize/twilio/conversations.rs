//! Conversations: each of them is a ticket with participants, and messages in it have ids of their own.

use schemas::data::{
    Attachment, Conversation, Data, Direction, GroupParticipants, Message, MessageDeletion, MessageStatus, Participant,
    ParticipantsAction, Party, PartyKind, Text, Ticket, TicketStatus,
};
use schemas::time::Timestamp;

use super::address::{channel, is_address, network, number, party};
use super::{Fact, Fields, Mapped, delivery_status, file_kind};
use crate::normalize::json::{Json, object, parse};

object! {
    Media {
        sid: Json = "Sid",
        file_name: Json = "Filename",
        mime_type: Json = "ContentType",
        size: Json = "Size",
    }
}

/// What an update of a message may change.
const OF_MESSAGE: &[&str] = &["Body", "Author", "Attributes", "Media", "ModifiedBy"];

/// What an update of a conversation may change.
const OF_CONVERSATION: &[&str] = &[
    "FriendlyName",
    "UniqueName",
    "Attributes",
    "State",
    "MessagingServiceSid",
    "ModifiedBy",
];

impl<'a> Fields<'a> {
    pub(super) fn conversation(&self, event: &Text<'a>) -> Mapped<'a> {
        let id = self.get("ConversationSid").ok_or("no conversation")?;
        let (data, what, moment) = match &**event {
            "onMessageAdded" => {
                let message = self.posted(&id).map(Data::MessageCreated);
                (message, self.parts(&["MessageSid"]), self.get("DateCreated"))
            }
            "onMessageUpdated" => {
                let message = self.posted(&id).map(Data::MessageUpdated);
                let what = [self.parts(&["MessageSid"]), self.parts(OF_MESSAGE)].concat();
                (message, what, self.changed())
            }
            "onMessageRemoved" => {
                let deletion = MessageDeletion {
                    id: Some(self.get("MessageSid").ok_or("no message id")?),
                    external_id: self.get("ChannelMessageSid"),
                    conversation: self.here(&id),
                    by: self.get("RemovedBy").map(party),
                };
                let moment = self.first(&["DateRemoved", "DateUpdated"]);
                (Ok(Data::MessageDeleted(deletion)), self.parts(&["MessageSid"]), moment)
            }
            "onConversationAdded" => {
                let ticket = Data::TicketCreated(self.ticket(&id));
                (Ok(ticket), Vec::new(), self.get("DateCreated"))
            }
            "onConversationStateUpdated" => {
                let ticket = self.ticket(&id);
                let data = if ticket.status == Some(TicketStatus::Closed) {
                    Data::TicketClosed(ticket)
                } else {
                    Data::TicketUpdated(ticket)
                };
                (
                    Ok(data),
                    self.parts(&["StateFrom", "StateTo", "Reason"]),
                    self.changed(),
                )
            }
            "onConversationUpdated" => {
                let ticket = Data::TicketUpdated(self.ticket(&id));
                (Ok(ticket), self.parts(OF_CONVERSATION), self.changed())
            }
            "onParticipantAdded" => {
                let change = self.participants(&id, ParticipantsAction::Joined);
                (change, self.parts(&["ParticipantSid"]), self.get("DateCreated"))
            }
            "onParticipantRemoved" => {
                let change = self.participants(&id, ParticipantsAction::Left);
                (change, self.parts(&["ParticipantSid"]), self.changed())
            }
            "onDeliveryUpdated" => {
                // Each receipt is of one message at one participant, and goes from step to step.
                let what = self.parts(&["MessageSid", "ParticipantSid", "DeliveryReceiptSid"]);
                let step = self.first(&["Status", "DeliveryStatus"]).unwrap_or_default();
                (self.delivered(&id), [what, vec![step]].concat(), self.changed())
            }
            _ => return Err("no mapping for this event name"),
        };
        Ok(Fact {
            data: data?,
            identity: [vec![event.clone(), id.clone()], what].concat(),
            moment,
            ordering_key: id.clone().into_owned(),
            about: id,
        })
    }

    /// These members, in this order; an empty text for one that is absent.
    fn parts(&self, names: &[&str]) -> Vec<Text<'a>> {
        names.iter().map(|name| self.get(name).unwrap_or_default()).collect()
    }

    pub(super) fn changed(&self) -> Option<Text<'a>> {
        self.first(&["StateUpdated", "DateRemoved", "DateUpdated"])
    }

    fn here(&self, id: &Text<'a>) -> Conversation<'a> {
        Conversation {
            id: id.clone(),
            channel: self.channel(),
            channel_id: self.line(),
            ..Conversation::default()
        }
    }

    /// The network that the customer is on, where a participant, a message's source or its author says so.
    fn channel(&self) -> Option<Text<'a>> {
        let source = || self.get("Source").filter(|source| !matches!(&**source, "API" | "SDK"));
        let named = self.get("MessagingBinding.Type").or_else(source);
        if let Some(named) = named {
            return channel(&named);
        }
        let address = self.get("MessagingBinding.Address").or_else(|| self.get("Author"))?;
        is_address(&address).then(|| network(&address)).flatten()
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
            None => author.as_deref().is_some_and(|author| !is_address(author)),
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
            external_id: self.get("ChannelMessageSid"),
            conversation: self.here(id),
            direction: if outbound {
                Direction::Outbound
            } else {
                Direction::Inbound
            },
            from: author.map(|author| Party {
                kind,
                alternate_id: self.get("ParticipantSid"),
                ..party(author)
            }),
            kind: Some(
                attachments
                    .first()
                    .and_then(|file| file.kind.clone())
                    .unwrap_or_else(|| "text".into()),
            ),
            text: self.get("Body"),
            attachments,
            answer: self.answer(),
            ticket_id: Some(id.clone()),
            ..Message::default()
        })
    }

    fn ticket(&self, id: &Text<'a>) -> Ticket<'a> {
        let status = |names: &[&str]| self.first(names).as_deref().and_then(ticket_status);
        let contact = |id| Party {
            kind: Some(PartyKind::Contact),
            ..party(id)
        };
        Ticket {
            id: id.clone(),
            status: status(&["StateTo", "State"]),
            previous_status: status(&["StateFrom"]),
            protocol: self.get("UniqueName"),
            contact: self.get("MessagingBinding.Address").map(contact),
            channel: self.channel(),
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
                phone: number(&who),
                alternate_id: self.get("ParticipantSid").filter(|sid| *sid != who),
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
            external_id: self.get("ChannelMessageSid"),
        }))
    }
}

fn ticket_status(word: &str) -> Option<TicketStatus> {
    Some(match word {
        "active" => TicketStatus::Open,
        // No one has written for a while.
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
