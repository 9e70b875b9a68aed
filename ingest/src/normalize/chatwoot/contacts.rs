//! The people and groups that write to us, and who is typing.

use schemas::data::{Contact, Data, Presence, PresenceOf, Text};

use super::changes::Changes;
use super::channels::is_group;
use super::{Body, in_account};
use crate::normalize::json::Json;
use crate::normalize::{NewEvent, Webhook, digest, phone};

impl<'a> Body<'a> {
    pub(super) fn contact(&self, event: &Text<'a>, webhook: &Webhook<'a, '_>) -> Option<NewEvent<'a>> {
        let id = self.id.text()?;
        let account = self.account();
        let changes = Changes::of(self.changed_attributes);
        let created = event == "contact_created";
        let mut identity = vec![event.clone(), account.clone(), id.clone()];
        if !created {
            // Old versions do not say what changed.
            let said = !changes.is_empty();
            identity.push(if said {
                changes.identity()
            } else {
                digest(webhook.body).into()
            });
        }
        let time = changes.at().or_else(|| self.created_at.time().filter(|_| created));
        let identifier = changes.after("identifier", self.identifier);
        let contact = Contact {
            id: id.clone(),
            name: changes.after("name", self.name).text(),
            phone: phone::of_json(changes.after("phone_number", self.phone_number)),
            email: changes.after("email", self.email).text(),
            identifier: identifier.text(),
            group: is_group([self.group_type, Json::default()], [identifier, Json::default()]),
            blocked: changes.after("blocked", self.blocked).flag(),
            changed: changes.into_names(),
            ..Contact::default()
        };
        Some(NewEvent {
            data: if created {
                Data::ContactCreated(contact)
            } else {
                Data::ContactUpdated(contact)
            },
            identity,
            time,
            happened: None,
            ordering_key: in_account(&account, &format!("contact/{id}").into()).into_owned(),
            account: self.known_account(),
            subject: Some(id),
            raw: webhook.whole(),
        })
    }

    pub(super) fn typing(&self, event: &Text<'a>, webhook: &Webhook<'a, '_>) -> Option<NewEvent<'a>> {
        let number = self.conversation.id.text()?;
        let conversation = self.chat()?;
        let who = self.user.id.text()?;
        let mut identity = vec![
            event.clone(),
            self.account(),
            number,
            self.user.kind.text().unwrap_or_default(),
            who.clone(),
        ];
        // These have no numbers or dates; without the delivery's id, equal ones within a span are one.
        identity.extend(webhook.header("x-chatwoot-delivery").map(|id| id.to_owned().into()));
        let state = match &**event {
            "conversation_typing_on" => "typing",
            "conversation_recording" => "recording",
            _ => "paused",
        };
        Some(NewEvent {
            identity,
            time: None,
            happened: None,
            ordering_key: conversation.id.clone().into_owned(),
            account: self.known_account(),
            subject: Some(conversation.id.clone()),
            data: Data::PresenceUpdated(Presence {
                conversation,
                parties: vec![PresenceOf {
                    id: who,
                    state: state.into(),
                }],
            }),
            raw: webhook.whole(),
        })
    }
}
