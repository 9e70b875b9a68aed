//! How far our messages got.

use schemas::data::{Data, DeliveryStatus, MessageDeletion, MessageStatus};

use super::people::Who;
use super::{Line, Mapped, Nothing, nothing};
use crate::normalize::json::{Json, object};

object! {
    Status {
        id: Json = "id",
        word: Json = "status",
        kind: Json = "type",
        timestamp: Json = "timestamp",
        recipient_id: Json = "recipient_id",
        recipient_user_id: Json = "recipient_user_id",
        recipient_type: Json = "recipient_type",
        participant_id: Json = "recipient_participant_id",
        participant_user_id: Json = "recipient_participant_user_id",
        // The same, as Meta's examples of single statuses have it.
        participant_id_too: Json = "participant_recipient_id",
        errors: Json = "errors",
    }

    Failure { title: Json = "title", message: Json = "message", }
}

impl<'a> Line<'a, '_, '_> {
    pub(super) fn status(&self, json: Json<'a>) -> Mapped<'a> {
        let update: Status<'a> = json.read();
        let Some(recipient) = self.people.find(update.recipient_id, update.recipient_user_id) else {
            return nothing("no recipient");
        };
        let chat = recipient.id.clone();
        let here = |reason| Nothing {
            reason,
            conversation: Some(chat.clone()),
            time: update.timestamp.time(),
        };
        // A payment fails and is captured, and a call rings, under the same member.
        if update.kind.text().is_some_and(|kind| kind != "message") {
            return Err(here("the status of something else than a message"));
        }
        let id = update.id.text().ok_or_else(|| here("no message id"))?;
        let word = update.word.text().ok_or_else(|| here("no status"))?;
        let conversation = if update.recipient_type.text().as_deref() == Some("group") {
            self.group(chat.clone())
        } else {
            self.chat(&recipient)
        };
        let participant_id = if update.participant_id.is_there() {
            update.participant_id
        } else {
            update.participant_id_too
        };
        // In a group a message is delivered to each participant.
        let mut identity = vec!["status".into(), id.clone(), word.clone()];
        identity.extend(participant_id.text().or_else(|| update.participant_user_id.text()));
        let participant = self.people.find(participant_id, update.participant_user_id);
        let status = match &*word {
            "sent" => DeliveryStatus::Sent,
            "delivered" => DeliveryStatus::Delivered,
            "read" => DeliveryStatus::Read,
            "played" => DeliveryStatus::Played,
            "failed" => DeliveryStatus::Failed,
            "deleted" => {
                let deletion = MessageDeletion {
                    id: Some(id),
                    conversation,
                    ..MessageDeletion::default()
                };
                return Ok(self.event(Data::MessageDeleted(deletion), identity, update.timestamp, chat, json));
            }
            _ => return Err(here("no mapping for this status")),
        };
        let failure = update.errors.elements().next().map(Json::read::<Failure<'a>>);
        let data = Data::MessageStatus(MessageStatus {
            id,
            conversation,
            status,
            recipient: participant.map(Who::contact),
            at: None,
            error: failure.and_then(|failure| failure.title.text().or_else(|| failure.message.text())),
            external_id: None,
        });
        Ok(self.event(data, identity, update.timestamp, chat, json))
    }
}
