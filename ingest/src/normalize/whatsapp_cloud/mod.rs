//! Meta's `WhatsApp` Cloud API: `{"object", "entry": [{"id", "changes": [{"field", "value"}]}]}`, up to a thousand messages and
//! statuses in one call (Meta, "Webhooks: messages", "Groups API", "Business-scoped user IDs", `smb_message_echoes`).
//!
//! Each message and each status is an event of its own; its raw part is the body if it is alone there, else that element. A
//! customer who hides their number has only the id that is theirs with this business (`from_user_id`); that one is taken
//! where there is no number. What the business writes on its own phone comes as an echo: the same messages, the other way.
//!
//! The other fields (templates, quality, calls, group settings, history) say nothing of a conversation: one `unmapped` each.

mod challenge;
mod messages;
mod statuses;

use std::collections::BTreeMap;

use schemas::data::{Data, Direction, Party, PartyKind, Text, Unmapped};
use schemas::source::{Encoding, Hash, HmacScheme, Scheme};

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Webhook};

pub(super) const ADAPTER: Adapter = Adapter {
    preset: || {
        Scheme::Hmac(HmacScheme {
            prefix: "sha256=".to_owned(),
            ..HmacScheme::of_body(Hash::Sha256, Encoding::Hex, "x-hub-signature-256")
        })
    },
    handshake: challenge::challenge,
    credential: None,
    map,
};

object! {
    Body { kind: Json = "object", entries: Json = "entry", }

    Entry { id: Json = "id", changes: Json = "changes", }

    Change { field: Json = "field", value: Value = "value", }

    Value {
        metadata: Metadata = "metadata",
        contacts: Json = "contacts",
        messages: Json = "messages",
        statuses: Json = "statuses",
        echoes: Json = "message_echoes",
        errors: Json = "errors",
    }

    Metadata { phone_number_id: Json = "phone_number_id", display_phone_number: Json = "display_phone_number", }

    Contact { wa_id: Json = "wa_id", user_id: Json = "user_id", profile: Profile = "profile", }

    Profile { name: Json = "name", username: Json = "username", }

}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    if !body.entries.is_there() {
        return Err(Unmapped::because("no entries").of(body.kind.text()));
    }
    let mut events = Vec::new();
    for entry in body.entries.elements() {
        let Entry { id, changes } = entry.read();
        let before = events.len();
        for json in changes.elements() {
            let change: Change<'a> = json.read();
            let line = Line::new(webhook, id.short(), &change);
            line.events(json, &change, &mut events);
        }
        if events.len() == before {
            let reason = Unmapped::because("an entry without changes").of(body.kind.text());
            let event = webhook.unmapped_part(reason, entry, None);
            events.push(NewEvent {
                account: id.short(),
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
    field: Option<Text<'a>>,
    channel_id: Option<Text<'a>>,
    phone: Option<Text<'a>>,
    /// Names by `wa_id` and `user_id`.
    names: BTreeMap<Text<'a>, Text<'a>>,
}

/// Why there is nothing to say, and whose order it belongs to, if that is known.
struct Nothing<'a> {
    reason: &'static str,
    conversation: Option<Text<'a>>,
}

type Mapped<'a> = Result<NewEvent<'a>, Nothing<'a>>;

fn nothing<'a>(reason: &'static str) -> Mapped<'a> {
    Err(Nothing {
        reason,
        conversation: None,
    })
}

impl<'a, 's, 'h> Line<'a, 's, 'h> {
    fn new(webhook: &'s Webhook<'a, 'h>, account: Option<Text<'a>>, change: &Change<'a>) -> Self {
        let mut names = BTreeMap::new();
        for contact in change.value.contacts.elements().map(Json::read::<Contact<'a>>) {
            let Some(name) = contact
                .profile
                .name
                .short()
                .or_else(|| contact.profile.username.short())
            else {
                continue;
            };
            for id in [contact.wa_id, contact.user_id].into_iter().filter_map(Json::text) {
                names.insert(id, name.clone());
            }
        }
        Self {
            webhook,
            account,
            field: change.field.short(),
            channel_id: change.value.metadata.phone_number_id.short(),
            phone: change.value.metadata.display_phone_number.short(),
            names,
        }
    }

    fn events(&self, json: Json<'a>, change: &Change<'a>, events: &mut Vec<NewEvent<'a>>) {
        let before = events.len();
        match self.field.as_deref() {
            Some("messages") => {
                let sent = |json| self.message(Direction::Inbound, json);
                events.extend(
                    change
                        .value
                        .messages
                        .elements()
                        .map(|json| self.known(sent(json), json)),
                );
                let statuses = change.value.statuses.elements();
                events.extend(statuses.map(|json| self.known(self.status(json), json)));
                if change.value.errors.is_there() {
                    events.push(self.known(nothing("errors that belong to no message"), json));
                }
            }
            Some("smb_message_echoes") => {
                let echoes = change.value.echoes.elements();
                events.extend(echoes.map(|json| self.known(self.message(Direction::Outbound, json), json)));
            }
            _ => {}
        }
        if events.len() == before {
            events.push(self.known(nothing("no mapping for this field, or nothing in it"), json));
        }
    }

    fn known(&self, mapped: Mapped<'a>, json: Json<'a>) -> NewEvent<'a> {
        mapped.unwrap_or_else(|nothing| {
            let key = nothing.conversation.map(|id| self.ordering_key(&id));
            let reason = Unmapped::because(nothing.reason).of(self.field.clone());
            NewEvent {
                account: self.account.clone(),
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
            ordering_key: self.ordering_key(&conversation),
            account: self.account.clone(),
            subject: Some(conversation),
            raw: self.webhook.part(json),
        }
    }

    /// `phone` is the customer's number, where they show it.
    fn contact(&self, id: Text<'a>, phone: Json<'a>) -> Party<'a> {
        Party {
            name: self.names.get(&id).cloned(),
            kind: Some(PartyKind::Contact),
            phone: phone.text(),
            id: Some(id),
            ..Party::default()
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
