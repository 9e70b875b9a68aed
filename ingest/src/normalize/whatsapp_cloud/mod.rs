//! Meta's `WhatsApp` Cloud API: `{"object", "entry": [{"id", "changes": [{"field", "value"}]}]}`, up to a thousand messages and
//! statuses in one call (Meta, "Webhooks: messages", "Groups API", "Business-scoped user IDs", `smb_message_echoes`, `history`,
//! `smb_app_state_sync`, `standby`).
//!
//! Each message, status, change of a group or of a contact is an event of its own; its raw part is the body if it is alone
//! there, else that element. What the business writes on its own phone comes as an echo: the same messages, the other way. While
//! another program answers in a chat, all of it comes as `standby`, and is the same events.
//!
//! The other fields (templates, quality, payments) say nothing of a conversation: one `unmapped` each, at the time at which the
//! webhook was triggered, so that a template that is paused twice was paused twice.

mod challenge;
mod contacts;
mod content;
mod groups;
mod history;
mod messages;
mod people;
mod statuses;

use schemas::data::{Conversation, Data, Party, Text, Unmapped};
use schemas::time::Timestamp;

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Webhook};
use people::{People, Who, number};

pub(super) const ADAPTER: Adapter = Adapter {
    handshake: challenge::challenge,
    credential: None,
    map,
};

object! {
    Body { kind: Json = "object", entries: Json = "entry", }

    // The time is given where no conversation is: when the webhook was triggered.
    Entry { id: Json = "id", time: Json = "time", changes: Json = "changes", }

    Change { field: Json = "field", value: Value = "value", }

    Value {
        metadata: Metadata = "metadata",
        // Where there are no metadata.
        line: Metadata = "recipient",
        contacts: Json = "contacts",
        messages: Json = "messages",
        statuses: Json = "statuses",
        echoes: Json = "message_echoes",
        errors: Json = "errors",
        standby: Standby = "standby",
        history: Json = "history",
        state_sync: Json = "state_sync",
        user_ids: Json = "user_id_update",
        preferences: Json = "user_preferences",
        groups: Json = "groups",
        calls: Json = "calls",
        // `messaging_handovers`.
        sender: Sender = "sender",
        timestamp: Json = "timestamp",
    }

    Metadata { phone_number_id: Json = "phone_number_id", display_phone_number: Json = "display_phone_number", }

    Standby {
        contacts: Json = "contacts",
        messages: Json = "messages",
        statuses: Json = "statuses",
        echoes: Json = "message_echoes",
    }

    Sender { number: Json = "phone_number", user_id: Json = "user_id", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    if !body.entries.is_there() {
        return Err(Unmapped::because("no entries").of(body.kind.text()));
    }
    let mut events = Vec::new();
    for entry in body.entries.elements() {
        let Entry { id, time, changes } = entry.read();
        let before = events.len();
        for json in changes.elements() {
            let change: Change<'a> = json.read();
            let line = Line {
                triggered: time.time(),
                ..Line::new(webhook, id.short(), &change)
            };
            line.events(json, &change, &mut events);
        }
        if events.len() == before {
            let reason = Unmapped::because("an entry without changes").of(body.kind.text());
            let event = webhook.unmapped_part(reason, entry, None);
            events.push(NewEvent {
                account: id.short(),
                time: time.time(),
                ..event
            });
        }
    }
    // What stands around an event that is alone (names, lines) is kept with it.
    if let [event] = events.as_mut_slice() {
        event.raw = webhook.whole();
    }
    Ok(Normalized::Events(events))
}

/// What the messages and statuses of one change share.
struct Line<'a, 's, 'h> {
    webhook: &'s Webhook<'a, 'h>,
    account: Option<Text<'a>>,
    /// When the webhook was triggered, for what has no time of its own.
    triggered: Option<Timestamp>,
    field: Option<Text<'a>>,
    channel_id: Option<Text<'a>>,
    phone: Option<Text<'a>>,
    people: People<'a>,
}

/// Why there is nothing to say, and whose order it belongs to and when it was, if that is known.
struct Nothing<'a> {
    reason: &'static str,
    conversation: Option<Text<'a>>,
    time: Option<Timestamp>,
}

type Mapped<'a> = Result<NewEvent<'a>, Nothing<'a>>;

fn nothing<'a>(reason: &'static str) -> Mapped<'a> {
    Err(Nothing {
        reason,
        conversation: None,
        time: None,
    })
}

impl<'a, 's, 'h> Line<'a, 's, 'h> {
    fn new(webhook: &'s Webhook<'a, 'h>, account: Option<Text<'a>>, change: &Change<'a>) -> Self {
        let value = &change.value;
        let contacts = value.contacts.elements().chain(value.standby.contacts.elements());
        let ids = [&value.metadata, &value.line].map(|line| line.phone_number_id.short());
        let numbers = [&value.metadata, &value.line].map(|line| line.display_phone_number.short());
        Self {
            webhook,
            account,
            triggered: None,
            field: change.field.short(),
            channel_id: ids.into_iter().flatten().next(),
            phone: numbers.into_iter().flatten().next().as_deref().and_then(number),
            people: People::of(contacts),
        }
    }

    fn events(&self, json: Json<'a>, change: &Change<'a>, events: &mut Vec<NewEvent<'a>>) {
        let before = events.len();
        let value = &change.value;
        match self.field.as_deref() {
            Some("messages") => {
                self.each(value.messages, events, |json| self.received(json));
                self.each(value.statuses, events, |json| self.status(json));
                if value.errors.is_there() {
                    events.push(self.known(nothing("errors that belong to no message"), json));
                }
            }
            Some("standby") => {
                self.each(value.standby.messages, events, |json| self.received(json));
                self.each(value.standby.echoes, events, |json| self.echoed(json));
                self.each(value.standby.statuses, events, |json| self.status(json));
            }
            Some("smb_message_echoes" | "message_echoes") => self.each(value.echoes, events, |json| self.echoed(json)),
            Some("history") => self.history(value, events),
            Some("smb_app_state_sync") => self.each(value.state_sync, events, |json| self.synced(json)),
            Some("user_id_update") => self.each(value.user_ids, events, |json| self.renamed(json)),
            Some("user_preferences") => self.each(value.preferences, events, |json| self.prefers(json)),
            Some(
                "group_lifecycle_update"
                | "group_participants_update"
                | "group_settings_update"
                | "group_status_update",
            ) => self.each(value.groups, events, |json| self.group_change(json)),
            Some("calls") => {
                self.each(value.calls, events, |json| self.call(json));
                self.each(value.statuses, events, |json| self.call(json));
            }
            Some("messaging_handovers") => events.push(self.known(self.handover(value), json)),
            _ => {}
        }
        if events.len() == before {
            events.push(self.known(nothing("no mapping for this field, or nothing in it"), json));
        }
    }

    fn each(&self, list: Json<'a>, events: &mut Vec<NewEvent<'a>>, map: impl Fn(Json<'a>) -> Mapped<'a>) {
        events.extend(list.elements().map(|json| self.known(map(json), json)));
    }

    fn known(&self, mapped: Mapped<'a>, json: Json<'a>) -> NewEvent<'a> {
        mapped.unwrap_or_else(|nothing| {
            let key = nothing.conversation.map(|id| self.ordering_key(&id));
            let reason = Unmapped::because(nothing.reason).of(self.field.clone());
            NewEvent {
                account: self.account.clone(),
                time: nothing.time.or(self.triggered),
                ..self.webhook.unmapped_part(reason, json, key)
            }
        })
    }

    fn ordering_key(&self, conversation: &str) -> String {
        match &self.channel_id {
            Some(line) => format!("{line}/{conversation}"),
            None => conversation.to_owned(),
        }
    }

    fn event(
        &self,
        data: Data<'a>,
        identity: Vec<Text<'a>>,
        moment: Json<'a>,
        conversation: Text<'a>,
        json: Json<'a>,
    ) -> NewEvent<'a> {
        NewEvent {
            data,
            identity,
            time: moment.time(),
            happened: None,
            ordering_key: self.ordering_key(&conversation),
            account: self.account.clone(),
            subject: Some(conversation),
            raw: self.webhook.part(json),
        }
    }

    /// What happened in a conversation and is said by no event of ours.
    fn notice(
        &self,
        reason: &'static str,
        identity: Vec<Text<'a>>,
        moment: Json<'a>,
        conversation: &str,
        json: Json<'a>,
    ) -> NewEvent<'a> {
        let reason = Unmapped::because(reason).of(self.field.clone());
        let key = Some(self.ordering_key(conversation));
        NewEvent {
            identity,
            time: moment.time(),
            account: self.account.clone(),
            ..self.webhook.unmapped_part(reason, json, key)
        }
    }

    /// The chat with that customer.
    fn chat(&self, customer: &Who<'a>) -> Conversation<'a> {
        Conversation {
            id: customer.id.clone(),
            alternate_id: customer.alternate_id.clone(),
            group: Some(false),
            ..self.conversation()
        }
    }

    fn group(&self, id: Text<'a>) -> Conversation<'a> {
        Conversation {
            id,
            group: Some(true),
            ..self.conversation()
        }
    }

    fn conversation(&self) -> Conversation<'a> {
        Conversation {
            channel: Some("whatsapp".into()),
            channel_id: self.channel_id.clone(),
            ..Conversation::default()
        }
    }

    /// Our number.
    fn ours(&self) -> Option<Party<'a>> {
        Some(Party {
            id: Some(self.channel_id.clone()?),
            phone: self.phone.clone(),
            ..Party::default()
        })
    }
}
