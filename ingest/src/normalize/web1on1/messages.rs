//! Messages: what is said in a conversation, and what commands do to it.

use schemas::data::{
    Answer, Attachment, Clearable, Conversation, Data, DeliveryStatus, Direction, Message, MessageDeletion,
    MessageStatus, Party, PartyKind, Text, Ticket,
};

use super::resources::{channel, customer, ticket};
use super::{About, Body, Fault, Meta, Participant, Said, kind_of};
use crate::normalize::cleared::settled;
use crate::normalize::json::{Json, object};

object! {
    /// One of the things that a card shows.
    Shown { title: Json = "title", media_url: Json = "mediaUrl", }
}

impl<'a> About<'a> {
    /// A new message; or what a command does to the ticket.
    pub(super) fn created(&self) -> Option<Data<'a>> {
        let said = &self.resources.message;
        if said.kind.text().is_none_or(|kind| kind != "command") {
            return self.message().map(Data::MessageCreated);
        }
        said.id.text()?;
        let ticket = ticket(&self.conversation)?;
        let text = said.text.text().unwrap_or_default();
        match text.split_whitespace().next() {
            Some("/assign") => {
                let ticket = match said.meta.users.elements().find_map(Json::text) {
                    Some(id) => Ticket {
                        assignee: Some(Party::new(id, PartyKind::Agent)),
                        cleared: settled(ticket.cleared, Clearable::Assignee, false),
                        ..ticket
                    },
                    None => ticket,
                };
                Some(Data::TicketTransferred(ticket))
            }
            Some("/notify") => Some(Data::TicketTransferred(Ticket {
                team: said.meta.channels.elements().find_map(Json::text),
                ..ticket
            })),
            _ => Some(Data::TicketUpdated(ticket)),
        }
    }

    pub(super) fn message(&self) -> Option<Message<'a>> {
        let said = &self.resources.message;
        let internal = said.is_backchannel.flag() == Some(true);
        let outbound = match said.role.text().as_deref() {
            Some("contact") => false,
            Some(_) => true,
            None => self
                .participant()
                .is_some_and(|who| who.role.text().is_some_and(|role| role != "contact")),
        };
        let attachment = said.attachment();
        let of_file = attachment.as_ref().and_then(|file| file.kind.clone());
        let kind = said.kind.text().map(|kind| match &*kind {
            "chat" => of_file.unwrap_or("text".into()),
            // What Web1on1 itself writes into a conversation.
            "status" => "system".into(),
            _ => kind,
        });
        Some(Message {
            id: said.id.text()?,
            conversation: self.place()?,
            direction: if outbound {
                Direction::Outbound
            } else {
                Direction::Inbound
            },
            internal,
            from: if outbound {
                self.author()
            } else {
                self.contact().or_else(|| self.author())
            },
            to: if outbound && !internal { self.contact() } else { None },
            kind,
            text: said.words().filter(|_| attachment.is_none()),
            answer: said.answer(),
            attachments: attachment.into_iter().chain(said.pictures()).collect(),
            mentions: said.meta.mentioned(),
            ticket_id: self.conversation.id.text(),
            ..Message::default()
        })
    }

    fn place(&self) -> Option<Conversation<'a>> {
        let touchpoints = [self.resources.message.touchpoint, self.conversation.touchpoint];
        Some(Conversation {
            id: self.conversation.id.text()?,
            // The others are conversations of a team.
            group: self.conversation.kind.text().map(|kind| kind != "contact"),
            channel: touchpoints.into_iter().find_map(channel),
            ..Conversation::default()
        })
    }

    /// The customer; in a team's conversation there is none.
    fn contact(&self) -> Option<Party<'a>> {
        customer(&self.conversation, self.resources.contact)
    }

    fn participant(&self) -> Option<Participant<'a>> {
        let user = self.resources.message.user.text()?;
        let mut participants = self
            .conversation
            .participants
            .elements()
            .map(Json::read::<Participant<'a>>);
        participants.find(|participant| participant.user.text().is_some_and(|id| id == user))
    }

    /// Who wrote it, as the user that they are; what they are, if no more is given.
    fn author(&self) -> Option<Party<'a>> {
        let said = &self.resources.message;
        let participant = self.participant().unwrap_or_default();
        let role = said.role.text().or_else(|| participant.role.text());
        let (id, kind) = (said.user.text(), role.as_deref().and_then(kind_of));
        if id.is_none() && kind.is_none() {
            return None;
        }
        Some(Party {
            id,
            kind,
            // The role of a message may be another than its writer's, whose name the participants have.
            name: participant.name.text(),
            ..Party::default()
        })
    }

    pub(super) fn deletion(&self, body: &Body<'a>) -> Option<MessageDeletion<'a>> {
        Some(MessageDeletion {
            id: Some(self.resources.message.id.text()?),
            conversation: self.place()?,
            by: body.activity.actor.id.text().map(|id| Party {
                id: Some(last_segment(id)),
                ..Party::default()
            }),
            ..MessageDeletion::default()
        })
    }

    pub(super) fn failure(&self) -> Option<MessageStatus<'a>> {
        let reasons = [self.resources.message.error, self.resources.error];
        let reason = |json: Json<'a>| json.text().or_else(|| json.read::<Fault<'a>>().message.text());
        Some(MessageStatus {
            id: self.resources.message.id.text()?,
            conversation: self.place()?,
            status: DeliveryStatus::Failed,
            recipient: None,
            at: None,
            error: reasons.into_iter().find_map(reason),
            external_id: None,
        })
    }
}

impl<'a> Said<'a> {
    /// The text, or else the titles of what it shows.
    fn words(&self) -> Option<Text<'a>> {
        self.text.text().or_else(|| {
            let titles: Vec<Text<'a>> = self.items().filter_map(|item| item.title.text()).collect();
            (!titles.is_empty()).then(|| titles.join("\n").into())
        })
    }

    fn pictures(&self) -> impl Iterator<Item = Attachment<'a>> {
        self.items().filter_map(|item| {
            Some(Attachment {
                url: Some(item.media_url.text()?),
                ..Attachment::default()
            })
        })
    }

    fn items(&self) -> impl Iterator<Item = Shown<'a>> + use<'a> {
        self.items.elements().map(Json::read)
    }

    /// The button that was pressed, or the field of a form that was filled in: `.model T`.
    fn answer(&self) -> Option<Answer<'a>> {
        let kind = self.kind.text();
        let payload = self.meta.payload.text();
        if kind.as_deref() == Some("field") {
            let text = self.text.text()?;
            let (field, value) = text.strip_prefix('.')?.split_once(' ')?;
            return Some(Answer {
                values: [(field.to_owned().into(), value.trim().to_owned().into())].into(),
                ..Answer::default()
            });
        }
        (payload.is_some() || kind.as_deref() == Some("postback")).then(|| Answer {
            id: payload,
            title: self.text.text(),
            ..Answer::default()
        })
    }

    /// A message whose content is no text has the file's address as its text.
    fn attachment(&self) -> Option<Attachment<'a>> {
        let mime_type = self.content_type.text().filter(|mime| !mime.starts_with("text/"))?;
        let kind = match mime_type.split('/').next() {
            Some("image") => "image",
            Some("video") => "video",
            Some("audio") => "audio",
            _ => "document",
        };
        Some(Attachment {
            kind: Some(kind.into()),
            url: Some(self.text.text().filter(|text| text.starts_with("http"))?),
            mime_type: Some(mime_type),
            ..Attachment::default()
        })
    }
}

impl<'a> Meta<'a> {
    /// The users and bots that a message is meant for.
    fn mentioned(&self) -> Vec<Text<'a>> {
        let targets = [self.target_user, self.target_users, self.target_bot, self.target_bots];
        targets
            .into_iter()
            .flat_map(Json::elements)
            .filter_map(Json::text)
            .collect()
    }
}

/// The id at the end of `https://api.web1on1.chat/v2/users/<id>`.
fn last_segment(address: Text<'_>) -> Text<'_> {
    match address.rsplit_once('/') {
        Some((_, id)) if !id.is_empty() => id.to_owned().into(),
        _ => address,
    }
}
