//! Messages of all types, either way, and what is said of messages: reactions, edits, messages taken back.

use schemas::data::{Data, Direction, MessageDeletion, MessageReaction, Party, PartyKind};

use super::content::Sent;
use super::people::{Who, number};
use super::{Line, Mapped, Nothing, nothing};
use crate::normalize::json::Json;

impl<'a> Line<'a, '_, '_> {
    /// What a customer sent.
    pub(super) fn received(&self, json: Json<'a>) -> Mapped<'a> {
        let sent: Sent<'a> = json.read();
        let customer = self.people.find(sent.from, sent.from_user_id);
        let customer = customer.or_else(|| sent.system.whose()).or_else(|| self.people.only());
        self.message(Direction::Inbound, customer, &sent, json)
    }

    /// What the business sent by other means: on its phone, or by a program other than ours, whose request is shown.
    pub(super) fn echoed(&self, json: Json<'a>) -> Mapped<'a> {
        let mut sent: Sent<'a> = json.read();
        if !sent.kind.is_there() && sent.asked.is_object() {
            sent = Sent {
                id: sent.id,
                timestamp: sent.timestamp,
                ..sent.asked.read::<Sent<'a>>()
            };
        }
        let user_id = if sent.to_user_id.is_there() {
            sent.to_user_id
        } else {
            sent.recipient
        };
        let customer = self.people.find(sent.to, user_id);
        self.message(Direction::Outbound, customer, &sent, json)
    }

    pub(super) fn message(
        &self,
        direction: Direction,
        customer: Option<Who<'a>>,
        sent: &Sent<'a>,
        json: Json<'a>,
    ) -> Mapped<'a> {
        let group = sent.group();
        let Some(chat) = group.clone().or_else(|| Some(customer.as_ref()?.id.clone())) else {
            return nothing("no sender, or no recipient");
        };
        let here = |reason| Nothing {
            reason,
            conversation: Some(chat.clone()),
            time: sent.timestamp.time(),
        };
        let id = sent.id.text().ok_or_else(|| here("no message id"))?;
        let kind = sent.kind.text();
        let renamed = sent
            .system
            .new_id()
            .filter(|new| kind.as_deref() == Some("system") && *new != chat);
        let customer = customer.map(|customer| Who {
            alternate_id: renamed.or(customer.alternate_id),
            ..customer
        });
        let conversation = match (&group, &customer) {
            (None, Some(customer)) => self.chat(customer),
            _ => self.group(chat.clone()),
        };
        let (from, to) = match direction {
            Direction::Inbound => (customer.map(Who::contact), self.ours()),
            Direction::Outbound => (self.sender(sent.from), customer.map(Who::contact)),
        };
        let to = to.filter(|_| group.is_none());
        let (data, identity) = match kind.as_deref() {
            Some("request_welcome") => {
                let identity = vec!["message".into(), id];
                let reason = "no one wrote anything: a customer opened the chat";
                return Ok(self.notice(reason, identity, sent.timestamp, &chat, json));
            }
            Some("reaction") => {
                let of = sent.reaction.message_id.text();
                let reaction = MessageReaction {
                    id: of.ok_or_else(|| here("a reaction to no message"))?,
                    conversation,
                    direction,
                    from,
                    emoji: sent.reaction.emoji.text(),
                };
                (Data::MessageReaction(reaction), vec!["message".into(), id])
            }
            Some("revoke") => {
                let of = sent.revoke.original_id.text();
                let of = of.ok_or_else(|| here("no id of the message that is gone"))?;
                let identity = vec!["deleted".into(), of.clone()];
                let deletion = MessageDeletion {
                    id: Some(of),
                    conversation,
                    by: from,
                    ..MessageDeletion::default()
                };
                (Data::MessageDeleted(deletion), identity)
            }
            Some("edit") => {
                let of = sent.edit.original_id.text();
                let of = of.ok_or_else(|| here("no id of the message that was edited"))?;
                let edited: Sent<'a> = sent.edit.message.read();
                let identity = vec!["edited".into(), of.clone(), id];
                let message = edited.compose(of, conversation, direction, from, to);
                (Data::MessageUpdated(message), identity)
            }
            _ => {
                let identity = vec!["message".into(), id.clone()];
                let message = sent.compose(id, conversation, direction, from, to);
                (Data::MessageCreated(message), identity)
            }
        };
        Ok(self.event(data, identity, sent.timestamp, chat, json))
    }

    /// Our number as the sender; who wrote there, or which program, is not given.
    fn sender(&self, from: Json<'a>) -> Option<Party<'a>> {
        let Some(id) = from.text() else {
            return self.ours();
        };
        Some(Party {
            kind: Some(PartyKind::Agent),
            phone: number(&id),
            id: Some(id),
            ..Party::default()
        })
    }
}
