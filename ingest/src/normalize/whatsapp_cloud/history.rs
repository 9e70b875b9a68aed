//! What was written before a business's phone was joined with the Cloud API (Meta, "history webhook reference"): threads of
//! messages, one event each, the same that it would have been at its time.
//!
//! A message whose file is not given yet is a `media_placeholder`; its content follows under the same id, in a webhook of its
//! own with the same field, and is what the message is from then on.

use schemas::data::{Data, Direction};

use super::content::Sent;
use super::people::{Who, number};
use super::{Line, Mapped, Value, nothing};
use crate::normalize::NewEvent;
use crate::normalize::json::{Json, object};

object! {
    /// A chunk of it; or why there is none.
    Chunk { threads: Json = "threads", }

    /// With one customer: the business's phone shares no groups.
    Thread { id: Json = "id", context: Ids = "context", messages: Json = "messages", }

    Ids { wa_id: Json = "wa_id", user_id: Json = "user_id", }
}

impl<'a> Line<'a, '_, '_> {
    pub(super) fn history(&self, value: &Value<'a>, events: &mut Vec<NewEvent<'a>>) {
        for json in value.history.elements() {
            let before = events.len();
            let chunk: Chunk<'a> = json.read();
            for thread in chunk.threads.elements().map(Json::read::<Thread<'a>>) {
                let wa_id = if thread.context.wa_id.is_there() {
                    thread.context.wa_id
                } else {
                    thread.id
                };
                let customer = self.people.find(wa_id, thread.context.user_id);
                self.each(thread.messages, events, |json| self.remembered(customer.as_ref(), json));
            }
            if events.len() == before {
                events.push(self.known(nothing("no history, or nothing in it"), json));
            }
        }
        self.each(value.messages, events, |json| self.completed(json));
    }

    fn remembered(&self, customer: Option<&Who<'a>>, json: Json<'a>) -> Mapped<'a> {
        let sent: Sent<'a> = json.read();
        let direction = self.direction(&sent, customer);
        let named = match direction {
            Direction::Inbound => self.people.find(sent.from, sent.from_user_id),
            Direction::Outbound => self.people.find(sent.to, sent.to_user_id),
        };
        // The thread's id is always given, and the same for all of them.
        let customer = match (customer.cloned(), named) {
            (Some(customer), Some(named)) => Some(Who {
                alternate_id: customer.alternate_id.or(named.alternate_id),
                ..customer
            }),
            (customer, named) => customer.or(named),
        };
        self.message(direction, customer, &sent, json)
    }

    fn completed(&self, json: Json<'a>) -> Mapped<'a> {
        let sent: Sent<'a> = json.read();
        let direction = self.direction(&sent, None);
        let customer = match direction {
            Direction::Inbound => self.people.find(sent.from, sent.from_user_id),
            Direction::Outbound => self
                .people
                .find(sent.to, sent.to_user_id)
                .or_else(|| self.people.only()),
        };
        let mut event = self.message(direction, customer, &sent, json)?;
        event.data = match event.data {
            Data::MessageCreated(message) => {
                event.identity = vec!["content".into(), message.id.clone()];
                Data::MessageUpdated(message)
            }
            other => other,
        };
        Ok(event)
    }

    /// From us what our number sent; where that is not known, what anyone else than the customer did.
    fn direction(&self, sent: &Sent<'a>, customer: Option<&Who<'a>>) -> Direction {
        let Some(from) = sent.from.text() else {
            return Direction::Inbound;
        };
        let ours = match &self.phone {
            Some(phone) => number(&from).as_ref() == Some(phone),
            None => customer.is_some_and(|customer| customer.id != from),
        };
        if ours { Direction::Outbound } else { Direction::Inbound }
    }
}
